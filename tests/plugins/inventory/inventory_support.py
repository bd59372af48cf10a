"""Days worked by hand, and episodes of a policy, for the tests of the inventory domain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.registry.resolve import resolve


def one_day(model: Any, quantities: Any, demand: Any, state: Any = None) -> tuple[Any, Any]:
    """Order ``quantities`` against ``demand`` in a single environment: the next state and the flow."""
    state = model.initial_state(1) if state is None else state
    return model.step(state, model.orders.actions(np.array([quantities], float)), _row(demand))


def days(
    model: Any, quantities: Sequence[Any], demand: Sequence[Any], state: Any = None
) -> tuple[list[Any], list[Any]]:
    """States after each day and flows of each day, from the initial state on."""
    states, flows = [], []
    for ordered, demanded in zip(quantities, demand, strict=True):
        state, flow = one_day(model, ordered, demanded, state)
        states.append(state)
        flows.append(flow)
    return states, flows


def money(flow: Any) -> dict[str, float]:
    """The terms of a single environment's flow."""
    return {name: float(values[0]) for name, values in flow.terms.items()}


def series(states: Sequence[Any], name: str) -> list[Any]:
    """A state array of a single environment, state after state."""
    return [state[name][0].tolist() for state in states]


def ordered(rule: Any, parameters: Sequence[float], **state: Any) -> Any:
    """What a parametric rule orders in one state, given without the batch axis."""
    batch = {name: np.array([values], float) for name, values in state.items()}
    return rule(np.array([parameters], float), batch)[0].tolist()


def play(envs: Any, policy: Any, seed: int = 0) -> dict[str, Any]:
    """Metrics of one episode of every environment of a native batch under a policy."""
    observation, _ = envs.reset(seed=seed)
    policy.reset(envs.num_envs, seed)
    while True:
        observation, _, terminated, truncated, info = envs.step(policy.act(observation))
        if (terminated | truncated).any():
            metrics: dict[str, Any] = info["final_info"]["metrics"]
            return metrics


def made(task: Any, num_envs: int | None = None, **settings: Any) -> Any:
    """A task's single environment, or a native batch, with the default reward."""
    config = resolve(task.config).model_validate(settings)
    reward = resolve(task.rewards)[task.default_reward]
    if num_envs is None:
        return resolve(task.make)(config, reward, None)
    return resolve(task.make_vec)(config, reward, num_envs)


def _row(demand: Any) -> Any:
    return np.atleast_1d(np.array(demand, float))[None]

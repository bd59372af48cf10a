"""An environment of evaluation, its agents as rows, that can be brought to a decision again."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api.errors import MisfitError, RunFailedError
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Element, Info, Json, Space
from sandbox.envs.env_state import get_state, restore_counters, set_state, wrapper_counters
from sandbox.envs.fields import observation_fields
from sandbox.envs.single import EnvFactory
from sandbox.scenarios.resolve import ResolvedScenario


@dataclass
class _Saved:
    """A decision of an episode as `Stage.save` keeps it."""

    state: Json
    layers: list[Json]
    observation: Element
    info: Info
    held: Any = None


class Stage:
    """One environment of evaluation; an environment of one agent has one row.

    Args:
        scenario: What is played.
        render_mode: As in Gymnasium.

    Attributes:
        env: The environment, several agents joined.
        bare: The task's own environment.
        rows: Rows of a batch of observations and actions.
        space: Action space of a row.
        seen: Observation space of a row.
        fields: What its numbers are, by agent; see `sandbox.envs.fields`.
        observation: Batch of what the rows see now.
        info: Of the last reset or step.
        over: Whether the episode has ended.
    """

    def __init__(self, scenario: ResolvedScenario, render_mode: str | None = None) -> None:
        self.scenario = scenario
        self.env: Any = EnvFactory(scenario, evaluation=True, render_mode=render_mode)()
        agents = getattr(self.env, "agents", None)
        self.names: tuple[str, ...] = tuple(agents or ())
        self.rows, self._joint = len(self.names) or 1, bool(self.names)
        self.bare: Any = getattr(self.env, "parallel", self.env).unwrapped
        self.space: Space = getattr(self.env, "row_action_space", self.env.action_space)
        self.seen: Space = getattr(self.env, "row_observation_space", self.env.observation_space)
        self.fields = observation_fields(scenario, getattr(self.env, "parallel", self.env))
        self.observation: Element = None
        self.info: Info = {}
        self.over = True
        self._held: Any = None

    @property
    def mask(self) -> Array | None:
        """Allowed actions of the rows, shape ``(rows, n)``; None where there is no mask."""
        mask = self.info.get("action_mask")
        if mask is None:
            return None
        return np.asarray(mask, bool) if self._joint else np.asarray(mask, bool)[None]

    @property
    def redraws(self) -> bool:
        """Whether chance after a decision can be drawn again; see `sandbox.api.Task.resume`."""
        return callable(getattr(self.bare, "redraw", None)) and bool(getattr(self.bare, "can_redraw", True))

    def choices(self, row: int) -> bool:
        """Whether a row is there and has a choice."""
        active = self.info.get("active")
        if active is not None and not active[row]:
            return False
        mask = self.mask
        return mask is None or int(mask[row].sum()) > 1

    def reset(self, seed: int) -> None:
        """Begin the episode of a seed."""
        observation, self.info = self.env.reset(seed=seed)
        self._see(observation)
        self.over = False

    def step(self, actions: Array) -> tuple[Array, dict[str, float]]:
        """Step with an action for every row.

        Returns:
            Reward of every row, and the reward terms, means over rows.
        """
        action: Element = actions
        if not self._joint:
            action = int(actions[0]) if isinstance(self.space, gym.spaces.Discrete) else actions[0]
        observation, reward, terminated, truncated, self.info = self.env.step(action)
        self._see(observation)
        self.over = bool(terminated or truncated)
        terms = {name: float(np.mean(value)) for name, value in self.info.get("reward_terms", {}).items()}
        rewards = self.info["agent_rewards"] if self._joint else np.array([float(reward)])
        return np.asarray(rewards, np.float64), terms

    def act(self, policy: Policy, deterministic: bool) -> Array:
        """What a policy does now, an action for every row, in the type of the action space."""
        return np.asarray(policy.act(self.observation, self.mask, deterministic), self.space.dtype)

    def save(self, hold: bool = False) -> Any:
        """The present decision, for `restore`.

        Args:
            hold: Whether the episode will not be played to its end: then an environment that has ``hold`` and
                ``go_on`` may keep the moment itself. It is kept until the next call.

        Raises:
            PluginError: If the task claims to save its state and does not.
        """
        layers = wrapper_counters(self.env)
        state, observation = get_state(self.bare), deepcopy(self.observation)
        self._release()
        if hold and callable(getattr(self.bare, "hold", None)):
            self._held = self.bare.hold()
        return _Saved(state, layers, observation, dict(self.info), self._held)

    def restore(self, saved: Any) -> None:
        """Go back to a decision of any earlier episode."""
        if saved.held is not None:
            self.bare.go_on(saved.held)
        else:
            set_state(self.bare, saved.state)
        restore_counters(self.env, saved.layers)
        self.observation, self.info, self.over = deepcopy(saved.observation), dict(saved.info), False

    def redraw(self, future: int) -> None:
        """Draw again what chance has still to decide.

        Raises:
            MisfitError: If the task cannot do that.
        """
        if not self.redraws:
            raise MisfitError(f"The task {self.scenario.spec.task} cannot draw the future again.")
        self.bare.redraw(future)

    def metric(self) -> float:
        """The scenario's metric of the ended episode, turned so that higher is better."""
        name = self.scenario.metric.name
        try:
            value = float(self.info["metrics"][name])
        except KeyError:
            raise RunFailedError(f"The environment reported no metric '{name}' at its end.") from None
        return value if self.scenario.metric.better == "higher" else -value

    def close(self) -> None:
        """Close the environment."""
        self._release()
        self.env.close()

    def _release(self) -> None:
        if self._held is not None:
            self._held.release()
            self._held = None

    def _see(self, observation: Element) -> None:
        self.observation = observation if self._joint else _batched(observation)


def replay(stage: Stage, seed: int, actions: Sequence[Any], policies: Sequence[tuple[Policy, bool]]) -> None:
    """Play an episode's first steps again, policies that remember something looking on.

    Args:
        stage: Where.
        seed: The episode's seed.
        actions: Actions of all rows for each step.
        policies: Each with whether it takes its mode.
    """
    stage.reset(seed)
    for policy, _ in policies:
        policy.reset(stage.rows, seed)
    for chosen in actions:
        for policy, deterministic in policies:
            stage.act(policy, deterministic)
        stage.step(np.asarray(chosen, stage.space.dtype))


def _batched(observation: Element) -> Element:
    if isinstance(observation, dict):
        return {key: _batched(value) for key, value in observation.items()}
    return np.asarray(observation)[None]

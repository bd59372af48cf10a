"""Demand that is drawn again from a period on: the past stays, and what comes has its distribution."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.envs.make import make
from sandbox.envs.vector import native
from sandbox.scenarios.given import as_scenario


def scenario(name: str = "lost-sales-l2-p9", *changes: str):
    return as_scenario(f"inventory/{name}", ("evaluation.config.horizon=600", *changes))


def order(env):
    return np.zeros(env.action_space.shape, np.float32)


def demand_from(env, periods: int) -> list[float]:
    demanded = []
    for _ in range(periods):
        env.step(order(env))
        demanded.append(float(env.unwrapped.core.last_flow.demand[0]))
    return demanded


@pytest.mark.parametrize("played", [0, 10, 255, 256, 300])
def test_demand_from_now_on_is_another_and_the_same_seed_gives_the_same(played: int) -> None:
    env = make(scenario(), evaluation=True)
    env.reset(seed=5)
    demand_from(env, played)
    state = env.unwrapped.get_state()
    futures = []
    for seed in (1, 2, 1):
        env.unwrapped.set_state(state)
        env.unwrapped.redraw(seed)
        futures.append(demand_from(env, 300))
    assert futures[0] == futures[2] != futures[1]
    assert np.mean(futures[0] + futures[1]) == pytest.approx(5.0, abs=0.4)


def test_a_row_of_the_batch_plays_on_as_the_single_environment_does() -> None:
    env = make(scenario(), evaluation=True)
    env.reset(seed=5)
    demand_from(env, 20)
    state = env.unwrapped.get_state()
    envs = native(scenario(), 3, evaluation=True)
    envs.unwrapped.branch(state, [7, 8, 7])
    actions = np.zeros((3, *env.action_space.shape), np.float32)
    rewards = np.array([envs.step(actions)[1] for _ in range(50)])
    env.unwrapped.set_state(state)
    env.unwrapped.redraw(7)
    assert rewards[:, 0].tolist() == [env.step(order(env))[1] for _ in range(50)]
    assert (rewards[:, 0] == rewards[:, 2]).all()
    assert (rewards[:, 0] != rewards[:, 1]).any()


def test_demand_that_remembers_cannot_be_drawn_again() -> None:
    env = make(scenario("lost-sales-l2-p9", "config.demand={kind: ar1, mean: 5, std: 1}"), evaluation=True)
    assert not env.unwrapped.can_redraw

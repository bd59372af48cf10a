"""Promises that every single-agent task keeps, for random parameters where they matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from inventory_support import made

import sandbox
from sandbox.registry.discover import registry
from sandbox.registry.resolve import resolve

TASKS = [task for task in registry().domain("inventory").tasks if task.agents == "single"]


def _settings(task: Any) -> dict[str, Any]:
    fields = resolve(task.config).model_fields
    return {"horizon": 300} if "horizon" in fields and task.name not in FINITE else {}


FINITE = {"beer-game-central", "network", "skus"}


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_batch_plays_the_single_environments_step_by_step(task: Any) -> None:
    single, batch = made(task, None, **_settings(task)), made(task, 3, **_settings(task))
    batch.action_space.seed(1)
    seeds = [11, 12, 13]
    observation, _ = batch.reset(seed=seeds)
    actions, paths = [], [(observation, None, None)]
    for _ in range(320):
        action = batch.action_space.sample()
        actions.append(action)
        observation, reward, terminated, truncated, info = batch.step(action)
        paths.append((observation, reward, info))
        if (terminated | truncated).any():
            break
    for env, seed in enumerate(seeds):
        first, _ = single.reset(seed=seed)
        np.testing.assert_array_equal(first, paths[0][0][env])
        for number, action in enumerate(actions):
            observation, reward, terminated, truncated, info = single.step(action[env])
            expected, rewards, batch_info = paths[number + 1]
            assert reward == rewards[env]
            if terminated or truncated:
                np.testing.assert_array_equal(observation, batch_info["final_obs"][env])
                final = batch_info["final_info"]["metrics"]
                assert info["metrics"] == {name: final[name][env] for name in info["metrics"]}
            else:
                np.testing.assert_array_equal(observation, expected[env])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("num_envs", [None, 3], ids=["single", "native"])
def test_a_saved_state_goes_on_bit_by_bit(task: Any, num_envs: int | None) -> None:
    first, second = made(task, num_envs, **_settings(task)), made(task, num_envs, **_settings(task))
    first.reset(seed=5)
    first.action_space.seed(0)
    actions = [first.action_space.sample() for _ in range(600)]
    for action in actions[:20]:
        first.step(action)
    second.set_state(first.get_state())
    for action in actions[20:]:
        left, right = first.step(action), second.step(action)
        np.testing.assert_array_equal(left[0], right[0])
        np.testing.assert_array_equal(left[1], right[1])
        if np.any(left[2]) or np.any(left[3]):
            if num_envs is None:
                np.testing.assert_array_equal(first.reset()[0], second.reset()[0])
            else:
                metrics = [outcome[4]["final_info"]["metrics"] for outcome in (left, right)]
                for name in metrics[0]:
                    np.testing.assert_array_equal(metrics[0][name], metrics[1][name])


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_the_weighted_terms_are_the_reward_and_the_cost_is_their_mean(task: Any) -> None:
    env = made(task, None, **_settings(task))
    env.reset(seed=1)
    env.action_space.seed(1)
    costs = []
    while True:
        _, reward, terminated, truncated, info = env.step(env.action_space.sample())
        terms = info["reward_terms"]
        weights = env.reward.weights
        assert reward == pytest.approx(sum(weights[name] * terms[name] for name in terms))
        costs.append(sum(value for name, value in terms.items() if name != "revenue"))
        if terminated or truncated:
            break
    counted = costs[env.core.model.config.warmup :]
    assert info["metrics"]["cost"] == pytest.approx(np.mean(counted))
    assert set(info["metrics"]) == {metric.name for metric in task.metrics}


@pytest.mark.parametrize("scenario", ["inventory/lost-sales", "inventory/beer-game"])
def test_demand_and_what_means_are_over_do_not_depend_on_orders(scenario: str) -> None:
    """What the contract's check `outer-events` rests on, of one agent and of several."""
    told = []
    for end in ("low", "high"):
        env = sandbox.make(scenario, changes=["horizon=12", "warmup=2"])
        first, events = getattr(env, "possible_agents", [None])[0], []
        env.reset(seed=3)
        for _ in range(12):
            if first is None:
                info = env.step(getattr(env.action_space, end))[4]
            else:
                actions = {agent: getattr(env.action_space(agent), end) for agent in env.possible_agents}
                info = env.step(actions)[4][first]
            events.append(info["exogenous"]["demand"])
        told.append((events, info["denominators"]))
    assert told[0] == told[1]
    demand, denominators = told[0]
    assert denominators["cost"] == 10
    assert denominators["fill_rate"] == sum(demand[2:])

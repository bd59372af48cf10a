"""The toy tasks are what they say: known values, contract, native batch equal to single environments."""

import os
import sys
from functools import partial
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import yaml
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from pettingzoo.test import parallel_api_test, parallel_seed_test

from sandbox.api import Scenario

sys.path.insert(0, str(Path(__file__).parent))

import toy_corridor
import toy_forage
import toy_regulator
import toy_stall
import toy_tag

from sandbox.registry.discover import PLUGINS_VARIABLE, Registry

with mock.patch.dict(os.environ, {PLUGINS_VARIABLE: str(Path(__file__).parent / "plugin.py")}):
    domain = Registry().domain("toy")

TASKS = {task.name: task for task in domain.tasks}


def resolve(name):
    module, attribute = name.split(":")
    return getattr(import_module(module), attribute)


def make(name, **config):
    task = TASKS[name]
    rewards = resolve(task.rewards)
    preset = task.default_reward or next(iter(rewards))
    return resolve(task.make)(resolve(task.config)(**config), rewards[preset], None)


def play(env, policy, seed):
    """Return of one episode, its length, and the last info."""
    observation, info = env.reset(seed=seed)
    policy.reset(1, seed)
    total, steps, ended = 0.0, 0, False
    while not ended:
        if isinstance(observation, dict):
            batch = {key: np.asarray(value)[None] for key, value in observation.items()}
        else:
            batch = observation[None]
        action = policy.act(batch, info.get("action_mask"))[0]
        observation, reward, terminated, truncated, info = env.step(action)
        expected = env.reward.total(info["reward_terms"])
        assert reward == pytest.approx(expected, abs=1e-12)
        total, steps, ended = total + reward, steps + 1, terminated or truncated
    return total, steps, info


def mean_return(env, policy, episodes):
    return np.mean([play(env, policy, seed)[0] for seed in range(episodes)])


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.agents == "single"])
def test_gymnasium_finds_nothing_wrong_with_a_single_agent_toy(name, recwarn):
    check_env(make(name), skip_render_check=True)
    # The regulator's force is not normalised, so that algorithms are seen to cope with its bounds.
    expected = ("normalized space", "spec")
    assert [w for w in recwarn if not any(phrase in str(w.message) for phrase in expected)] == []


def test_pettingzoo_finds_nothing_wrong_with_the_parallel_toy():
    parallel_api_test(make("tag"), num_cycles=300)
    parallel_seed_test(lambda: make("tag"))


def test_every_scenario_of_the_toys_is_valid_and_fits_its_task():
    files = sorted((Path(__file__).parent / "scenarios" / "toy").glob("*.yaml"))
    assert len(files) == 7
    for file in files:
        scenario = Scenario.model_validate(yaml.safe_load(file.read_text()))
        task = TASKS[scenario.task.removeprefix("toy/")]
        assert scenario.id == f"toy/{file.stem}"
        assert scenario.metric in {metric.name for metric in task.metrics}
        resolve(task.config)(**scenario.config)


def test_every_metric_is_reported_at_the_end_and_only_there():
    rng = np.random.default_rng(0)
    for name in ("corridor", "regulator", "forage", "stall"):
        env = make(name)
        _, info = env.reset(seed=1)
        ended = False
        while not ended:
            assert "metrics" not in info
            action = rng.integers(env.action_space.n) if hasattr(env.action_space, "n") else [0.1]
            _, _, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
        assert set(info["metrics"]) == {metric.name for metric in TASKS[name].metrics}


def test_corridor_moves_as_in_the_book():
    env = make("corridor")
    env.reset(seed=0)
    cells = [env.cell]
    for action in (0, 1, 1, 0, 0, 0, 1):  # left, right, right (switched), right again, …
        env.step(action)
        cells.append(env.cell)
    assert cells == [0, 0, 1, 0, 0, 0, 0, 1]
    assert env.step(0)[2] is False
    assert env.cell == 2
    _, reward, terminated, truncated, info = env.step(1)
    assert (reward, terminated, truncated) == (-1.0, True, False)
    assert info["metrics"] == {"steps": 9.0}


def test_corridor_has_the_published_optimum():
    # Sutton & Barto, Example 13.1: about -11.6 at about 0.59; the ε-greedy actions give -44 and -82.
    assert toy_corridor.value(toy_corridor.OPTIMAL_P) == pytest.approx(-(6 + 4 * 2**0.5))
    assert toy_corridor.value(0.95) == pytest.approx(-44.2, abs=0.05)
    assert toy_corridor.value(0.05) == pytest.approx(-82.1, abs=0.05)
    env = make("corridor")
    returns = [play(env, toy_corridor.make_optimal(env), seed)[0] for seed in range(2000)]
    error = np.std(returns) / np.sqrt(len(returns))
    assert abs(np.mean(returns) - toy_corridor.value(toy_corridor.OPTIMAL_P)) < 4 * error


def test_riccati_controller_earns_its_closed_form_return_and_no_other_constant_gain_does_better():
    env = make("regulator")
    exact = toy_regulator.optimal_return(env.config, env.reward.weights)
    optimal = toy_regulator.make_optimal(env)
    returns = [play(env, optimal, seed)[0] for seed in range(1000)]
    error = np.std(returns) / np.sqrt(len(returns))
    assert abs(np.mean(returns) - exact) < 4 * error
    for gain in (0.5, 0.8, 1.2):
        other = toy_regulator.GainPolicy(np.array([gain]), env.config.force)
        assert mean_return(env, other, 200) < np.mean(returns[:200])


def test_native_batch_plays_the_single_environments_step_by_step_infos_included():
    config, reward = toy_regulator.RegulatorConfig(axes=2, horizon=5), toy_regulator.REWARDS["quadratic"]
    native = toy_regulator.make_vec(config, reward, 3)
    single = SyncVectorEnv(
        [partial(toy_regulator.make, config, reward)] * 3, autoreset_mode=AutoresetMode.SAME_STEP
    )
    for seed in (7, [11, 3, 5]):
        np.testing.assert_array_equal(native.reset(seed=seed)[0], single.reset(seed=seed)[0])
        rng = np.random.default_rng(0)
        for _ in range(12):
            actions = rng.uniform(-3, 3, (3, 2)).astype(np.float32)
            ours, theirs = native.step(actions), single.step(actions)
            for mine, other in zip(ours[:4], theirs[:4], strict=True):
                np.testing.assert_array_equal(mine, other)
            assert_same_info(ours[4], theirs[4])


def test_native_corridors_end_one_by_one_as_the_single_environments_do():
    config, reward = toy_corridor.CorridorConfig(horizon=9), toy_corridor.REWARDS["steps"]
    native = toy_corridor.make_vec(config, reward, 4)
    single = SyncVectorEnv(
        [partial(toy_corridor.make, config, reward)] * 4, autoreset_mode=AutoresetMode.SAME_STEP
    )
    np.testing.assert_array_equal(native.reset(seed=0)[0], single.reset(seed=0)[0])
    rng, ends = np.random.default_rng(0), np.zeros(2)
    for _ in range(100):
        actions = rng.integers(0, 2, 4)
        ours, theirs = native.step(actions), single.step(actions)
        for mine, other in zip(ours[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(mine, other)
        assert_same_info(ours[4], theirs[4])
        ends += ours[2].sum(), ours[3].sum()
    assert (ends > 5).all()


OUTER = ("exogenous", "denominators")
"""What single environments alone tell, for the contract suite."""


def assert_same_info(ours, theirs):
    theirs = {key: value for key, value in theirs.items() if key.lstrip("_") not in OUTER}
    assert set(ours) == set(theirs)
    for key, value in theirs.items():
        if isinstance(value, dict):
            assert_same_info(ours[key], value)
        elif value.dtype == object:
            for mine, other in zip(ours[key], value, strict=True):
                np.testing.assert_array_equal(mine, other)
        else:
            np.testing.assert_allclose(ours[key], value, rtol=1e-12)


def test_forbidden_actions_do_nothing_and_are_counted():
    env = make("forage")
    observation, info = env.reset(seed=0)
    forbidden = int(np.flatnonzero(~info["action_mask"])[0])
    after, reward, _, _, info = env.step(forbidden)
    np.testing.assert_array_equal(after, observation)
    assert info["forbidden"]
    assert reward == pytest.approx(-0.1)
    assert info["reward_terms"] == {"eaten": 0.0, "time": 1.0, "forbidden": 1.0}


def test_greedy_forager_clears_the_grid_without_a_forbidden_action():
    env = make("forage")
    for seed in range(50):
        _, steps, info = play(env, toy_forage.make_greedy(env), seed)
        assert info["metrics"] == {"duration": steps, "eaten": 3.0, "forbidden": 0.0}
        assert steps <= 3 * (2 * (env.config.size - 1) + 1)


def test_hunters_leave_one_by_one_and_the_last_infos_hold_the_metrics():
    env = make("tag")
    chase = toy_tag.make_chase(env)
    early = 0
    for seed in range(50):
        env.reset(seed=seed)
        presence = [set(env.agents)]
        while env.agents:
            actions = dict(zip(env.possible_agents, chase.act(None), strict=True))
            _, rewards, _, _, infos = env.step({agent: actions[agent] for agent in env.agents})
            for agent, info in infos.items():
                assert rewards[agent] == env.reward.total(info["reward_terms"])
            presence.append(set(env.agents))
        assert all(later <= before for before, later in pairwise(presence))
        early += len({frozenset(present) for present in presence}) > 2
        metrics = next(iter(infos.values()))["metrics"]
        assert metrics == {"duration": len(presence) - 1, "touched": 3.0}
    assert early > 25  # in most games some hunter leaves before the others


def test_optimal_buyer_is_the_brute_force_minimum():
    env = make("stall")
    gap = []
    for seed in range(20):
        env.reset(seed=seed)
        best = -sum(_offers_cost(env, seed))
        assert play(env, toy_stall.make_optimal(env), seed)[0] == pytest.approx(best, abs=1e-5)
        gap.append(best - play(env, toy_stall.make_cheapest(env), seed)[0])
    assert min(gap) >= -1e-5
    assert max(gap) > 0.5


def _offers_cost(env, seed):
    """The least cost of every purchase of the day, offer by offer."""
    observation, _ = env.reset(seed=seed)
    for _ in range(env.config.purchases):
        loss = (0.0, 0.4, 0.8)[int(observation["weather"])]
        yield min(
            float(price) + loss * int(stale)
            for price, stale in zip(observation["prices"], observation["stale"], strict=True)
        )
        observation = env.step(0)[0]

"""Baselines as policies: they play what they planned, row by row, and plan anew when they are reset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chip_support import occupied_cells

from sandbox.api import InvalidValueError
from sandbox_chip import baselines
from sandbox_chip.config import ChipConfig
from sandbox_chip.env import make, make_vec
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.overlap_annealing import overlap_annealing
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.rest import rest
from sandbox_chip.reward import PRESETS

SMALL = {"grid": 12, "macros_min": 5, "macros_max": 7}

ROOMY = {"grid": 20, "macros_min": 5, "macros_max": 6, "utilisation_min": 0.2, "utilisation_max": 0.3}
"""Macros that have been placed anyhow leave room for the rest."""


def play(env: Any, policy: Any, seed: int) -> dict[str, float]:
    """Metrics of an episode."""
    observation, info = env.reset(seed=seed)
    policy.reset(1, seed)
    while True:
        action = policy.act(observation, info["action_mask"])
        observation, _, ended, _, info = env.step(action[0])
        assert not info["moved"]
        if ended:
            return info["metrics"]


@pytest.mark.parametrize(
    ("policy_of", "search", "evaluations"),
    [
        (baselines.hill_climbing_policy, hill_climbing, 500),
        (baselines.annealing_policy, anneal, 100_000),
        (baselines.rebuild_policy, rebuild, 5_000),
        (baselines.overlap_annealing_policy, overlap_annealing, 100_000),
    ],
)
def test_a_baseline_plays_what_its_search_finds_with_a_fixed_amount_of_work(
    policy_of: Any, search: Any, evaluations: int
) -> None:
    env = make(ChipConfig(**SMALL), PRESETS["wirelength"])
    metrics = play(env, policy_of(env), 3)
    result = search(env.core.episode.problem, SearchBudget(None, evaluations), env.core.episode.seed)
    assert metrics["hpwl"] == pytest.approx(result.cost)
    np.testing.assert_array_equal(env.core.episode.state.places, result.places)


def test_the_greedy_baseline_plays_the_greedy_placement_of_every_row() -> None:
    envs = make_vec(ChipConfig(**SMALL), PRESETS["wirelength"], 3)
    policy = baselines.greedy_policy(envs)
    observation, info = envs.reset(seed=[1, 2, 3])
    policy.reset(3, 0)
    expected = [greedy(episode.problem).cost for episode in envs.core.episodes]
    lengths = [episode.problem.num_macros for episode in envs.core.episodes]
    assert len(set(lengths)) > 1
    final: dict[int, float] = {}
    for _ in range(max(lengths)):
        observation, _, ended, _, info = envs.step(policy.act(observation, info["action_mask"]))
        for row in np.flatnonzero(ended):
            final.setdefault(int(row), float(info["final_info"]["metrics"]["hpwl"][row]))
    assert [final[row] for row in range(3)] == pytest.approx(expected)


def test_a_policy_that_is_reset_plans_the_next_design() -> None:
    env = make(ChipConfig(**SMALL), PRESETS["wirelength"])
    policy = baselines.greedy_policy(env)
    for seed in (1, 2):
        metrics = play(env, policy, seed)
        assert metrics["hpwl"] == pytest.approx(greedy(env.core.episode.problem).cost)


def test_the_analytic_baseline_places_everything_without_overlap() -> None:
    env = make(ChipConfig(**SMALL), PRESETS["wirelength"])
    metrics = play(env, baselines.analytic_policy(env), 5)
    assert metrics["placed"] == 1
    assert occupied_cells(env.core.episode.problem, env.core.episode.state.places).max() == 1


def test_searching_longer_is_not_worse() -> None:
    env = make(ChipConfig(grid=16, macros_min=12, macros_max=12), PRESETS["wirelength"])
    lengths = {
        name: play(env, make(env), 8)["hpwl"]
        for name, make in (("greedy", baselines.greedy_policy), ("rebuild", baselines.rebuild_policy))
    }
    assert lengths["rebuild"] <= lengths["greedy"]


def test_the_initial_baseline_refuses_a_design_without_placement() -> None:
    env = make(ChipConfig(**SMALL), PRESETS["wirelength"])
    with pytest.raises(InvalidValueError, match="has no placement of its own"):
        play(env, baselines.initial_policy(env), 0)


def test_a_placer_is_made_from_its_environment_and_not_saved(tmp_path: Path) -> None:
    env = make(ChipConfig(**SMALL), PRESETS["wirelength"])
    with pytest.raises(NotImplementedError):
        baselines.greedy_policy(env).save(tmp_path)


def deviate(env: Any, seed: int, count: int) -> Any:
    """Begin an episode and place some macros at random legal cells; those of the next one."""
    rng = np.random.default_rng(seed)
    _, info = env.reset(seed=seed)
    for _ in range(count):
        _, _, ended, _, info = env.step(int(rng.choice(np.flatnonzero(info["action_mask"]))))
        assert not ended
    return np.flatnonzero(info["action_mask"])


def test_greedy_is_the_best_legal_cell_wherever_others_have_put_the_macros() -> None:
    env = make(ChipConfig(**ROOMY), PRESETS["wirelength"])
    policy = baselines.greedy_policy(env)
    for seed in range(4):
        legal = deviate(env, seed, 2)
        action, state = int(policy.act(None)[0]), env.get_state()
        growth = {}
        for cell in legal:
            env.set_state(state)
            before = env.core.episode.state.wirelength
            env.step(int(cell))
            growth[int(cell)] = env.core.episode.state.wirelength - before
        assert growth[action] == pytest.approx(min(growth.values()))


@pytest.mark.parametrize(
    "policy_of", [baselines.hill_climbing_policy, baselines.annealing_policy, baselines.rebuild_policy]
)
def test_a_search_plans_the_rest_around_what_others_have_placed(policy_of: Any) -> None:
    env = make(ChipConfig(**ROOMY), PRESETS["wirelength"])
    for seed in range(3):
        deviate(env, seed, 2)
        policy = policy_of(env)
        policy.act(None)
        _, planned = policy.plans[0]
        np.testing.assert_array_equal(planned[:2], env.core.episode.state.places[:2])
        left = rest(env.core.episode.problem, env.core.episode.state)
        ended = False
        while not ended:
            _, _, ended, _, info = env.step(int(policy.act(None)[0]))
            assert not info["moved"]
        np.testing.assert_array_equal(env.core.episode.state.places, planned)
        # The rest's wirelength is the whole's, and the search begins with greedy.
        cost = wirelength(left.arrays, all_bounds(left.arrays, planned[2:]))
        assert env.core.episode.state.wirelength == pytest.approx(cost)
        assert cost <= greedy(left).cost + 1e-6

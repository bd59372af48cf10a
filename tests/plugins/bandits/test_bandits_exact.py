"""The best exploration of two unknown arms, as a process of counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import sandbox
from sandbox.api import InvalidValueError
from sandbox_bandits import core
from sandbox_bandits.config import BernoulliConfig
from sandbox_bandits.exact import all_counts, finite_model, observed


def model(horizon: int, arms: int = 2) -> Any:
    return finite_model(BernoulliConfig(arms=arms, means=None, horizon=horizon), core.REWARDS["paid"]).check()


def value(horizon: int) -> float:
    """What the best agent earns in all, by as many sweeps as there are pulls."""
    bandit = model(horizon)
    values = np.zeros(bandit.num_states)
    for _ in range(horizon):
        values = np.where(bandit.terminal, 0, bandit.action_values(values).max(axis=1))
    return float(bandit.initial @ values)


def test_two_and_three_pulls_by_hand() -> None:
    # One pull: 1/2. Two: 1/2 + 1/2 · 2/3 (stay after a success) + 1/2 · 1/2 (leave after a failure).
    assert value(1) == pytest.approx(1 / 2)
    assert value(2) == pytest.approx(1 / 2 + 1 / 2 * 2 / 3 + 1 / 2 * 1 / 2)
    # Three: after a success stay, 2/3 (1 + 3/4) + 1/3 · 1/2; after a failure take the other arm,
    # 1/2 (1 + 2/3) + 1/2 · 1/3, for after another failure both pay with 1/3.
    stay = 2 / 3 * (1 + 3 / 4) + 1 / 3 * 1 / 2
    leave = 1 / 2 * (1 + 2 / 3) + 1 / 2 * 1 / 3
    assert value(3) == pytest.approx(1 / 2 + stay / 2 + leave / 2)


def test_states_are_the_counts_that_are_observed() -> None:
    bandit, counts = model(6), all_counts(4, 6)
    assert bandit.num_states == len(counts) == 210  # 10 over 4
    states = np.arange(210)
    assert bandit.state_index(bandit.observe(states)).tolist() == states.tolist()


def test_the_environment_shows_what_the_model_says() -> None:
    envs = core.bernoulli_vec(BernoulliConfig(arms=2, means=None, horizon=9), core.REWARDS["paid"], 30)
    seen, _ = envs.reset(seed=0)
    rng = np.random.default_rng(0)
    for _ in range(8):
        seen, *_ = envs.step(rng.integers(2, size=30))
    counts = np.concatenate([envs.core.sums, envs.core.pulls - envs.core.sums], axis=1).astype(int)
    assert np.array_equal(seen, observed(counts, 9))


def test_the_exact_agent_earns_its_value_and_more_than_thompson_sampling(tmp_path: Any) -> None:
    changes = ["config.horizon=12", "evaluation.episodes=3000"]
    run = sandbox.train("bandits/two-arms", "value-iteration", steps=100, changes=changes, runs_dir=tmp_path)
    table = sandbox.evaluate([run.path, "thompson"], "bandits/two-arms", changes=changes)
    exact, thompson = (table.mean(agent.name) for agent in table.agents)
    assert exact == pytest.approx(value(12) / 12, abs=0.015)
    assert exact > thompson + 0.01


@pytest.mark.parametrize(
    ("settings", "reward", "message"),
    [
        ({}, "paid", "Given means make no process of counts"),
        ({"means": None, "arms": 5, "horizon": 100}, "paid", "states; at most 200,000"),
        ({"means": None, "arms": 2, "horizon": 5}, "regret", "no other term"),
    ],
)
def test_what_is_no_small_process_of_counts_is_refused(
    settings: dict[str, Any], reward: str, message: str
) -> None:
    with pytest.raises(InvalidValueError, match=message):
        finite_model(BernoulliConfig(**settings), core.REWARDS[reward])

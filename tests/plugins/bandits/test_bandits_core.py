"""What arms pay, what is seen of them, and what is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bandits_support import KINDS, bandits

from sandbox.api import InvalidValueError
from sandbox_bandits.bound import divergence, slope, tables
from sandbox_bandits.config import BernoulliConfig


def test_regret_is_what_the_best_arm_would_have_paid_more_on_average() -> None:
    envs = bandits("bernoulli", 1, means=(0.2, 0.9), arms=2, horizon=3)
    best = int(envs.core.means[0].argmax())
    gaps = [envs.step(np.array([arm]))[4]["reward_terms"]["regret"][0] for arm in (best, 1 - best)]
    assert gaps == pytest.approx([0.0, 0.7])
    metrics = envs.step(np.array([1 - best]))[4]["final_info"]["metrics"]
    assert metrics["regret"][0] == pytest.approx(1.4)
    assert metrics["best_arm"][0] == pytest.approx(100 / 3)


def test_random_arms_of_the_scenario_cost_a_tenth_a_pull() -> None:
    # Gaps 0, .05, .1, .15, .2: 200 in 2,000 pulls.
    envs = bandits("bernoulli", 64)
    assert (envs.core.means.max(axis=1, keepdims=True) - envs.core.means).mean() == pytest.approx(0.1)


def test_arms_are_shuffled_so_that_no_arm_is_the_best_beforehand() -> None:
    best = bandits("bernoulli", 500).core.means.argmax(axis=1)
    assert np.bincount(best, minlength=5) == pytest.approx(100, abs=40)


def test_every_agent_meets_the_same_luck_at_the_same_pull() -> None:
    paid = []
    for first in (0, 1):
        envs = bandits("gaussian", 3, seed=5)
        envs.step(np.full(3, first))
        paid.append(envs.step(np.full(3, 2))[1])
    assert paid[0] == pytest.approx(paid[1], abs=0)


@pytest.mark.parametrize("kind", KINDS)
def test_luck_that_is_drawn_again_leaves_arms_and_past_as_they_are(kind: str) -> None:
    envs, other = (bandits(kind, 2, horizon=40) for _ in range(2))
    for arm in (0, 1, 2):
        envs.step(np.full(2, arm))
        other.step(np.full(2, arm))
    envs.core.redraw(0, np.random.default_rng(1))
    assert np.array_equal(envs.core.observe(), other.core.observe())
    assert np.array_equal(envs.core.means, other.core.means)
    same = envs.core.luck == other.core.luck
    assert same[1].all()
    assert same[0, :3].all()
    assert not same[0, 3:].any()
    for _ in range(37):
        envs.step(np.zeros(2, int))
    assert envs.core.luck.shape == (2, 40)


@pytest.mark.parametrize("kind", KINDS)
def test_payments_have_the_means_that_the_regret_is_measured_by(kind: str) -> None:
    envs = bandits(kind, 4_000, horizon=2)
    means = envs.core.means[:, 1].copy()
    _, paid, *_ = envs.step(np.ones(4_000, int))
    assert (paid - means).mean() == pytest.approx(0, abs=0.06)


def test_what_is_believed_is_the_mean_and_one_over_the_root_of_the_pulls() -> None:
    envs = bandits("bernoulli", 2, horizon=10)
    for arm in (0, 0, 0, 1):
        observation = envs.step(np.full(2, arm))[0]
    assert observation[:, 5:10] == pytest.approx(np.tile([0.5, 0.5**0.5, 1, 1, 1], (2, 1)))
    assert observation[:, 0] == pytest.approx(envs.core.sums[:, 0] / 3)
    assert observation[:, 10] == pytest.approx(0.4)


def test_ridge_regression_is_that_of_the_normal_equations() -> None:
    envs, rng = bandits("contextual", 1, arms=2, features=3, horizon=50), np.random.default_rng(0)
    contexts: list[list[Any]] = [[], []]
    paid: list[list[float]] = [[], []]
    for _ in range(40):
        arm, context = int(rng.integers(2)), envs.core.context[0].copy()
        contexts[arm].append(context)
        paid[arm].append(envs.step(np.array([arm]))[1][0])
    believed, unsure = envs.core.beliefs()
    for arm in (0, 1):
        design, x = np.array(contexts[arm]), envs.core.context[0]
        matrix = np.eye(3) + design.T @ design
        assert believed[0, arm] == pytest.approx(x @ np.linalg.solve(matrix, design.T @ paid[arm]))
        assert unsure[0, arm] == pytest.approx(np.sqrt(x @ np.linalg.solve(matrix, x)))


def test_cooks_change_as_often_as_they_should_and_stay_in_between() -> None:
    qualities = bandits("restaurants", 20, change=0.01).core.qualities
    changed = np.diff(qualities, axis=1) != 0
    assert changed.mean() == pytest.approx(0.01, abs=0.001)
    assert np.ptp(bandits("restaurants", 1, change=0.0).core.qualities[0], axis=0).max() == 0


def test_the_slope_of_lai_and_robbins() -> None:
    # KL(.5, .7) = .5 ln(.5/.7) + .5 ln(.5/.3) = .08718
    assert divergence(0.5, 0.7) == pytest.approx(0.08718, abs=1e-5)
    assert slope([0.5, 0.7, 0.7]) == pytest.approx(0.2 / 0.0871767, rel=1e-5)
    assert slope((0.5, 0.55, 0.6, 0.65, 0.7)) == pytest.approx(18.38, abs=0.01)
    assert divergence(0.0, 0.5) == pytest.approx(np.log(2))
    assert slope([0.3, 1.0]) == 0  # a single blank tells that an arm does not always pay


def test_the_table_of_a_scenario_adds_the_slopes_up() -> None:
    (table,) = tables(BernoulliConfig())
    assert sum(float(row[3]) for row in table.rows) == pytest.approx(18.38, abs=0.02)
    assert "140 after 2,000 pulls" in table.title
    assert tables(BernoulliConfig(means=None)) == []


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"arms": 3}, "3 arms, but 5 means"), ({"means": [0.5, 1.5], "arms": 2}, "from 0 to 1")],
)
def test_chances_that_do_not_fit_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        BernoulliConfig(**settings)


def test_the_command_line_refuses_them_with_one_sentence() -> None:
    import sandbox

    with pytest.raises(InvalidValueError, match="3 arms, but 5 means"):
        sandbox.make("bandits/bernoulli", changes=["config.arms=3"])

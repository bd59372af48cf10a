"""The best of n for real n, and the policy with the most reward at a KL, where both are known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from benchmarks.course_systems._equal_kl import (
    Texts,
    best_weights,
    compared,
    kl_of,
    limits,
    n_of,
    tilted_weights,
)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_weights_of_the_best_are_shares_of_all_choices(n: int):
    score = np.array([[0.3, -1.0, 2.0, 0.5, 0.1], [5.0, 4.0, 3.0, 2.0, 1.0]])
    for row in score:
        choices = list(combinations(range(5), n))
        best = [max(choice, key=row.__getitem__) for choice in choices]
        expected = np.bincount(best, minlength=5) / len(choices)
        assert best_weights(row[None], n)[0] == pytest.approx(expected)


def test_a_real_n_lies_between_its_neighbours():
    score = np.random.default_rng(0).normal(size=(3, 64))
    means = [float((best_weights(score, n) * score).sum(axis=1).mean()) for n in (4, 4.5, 5)]
    assert means == sorted(means)
    assert means[1] == pytest.approx((means[0] + means[2]) / 2, abs=0.01)


@pytest.mark.parametrize("n", [1.5, 2.0, 8.0, 64.0])
def test_n_of_undoes_kl_of(n: float):
    assert n_of(kl_of(n)) == pytest.approx(n)


def test_the_tilted_policy_of_two_values_is_known():
    """Half of the texts are worth 1: with p of them KL is log 2 + p log p + (1 - p) log(1 - p)."""
    score = np.tile([0.0, 1.0], (4, 50))
    p = 0.8
    kl = np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p)
    weights = tilted_weights(score, float(kl))
    assert (weights * score).sum(axis=1) == pytest.approx(np.full(4, p))


def test_the_limit_of_normal_values_is_that_of_a_shifted_normal():
    """exp(r/β) moves a standard normal by m and leaves it as it is; KL is m²/2. Best of 2: 1/√π."""
    score = np.random.default_rng(1).normal(size=(100, 1024))
    for row in limits(Texts(score, score, np.ones(score.shape)), (2, 8)):
        assert row["score"] == row["true_reward"]
        assert row["most_score"] == pytest.approx(np.sqrt(2 * row["kl"]), rel=0.03)
        assert row["score"] == pytest.approx({2: 0.5642, 8: 1.4236}[row["n"]], rel=0.03)


def test_what_is_drawn_from_the_best_of_n_gains_nothing_and_more_is_seen():
    rng = np.random.default_rng(2)
    score = rng.normal(size=(200, 256))
    texts = Texts(score, score, np.ones(score.shape))
    groups = rng.normal(size=(200, 64, 8)).max(axis=2)
    kl = np.full(200, kl_of(8))
    row = compared(texts, Texts(groups, groups, np.ones(groups.shape)), kl, 0)
    assert row["n"] == pytest.approx(8.0)
    assert row["low"] < 0.0 < row["high"]
    better = groups + 0.2
    assert compared(texts, Texts(better, better, np.ones(groups.shape)), kl, 0)["low"] > 0.0

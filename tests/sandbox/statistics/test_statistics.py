"""Statistics of comparisons, against hand-computed cases, published definitions and slow plain code."""

from __future__ import annotations

import time
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, mannwhitneyu, trim_mean

from sandbox.statistics import (
    Interval,
    Resampler,
    band,
    crossed_interval,
    crossed_p_value,
    difference_p_value,
    enough,
    holm,
    iqm,
    iqm_interval,
    iqm_intervals,
    log_gap_score,
    mean_interval,
    needed,
    normalise,
    optimality_gap,
    optimality_gap_interval,
    performance_profile,
    probabilities_of_improvement,
    probability_of_improvement,
    resamples_for,
    welch_p_value,
)

RNG = np.random.default_rng(7)


def drawn(resampler: Resampler, runs: int, stratum: int = 0, stream: int = 0) -> NDArray[np.intp]:
    """The resampled runs themselves, one row a resample."""
    counts = resampler.counts(runs, stratum, stream).astype(int)
    return np.stack([np.repeat(np.arange(runs), row) for row in counts])


def test_iqm_leaves_out_a_quarter_at_each_end() -> None:
    # Eight values: two go at each end, (3 + 4 + 5 + 6) / 4 remain.
    assert iqm([8, 1, 2, 100, 3, 4, 5, 6]) == 4.5
    # Five values: ⌊5/4⌋ = 1 goes at each end.
    assert iqm([0.0, 10.0, 1.0, 2.0, 3.0]) == 2.0
    assert iqm([1.0, 2.0, 6.0]) == 3.0
    assert np.isnan(iqm([1.0, np.nan, 2.0, 3.0]))


@pytest.mark.parametrize("shape", [(10,), (10, 3), (7, 5), (1, 1), (4, 9)])
def test_iqm_is_the_trimmed_mean_of_the_published_definition(shape: tuple[int, ...]) -> None:
    values = RNG.normal(size=shape)
    assert iqm(values) == pytest.approx(trim_mean(values, proportiontocut=0.25, axis=None), abs=1e-12)


def test_resamples_draw_every_run_equally_often_and_repeat_themselves() -> None:
    counts = Resampler(3, 20_000).counts(5)
    assert (counts.sum(axis=1) == 5).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(5), abs=0.03)
    assert counts.var(axis=0) == pytest.approx(np.full(5, 5 * 0.2 * 0.8), abs=0.05)  # multinomial
    assert (counts == Resampler(3, 20_000).counts(5)).all()
    assert (counts != Resampler(4, 20_000).counts(5)).any()
    assert (counts != Resampler(3, 20_000).counts(5, stratum=1)).any()


def test_what_is_drawn_does_not_depend_on_what_was_asked_before() -> None:
    one, other = Resampler(0, 100), Resampler(0, 100)
    one.counts(9)
    one.counts(4, stratum=2)
    assert (one.counts(4, stratum=1) == other.counts(4, stratum=1)).all()


def test_iqm_interval_is_that_of_resampled_arrays() -> None:
    """The fast way over counts against the definition: draw, pool, trim, take percentiles."""
    resampler = Resampler(1, 500)
    strata = [RNG.normal(size=10), RNG.normal(2, 3, size=7), RNG.normal(size=1)]
    runs = [drawn(resampler, len(values), place) for place, values in enumerate(strata)]
    pooled = np.hstack([values[rows] for values, rows in zip(strata, runs, strict=True)])
    expected = np.quantile([trim_mean(row, 0.25) for row in pooled], [0.025, 0.975])
    assert iqm_interval(strata, resampler) == pytest.approx(tuple(expected), abs=1e-5)


def test_iqm_intervals_of_many_columns_are_those_of_each() -> None:
    resampler = Resampler(1, 300)
    columns = RNG.normal(size=(9, 4))
    ordered = np.sort(columns, axis=0)
    rows = drawn(resampler, 9)
    for column, interval in enumerate(iqm_intervals(columns, resampler)):
        statistics = [trim_mean(ordered[row, column], 0.25) for row in rows]
        assert interval == pytest.approx(tuple(np.quantile(statistics, [0.025, 0.975])), abs=1e-5)


def test_intervals_of_equal_runs_have_no_width() -> None:
    assert iqm_intervals(np.full((6, 1), 0.1), Resampler(0, 100)) == [Interval(0.1, 0.1)]
    assert mean_interval([4.0], Resampler(0, 100)) == Interval(4.0, 4.0)


def test_bootstrap_of_three_runs_against_all_27_resamples() -> None:
    """With three runs every resample can be written down; the interval is that of their means."""
    values = np.array([1.0, 2.0, 6.0])
    means = np.sort([values[list(rows)].mean() for rows in product(range(3), repeat=3)])
    # 1/27 of the resamples are (1, 1, 1) and 1/27 are (6, 6, 6), more than the 2.5 % that are cut off.
    assert mean_interval(values, Resampler()) == Interval(means[0], means[-1])
    assert (means[0], means[-1]) == (1.0, 6.0)


def test_many_runs_get_fewer_resamples_so_that_memory_stays_bounded() -> None:
    assert resamples_for(100) == resamples_for(400) == 50_000
    assert resamples_for(1_000) == 20_000
    assert resamples_for(10**7) == 2_000


def test_means_of_resamples_are_those_of_the_same_distribution_as_counts() -> None:
    values = RNG.normal(size=30)
    means = Resampler(0, 20_000).means(values)
    assert means.mean() == pytest.approx(values.mean(), abs=0.01)
    assert means.std() == pytest.approx(values.std() / 30**0.5, rel=0.03)


def test_stratified_interval_covers_the_true_value_as_often_as_it_says() -> None:
    """95 % intervals of the mean of 40 normal runs; 200 experiments leave ±4 % (two standard errors)."""
    inside = 0
    for experiment in range(200):
        values = np.random.default_rng(experiment).normal(size=40)
        low, high = mean_interval(values, Resampler(experiment, 1_000))
        inside += low <= 0 <= high
    assert 0.89 <= inside / 200 <= 0.99


def test_normalised_score_puts_random_at_zero_and_the_best_baseline_at_one() -> None:
    # Delay, lower is better: random 200 s, max-pressure 25 s; 20 s is better than it.
    assert normalise([200.0, 25.0, 20.0], 200.0, 25.0) == pytest.approx([0.0, 1.0, 180 / 175])
    # Speed, higher is better.
    assert normalise([5.0, 2.0], 1.0, 3.0) == pytest.approx([2.0, 0.5])
    assert np.isnan(normalise([1.0], 3.0, 3.0)).all()


def test_optimality_gap_counts_shortfalls_only() -> None:
    assert optimality_gap([0.5, 1.5, 0.8]) == pytest.approx((0.5 + 0.0 + 0.2) / 3)
    assert optimality_gap_interval([[0.4, 0.4], [1.3]], Resampler(0, 500)) == pytest.approx((0.4, 0.4))


def test_probability_of_improvement_by_hand() -> None:
    # 3 > 1, 3 > 2, 2 > 1 and one tie of four pairs: (3 + ½) / 4.
    assert probability_of_improvement([[3.0, 2.0]], [[1.0, 2.0]]) == 0.875
    # Averaged over scenarios, not over pairs: 0.875 and 0.
    assert probability_of_improvement([[3.0, 2.0], [0.0]], [[1.0, 2.0], [1.0, 1.0, 1.0]]) == 0.4375


def test_probability_of_improvement_is_the_mann_whitney_statistic() -> None:
    x, y = RNG.normal(size=8), RNG.normal(size=6)
    assert probability_of_improvement([x], [y]) == pytest.approx(mannwhitneyu(x, y).statistic / 48)


def test_interval_of_probability_of_improvement_resamples_both_agents() -> None:
    resampler = Resampler(2, 1_500)
    scores = {"a": [RNG.normal(size=6), RNG.normal(size=4)], "b": [RNG.normal(size=5), RNG.normal(size=4)]}
    found = probabilities_of_improvement(scores, resampler)
    shares = np.zeros(1_500)
    for place in range(2):
        x, y = scores["a"][place], scores["b"][place]
        first, second = drawn(resampler, len(x), place, 1), drawn(resampler, len(y), place, 2)
        wins = x[first][:, :, None] > y[second][:, None, :]
        shares += wins.mean(axis=(1, 2)) / 2
    share, interval = found["a", "b"]
    assert interval == pytest.approx(tuple(np.quantile(shares, [0.025, 0.975])), abs=1e-5)
    assert found["b", "a"][0] == pytest.approx(1 - share)
    assert found["b", "a"][1] == pytest.approx((1 - interval.high, 1 - interval.low))


def test_certain_improvement() -> None:
    scores = {"best": [[5.0, 6.0]], "worst": [[1.0, 2.0]]}
    assert probabilities_of_improvement(scores, Resampler(0, 200))["best", "worst"] == (1.0, (1.0, 1.0))


def test_performance_profile_by_hand() -> None:
    # Scenario one: half of the runs above 0.5; scenario two: all. Scenarios weigh the same.
    profile = performance_profile([[0.0, 1.0], [0.6, 0.7, 0.8]], [-1.0, 0.5, 0.65, 2.0])
    assert profile.share == pytest.approx([1.0, 0.75, (0.5 + 2 / 3) / 2, 0.0])
    assert (profile.low <= profile.share).all()
    assert (profile.high >= profile.share).all()
    assert profile.low[1] == pytest.approx(0.5)  # both runs of scenario one drawn as 0.0
    assert profile.high[1] == pytest.approx(1.0)


def test_holm_by_hand() -> None:
    # Ordered 0.01·3, 0.03·2, 0.04·1, never smaller than the one before; Holm 1979.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, np.nan, 0.7])[[0, 2]] == pytest.approx([1.0, 1.0])
    assert np.isnan(holm([0.6, np.nan])[1])


def test_holm_is_never_below_the_less_strict_correction() -> None:
    p = RNG.random(20)
    assert (holm(p) >= false_discovery_control(p) - 1e-12).all()


def test_p_values_of_differences() -> None:
    # t = mean / (s / √n) = 2 / (1 / √3) = 3.4641 with 2 degrees of freedom.
    assert difference_p_value([1.0, 2.0, 3.0]) == pytest.approx(0.0742, abs=1e-4)
    assert np.isnan(difference_p_value([1.0]))
    assert difference_p_value([0.0, 0.0]) == 1.0
    assert welch_p_value([1.0, 2.0], [1.0, 2.0]) == pytest.approx(1.0)
    assert np.isnan(welch_p_value([1.0], [1.0, 2.0]))


def test_curve_is_the_mean_over_runs_where_all_have_records() -> None:
    curve = band([([0, 10, 20], [0, 10, 20]), ([10, 12, 14, 16, 20, 40], [20, 24, 28, 32, 40, 60])], points=3)
    assert curve is not None
    assert curve.steps == pytest.approx([10, 15, 20])
    assert curve.mean == pytest.approx([15.0, 22.5, 30.0])
    assert curve.low == pytest.approx([10.0, 15.0, 20.0])  # twice the first run
    assert curve.high == pytest.approx([20.0, 30.0, 40.0])
    few = band([([0, 500], [4, 2]), ([0, 500], [8, 4])])
    assert few is not None
    assert few.steps.tolist() == [0, 500], "two validations are two points"
    assert band([], 3) is None
    assert band([([0, 1], [0, 1]), ([5, 6], [0, 1])]) is None


def test_ten_scenarios_ten_agents_ten_runs_take_less_than_two_seconds() -> None:
    """A generous limit on a shared machine; python -m benchmarks.compare measures it."""
    scores = {f"agent-{a}": [RNG.normal(a / 10, 1, 10) for _ in range(10)] for a in range(10)}
    start = time.process_time()
    resampler = Resampler()
    columns = np.stack([values for strata in scores.values() for values in strata], axis=1)
    iqm_intervals(columns, resampler)
    for strata in scores.values():
        iqm_interval(strata, resampler)
        optimality_gap_interval(strata, resampler)
        performance_profile(strata, np.linspace(-1, 2, 61))
    probabilities_of_improvement(scores, resampler)
    assert time.process_time() - start < 8.0


# Runs and episodes


def _equal_runs(seed: int = 0) -> NDArray[np.float64]:
    """Five runs that end in one policy, on 40 episodes whose difference to a baseline is 3 ± 1.5."""
    return np.tile(np.random.default_rng(seed).normal(3.0, 1.5, 40), (5, 1))


def test_runs_that_end_in_one_policy_leave_the_noise_of_their_episodes() -> None:
    table = _equal_runs()
    low, high = crossed_interval(table, 0)
    half = 1.96 * table[0].std(ddof=1) / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)
    assert low < 3 < high
    assert 0 < crossed_p_value(table) < 1e-6


def test_the_interval_of_runs_and_episodes_covers_the_truth_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for trial in range(300):
        table = rng.normal(0, 1, (10, 1)) + rng.normal(0, 2, (1, 30)) + rng.normal(0, 1, (10, 30))
        low, high = crossed_interval(table, trial)
        covered += low <= 0 <= high
    assert covered > 0.88 * 300  # percentile intervals of ten runs are some points too narrow


def test_with_one_run_or_one_episode_the_test_is_the_t_test() -> None:
    values = np.random.default_rng(2).normal(0.3, 1, 12)
    expected = difference_p_value(values)
    assert crossed_p_value(values[None]) == pytest.approx(expected)
    assert crossed_p_value(values[:, None]) == pytest.approx(expected)
    assert np.isnan(crossed_p_value(np.array([[1.0]])))
    assert crossed_p_value(np.ones((3, 4))) == 0.0
    assert crossed_p_value(np.zeros((3, 4))) == 1.0


def test_as_many_runs_as_are_needed_make_the_difference_clear() -> None:
    rng = np.random.default_rng(3)
    table = 0.4 + rng.normal(0, 1, (6, 1)) + rng.normal(0, 0.1, (6, 50))
    more = needed(table)
    assert more is not None
    assert more.episodes == 50
    mean, spread = table.mean(), table.mean(1).std(ddof=1)
    assert 1.96 * spread / np.sqrt(more.runs) == pytest.approx(abs(mean), rel=0.1)
    # Where the episodes are what varies, more runs would not help.
    noisy = np.tile(rng.normal(0.1, 1, 30), (4, 1))
    more = needed(noisy)
    assert more is not None
    assert more.episodes > 30
    assert needed(np.zeros((3, 3))) is None


@pytest.mark.parametrize("shape", [(1, 2), (1, 4), (3, 2), (1, 1), (4, 1)])
def test_what_so_few_episodes_cannot_carry_has_no_interval_and_asks_for_as_many_as_a_verdict_needs(
    shape: tuple[int, int],
) -> None:
    table = 5.0 + np.random.default_rng(1).normal(0, 0.01, shape)
    assert not enough(*shape)
    assert np.isnan(crossed_interval(table, 0)).all()
    more = needed(table)
    if table.size > 1:
        assert more is not None
        assert enough(*more)
    assert not np.isnan(crossed_interval(np.repeat(table, 5, axis=1), 0)).any()


def test_runs_alone_carry_an_interval_where_a_scenario_has_one_episode() -> None:
    table = 5.0 + np.random.default_rng(1).normal(0, 0.01, (5, 1))
    assert enough(5, 1)
    low, high = crossed_interval(table, 0)
    assert low < table.mean() < high


@pytest.mark.parametrize("comparisons", [1, 8])
@pytest.mark.parametrize("shape", [(1, 12), (3, 40), (5, 200)])
def test_what_is_needed_is_more_than_there_is_and_is_enough_for_all_comparisons(
    comparisons: int, shape: tuple[int, int]
) -> None:
    rng = np.random.default_rng(7)
    told = 0
    for _ in range(30):
        table = rng.normal(0.3, 1, shape[0])[:, None] * (shape[0] > 1) + rng.normal(0.3, 1, shape)
        more = needed(table, comparisons)
        if crossed_p_value(table) * comparisons < 0.05:
            continue
        assert more is not None
        assert more.runs >= shape[0]
        assert more.episodes >= shape[1]
        assert more != shape
        if more.runs * more.episodes > 1_000_000:
            continue
        # A table of that size with the same mean and spread in both directions is clear, and not by much.
        runs = _spread(table.mean(1), more.runs) if shape[0] > 1 else np.zeros(1)
        episodes = _spread(table.mean(0), more.episodes)
        larger = table.mean() + runs[:, None] + episodes
        assert 0.01 < crossed_p_value(larger) * comparisons < 0.0501
        told += 1
    assert told > 3


def _spread(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """So many numbers of mean 0 with the standard deviation of these."""
    numbers = np.arange(count) - (count - 1) / 2
    return numbers / max(numbers.std(ddof=1), 1e-12) * values.std(ddof=1) if count > 1 else np.zeros(1)


def test_a_score_by_the_gap_tells_near_optimal_agents_apart_where_random_is_hopeless() -> None:
    values = [16.34, 16.5, 17.97, 18_004.0, 15.0]
    scores = log_gap_score(values, 18_004.0, 16.34)
    assert scores[[0, 3]].tolist() == [1.0, 0.0]
    assert scores[0] - scores[1] > 0.05  # a gap of 1 %; 1e-5 on the linear axis
    assert scores[1] - scores[2] > 0.1
    assert scores[4] > 1
    np.testing.assert_allclose(log_gap_score([-v for v in values], -18_004.0, -16.34), scores)
    assert np.isnan(log_gap_score([1.0], 3.0, 0.0)).all()

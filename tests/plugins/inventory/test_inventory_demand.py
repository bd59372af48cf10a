"""Every demand family has the mean and variance it says, whole families whole values, and seeded paths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.distribution import convolved, mean_and_std, moments, probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.demand.paths import DemandPaths
from sandbox_inventory.core.demand.sampling import draw, quantiles

FAMILIES = [
    Demand(kind="poisson", mean=5),
    Demand(kind="poisson", mean=0),
    Demand(kind="geometric", mean=5),
    Demand(kind="negative-binomial", mean=5, std=4),
    Demand(kind="normal", mean=5, std=1),
    Demand(kind="normal", mean=1, std=2),
    Demand(kind="normal", mean=1, std=2, whole=True),
    Demand(kind="gamma", mean=4, std=2),
    Demand(kind="gamma", mean=4, std=2, whole=True),
    Demand(kind="uniform", low=0, high=4, whole=True),
    Demand(kind="uniform", low=1, high=4),
    Demand(kind="markov", regimes=(1, 9), persistence=0.6),
]
COUNT = 200_000


def _drawn(demand: Demand, periods: int = COUNT, seed: int = 0) -> np.ndarray:
    return draw(demand, np.random.default_rng(seed), periods, 1, None)[0][:, 0]


@pytest.mark.parametrize("demand", FAMILIES, ids=lambda d: f"{d.kind}-{d.mean:g}-{d.whole}")
def test_mean_and_variance_are_what_the_family_says(demand: Demand) -> None:
    values, (mean, variance) = _drawn(demand), moments(demand)
    inflation = 4 if demand.kind == "markov" else 1  # neighbouring periods are correlated
    assert values.mean() == pytest.approx(mean, abs=5 * np.sqrt(inflation * variance / COUNT) + 1e-12)
    assert values.var() == pytest.approx(variance, rel=0.03, abs=1e-12)
    assert (values >= 0).all()
    if demand.integer:
        assert (values % 1 == 0).all()


@pytest.mark.parametrize(
    "demand", [d for d in FAMILIES if d.integer and d.independent], ids=lambda d: f"{d.kind}-{d.mean:g}"
)
def test_probabilities_sum_to_one_and_are_met_by_the_frequencies(demand: Demand) -> None:
    mass, values = probabilities(demand), _drawn(demand).astype(int)
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    seen = np.bincount(values, minlength=len(mass))[: len(mass)] / COUNT
    assert np.abs(seen - mass).max() < 0.006


def test_rounding_a_normal_at_zero_shifts_its_mean_and_the_moments_say_so() -> None:
    # N(1, 2) below 0.5 becomes 0: the mean rises from 1 to 1.39, as a sum over the integers shows.
    assert moments(Demand(kind="normal", mean=1, std=2, whole=True))[0] == pytest.approx(1.39, abs=0.01)


def test_truncated_normal_mean_is_the_textbook_one() -> None:
    # E[X | X > 0] of N(0, 1) is √(2/π); here mean 0.0 is moved by the truncation alone.
    assert moments(Demand(kind="normal", mean=0, std=1))[0] == pytest.approx(np.sqrt(2 / np.pi))


def test_ar1_has_the_stated_correlation_and_shows_the_last_deviation() -> None:
    demand = Demand(kind="ar1", mean=50, std=5, correlation=0.7)
    values, seen, _ = draw(demand, np.random.default_rng(1), COUNT, 1, None)
    path = values[:, 0]
    assert path.mean() == pytest.approx(50, abs=0.2)
    assert path.std() == pytest.approx(5, rel=0.02)
    assert np.corrcoef(path[1:], path[:-1])[0, 1] == pytest.approx(0.7, abs=0.01)
    assert seen is not None
    np.testing.assert_allclose(seen[1:, 0], path[:-1])


def test_markov_regimes_stay_as_long_as_they_say() -> None:
    demand = Demand(kind="markov", regimes=(0, 5, 100), persistence=0.75)
    _, seen, _ = draw(demand, np.random.default_rng(1), COUNT, 1, None)
    assert seen is not None
    regime = seen.argmax(1)
    assert (regime[1:] == regime[:-1]).mean() == pytest.approx(0.75, abs=0.01)
    assert np.bincount(regime) / COUNT == pytest.approx([1 / 3] * 3, abs=0.02)


@pytest.mark.parametrize("demand", FAMILIES, ids=lambda d: f"{d.kind}-{d.mean:g}-{d.whole}")
def test_the_same_seed_gives_the_same_path_and_another_seed_another(demand: Demand) -> None:
    np.testing.assert_array_equal(_drawn(demand, 50, 7), _drawn(demand, 50, 7))
    if moments(demand)[1] > 0:
        assert (_drawn(demand, 50, 7) != _drawn(demand, 50, 8)).any()


@pytest.mark.parametrize(
    "demand",
    [
        Demand(kind="ar1", mean=50, std=5),
        Demand(kind="markov"),
        Demand(kind="trace", values=(1, 2, 3), cycle=True, random_start=True),
    ],
    ids=lambda d: d.kind,
)
def test_a_path_goes_on_where_the_last_block_ended(demand: Demand) -> None:
    rng = np.random.default_rng(3)
    _, seen, memory = draw(demand, rng, 10, 2, None)
    values, following, _ = draw(demand, rng, 10, 2, memory)
    if demand.kind == "trace":
        first = draw(demand, np.random.default_rng(3), 20, 2, None)[0]
        np.testing.assert_array_equal(values, first[10:])
    else:
        assert seen is not None
        assert following is not None
        assert memory is not None
    if demand.kind == "ar1" and following is not None and memory is not None:
        np.testing.assert_allclose(following[0], 50 + memory)


def test_a_trace_repeats_its_last_value_or_cycles() -> None:
    assert _drawn(Demand(kind="trace", values=(4, 8)), 4).tolist() == [4, 8, 8, 8]
    assert _drawn(Demand(kind="trace", values=(4, 8), cycle=True), 4).tolist() == [4, 8, 4, 8]


def test_two_poissons_make_one_of_twice_the_mean() -> None:
    twice, double = convolved(probabilities(Demand(mean=3)), 2), probabilities(Demand(mean=6))
    np.testing.assert_allclose(twice[:15], double[:15], atol=1e-12)
    assert convolved(probabilities(Demand(mean=3)), 0).tolist() == [1]


def test_inconsistent_parameters_are_refused() -> None:
    for wrong in (
        {"kind": "normal"},
        {"kind": "negative-binomial", "mean": 5, "std": 2},
        {"kind": "uniform", "low": 3, "high": 2},
        {"kind": "trace", "values": [-1]},
    ):
        with pytest.raises(ValueError, match=r"std|low|negative"):
            Demand.model_validate(wrong)
    with pytest.raises(InvalidValueError, match="whole"):
        probabilities(Demand(kind="gamma", mean=4, std=2))


@pytest.mark.parametrize(
    ("demand", "mean", "variance"),
    [
        (Demand(mean=7), 7, 7),
        (Demand(kind="geometric", mean=5), 5, 30),  # m + m²
        (Demand(kind="negative-binomial", mean=5, std=4), 5, 16),
        (Demand(kind="uniform", low=0, high=4, whole=True), 2, 2),  # ((high - low + 1)² - 1)/12
        (Demand(kind="uniform", low=0, high=6), 3, 3),  # (high - low)²/12
        (Demand(kind="gamma", mean=4, std=2), 4, 4),
        (Demand(kind="markov", regimes=(0, 10)), 5, 30),  # Poisson's 5 and 25 between the regimes
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_moments_are_the_textbook_ones(demand: Demand, mean: float, variance: float) -> None:
    assert moments(demand) == pytest.approx((mean, variance))


def test_the_scale_of_a_trace_is_that_of_its_values() -> None:
    assert mean_and_std(Demand(kind="trace", values=(4, 4, 4, 8))) == pytest.approx((5, np.sqrt(3)))
    assert mean_and_std(Demand(kind="ar1", mean=6, std=2)) == (6, 2)


def test_probabilities_of_small_families_by_hand() -> None:
    uniform = probabilities(Demand(kind="uniform", low=1, high=2, whole=True))
    assert uniform.tolist() == [0, 0.5, 0.5]
    geometric = probabilities(Demand(kind="geometric", mean=1))
    np.testing.assert_allclose(geometric[:4], [1 / 2, 1 / 4, 1 / 8, 1 / 16])
    np.testing.assert_allclose(probabilities(Demand(mean=2))[:3], np.exp(-2.0) * np.array([1, 2, 2]))


def test_two_rolls_of_a_coin_are_convolved() -> None:
    assert convolved(np.array([0.5, 0.5]), 2).tolist() == [0.25, 0.5, 0.25]


def test_a_uniform_number_is_turned_into_its_quantile() -> None:
    # Geometric of mean 1: P(d <= 0) = 1/2, P(d <= 1) = 3/4, P(d <= 2) = 7/8.
    uniform = np.array([0.0, 0.49, 0.51, 0.74, 0.76, 0.874, 0.876])
    assert quantiles(Demand(kind="geometric", mean=1), uniform).tolist() == [0, 0, 1, 1, 2, 2, 3]


def test_more_demand_is_drawn_from_the_same_seed_with_a_larger_mean() -> None:
    small, large = (_drawn(Demand(mean=mean), 500, 3) for mean in (5, 6))
    assert (large >= small).all()
    assert (large > small).any()


def test_relevant_fields_leave_out_what_the_family_does_not_use() -> None:
    assert Demand(kind="poisson", mean=3).relevant_fields() == {"kind": "poisson", "mean": 3}


@pytest.mark.parametrize(
    ("settings", "field"),
    [({"mean": 3, "std": 9}, "std"), ({"kind": "uniform", "mean": 3}, "mean"), ({"whole": True}, "whole")],
)
def test_fields_without_effect_on_the_family_are_refused(settings: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"{field} has no effect"):
        Demand(**settings)


# Paths of a batch


def _paths(demands: list[Demand], horizon: int, seeds: list[int], traces: Any = None) -> np.ndarray:
    """Demand of whole episodes, shape ``(horizon, len(seeds), items)``."""
    paths = DemandPaths(demands, horizon, len(seeds), traces)
    paths.reset([np.random.default_rng(seed) for seed in seeds])
    rows = []
    for time in range(horizon):
        rows.append(paths.demand(time).copy())
        paths.advance(time + 1)
    return np.stack(rows)


def test_a_path_of_many_blocks_is_the_stream_of_its_generator() -> None:
    demand = Demand(mean=5)
    expected = quantiles(demand, np.random.default_rng(4).random(600))
    np.testing.assert_array_equal(_paths([demand], 600, [4])[:, 0, 0], expected)
    np.testing.assert_array_equal(_paths([demand], 600, [9, 4])[:, 1, 0], expected)


@pytest.mark.parametrize(
    "demand",
    [
        Demand(mean=5),
        Demand(kind="gamma", mean=4, std=2),
        Demand(kind="ar1", mean=9, std=2),
        Demand(kind="markov"),
        Demand(kind="trace", values=(1, 2, 3), cycle=True, random_start=True),
    ],
    ids=lambda demand: demand.kind,
)
@pytest.mark.parametrize("horizon", [7, 300])
def test_a_path_does_not_depend_on_the_batch(demand: Demand, horizon: int) -> None:
    together = _paths([demand, demand], horizon, [3, 4, 5])
    for env, seed in enumerate((3, 4, 5)):
        np.testing.assert_array_equal(together[:, [env]], _paths([demand, demand], horizon, [seed]))


def test_items_of_unlike_families_keep_their_columns() -> None:
    low = Demand(kind="uniform", low=0, high=1, whole=True)
    high = Demand(kind="uniform", low=10, high=11, whole=True)
    path = _paths([low, high, low], 300, [1])[:, 0]
    assert (path[:, [0, 2]] <= 1).all()
    assert (path[:, 1] >= 10).all()
    assert (path[:, 0] != path[:, 2]).any()  # independent items


@pytest.mark.parametrize("horizon", [5, 300])
def test_an_episode_plays_a_window_of_given_traces(horizon: int) -> None:
    traces = np.arange(800.0).reshape(400, 2)
    path = _paths([Demand(), Demand()], horizon, [1, 2, 3, 4, 5, 6], traces)
    for env in range(6):
        begin = int(path[0, env, 0] / 2)
        np.testing.assert_array_equal(path[:, env], traces[begin : begin + horizon])
    assert len({float(path[0, env, 0]) for env in range(6)}) > 1


def test_ar1_shows_the_last_demand_and_markov_its_regime() -> None:
    for demand, size in ((Demand(kind="ar1", mean=50, std=5), 1), (Demand(kind="markov"), 2)):
        paths = DemandPaths([demand], 300, 2)
        paths.reset([np.random.default_rng(0), np.random.default_rng(1)])
        assert paths.context_size == size
        for time in range(299):
            before = paths.demand(time).copy()
            paths.advance(time + 1)
            context = paths.context(time + 1)
            if demand.kind == "ar1":
                np.testing.assert_allclose(context, before)
            else:
                assert (context.sum(1) == 1).all()

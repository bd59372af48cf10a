"""Two agents side by side: probability of improvement, differences, and many tests at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.statistics.resampling import Interval, Resampler


def probability_of_improvement(first: Sequence[ArrayLike], second: Sequence[ArrayLike]) -> float:
    """How likely a run of the first agent beats one of the second, averaged over scenarios.

    In each scenario it is the Mann-Whitney statistic: the share of pairs of runs in which the first
    is larger, ties counted half (Agarwal et al. 2021, section 4.3).

    Args:
        first: One array a scenario, larger is better.
        second: One array a scenario, the same scenarios in the same order.
    """
    shares = [
        float(_wins(np.asarray(a, np.float64), np.asarray(b, np.float64)).mean())
        for a, b in zip(first, second, strict=True)
    ]
    return float(np.mean(shares))


def probabilities_of_improvement(
    scores: Mapping[str, Sequence[ArrayLike]], resampler: Resampler
) -> dict[tuple[str, str], tuple[float, Interval]]:
    """Probability of improvement and its interval for every ordered pair of agents.

    Both agents of a pair are resampled independently, within each scenario.

    Args:
        scores: By agent, one array a scenario, larger is better; the same scenarios for all.
        resampler: Draws the runs.
    """
    names = list(scores)
    strata = {name: [np.asarray(values, np.float64) for values in scores[name]] for name in names}
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    chances: dict[tuple[str, str], tuple[float, Interval]] = {}
    # Pairs whose scenarios have as many runs are worked on together, as columns of one matrix.
    groups: dict[tuple[tuple[int, int], ...], list[tuple[str, str]]] = {}
    for a, b in pairs:
        sizes = tuple((len(x), len(y)) for x, y in zip(strata[a], strata[b], strict=True))
        groups.setdefault(sizes, []).append((a, b))
    for sizes, group in groups.items():
        sums = np.zeros((resampler.resamples, len(group)), np.float32)
        for place, (n, m) in enumerate(sizes):
            wins = np.stack([_wins(strata[a][place], strata[b][place]).ravel() for a, b in group], axis=1)
            columns = (wins / (n * m)).astype(np.float32)
            sums += _products(resampler.counts(n, place, 1), resampler.counts(m, place, 2), columns)
        lows, highs = resampler.intervals(sums / len(sizes))
        for (a, b), low, high in zip(group, lows, highs, strict=True):
            share = probability_of_improvement(strata[a], strata[b])
            interval = Interval(max(0.0, float(low)), min(1.0, float(high)))
            chances[a, b] = share, interval
            chances[b, a] = 1 - share, Interval(1 - interval.high, 1 - interval.low)
    return chances


def difference_p_value(differences: ArrayLike) -> float:
    """Two-sided one-sample t-test that paired differences have mean zero.

    With fewer than two values nothing can be said: NaN. Where all are equal and not zero it is 0.
    """
    sample = np.asarray(differences, np.float64)
    if len(sample) < 2 or np.isnan(sample).any():
        return float("nan")
    if np.ptp(sample) == 0:
        return 0.0 if sample[0] != 0 else 1.0
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(sample, 0.0).pvalue)


def welch_p_value(first: ArrayLike, second: ArrayLike) -> float:
    """Welch's two-sided test that the runs of two learned agents have the same mean; NaN below two runs."""
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if min(len(a), len(b)) < 2 or np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    if np.ptp(a) == 0 and np.ptp(b) == 0:
        return 0.0 if a[0] != b[0] else 1.0
    from scipy.stats import ttest_ind

    return float(ttest_ind(a, b, equal_var=False).pvalue)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values corrected for looking at many at once (Holm 1979); NaN stays NaN and does not count."""
    given = np.asarray(p_values, np.float64)
    corrected = np.full(given.shape, np.nan)
    known = np.flatnonzero(~np.isnan(given))
    order = known[np.argsort(given[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * factors))
    return corrected


def _wins(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where the run in the row beats the one in the column, ½ for a tie; shape ``(n, m)``."""
    difference = first[:, None] - second[None, :]
    return np.asarray(0.5 + 0.5 * np.sign(difference), np.float64)


def _products(
    first: NDArray[np.float32], second: NDArray[np.float32], columns: NDArray[np.float32]
) -> NDArray[np.float32]:
    """For every resample, Σᵢⱼ firstᵢ secondⱼ columnsᵢⱼ; in blocks that fit the processor's cache."""
    resamples, n = first.shape
    m = second.shape[1]
    result = np.empty((resamples, columns.shape[1]), np.float32)
    block = max(1, 200_000 // (n * m))
    for start in range(0, resamples, block):
        a, b = first[start : start + block], second[start : start + block]
        result[start : start + block] = (a[:, :, None] * b[:, None, :]).reshape(len(a), n * m) @ columns
    return result

"""What an agent scores: interquartile mean, normalised score, optimality gap, and their intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.statistics.resampling import Interval, Resampler

_BLOCK = 2_000
"""Resamples that are worked on at a time, so that they stay in the processor's cache."""


def iqm(values: ArrayLike) -> float:
    """Interquartile mean: the mean of what is left without the lowest and the highest quarter.

    Of n values ⌊n/4⌋ are left out at each end, as `scipy.stats.trim_mean` does and Agarwal et al.
    2021 use; with fewer than four values it is the mean. NaN if any value is.
    """
    ordered = np.sort(np.asarray(values, np.float64).ravel())
    cut = len(ordered) // 4
    return float(ordered[cut : len(ordered) - cut].mean()) if not np.isnan(ordered).any() else float("nan")


def iqm_interval(scores: Sequence[ArrayLike], resampler: Resampler) -> Interval:
    """Stratified bootstrap interval of the IQM over all runs of all scenarios.

    Args:
        scores: One array a scenario, one value a run.
        resampler: Draws the runs.
    """
    strata = [np.asarray(values, np.float64) for values in scores]
    pooled = np.concatenate(strata)
    if np.isnan(pooled).any():
        return Interval(float("nan"), float("nan"))
    counts = resampler.strata([len(values) for values in strata])
    return resampler.interval(_weighted_iqm(pooled, counts))


def iqm_intervals(columns: NDArray[np.float64], resampler: Resampler) -> list[Interval]:
    """The IQM's interval for each column of ``columns``, shape ``(runs, columns)``; one stratum each.

    Every interval speaks of its own column, so all can be resampled alike: one matrix product.
    """
    runs = len(columns)
    ordered = np.sort(columns, axis=0)
    # Counts belong to places in sorted order, which is as good as any: runs of a stratum are exchangeable.
    weights = _iqm_weights(resampler.counts(runs))
    # Single precision is fast, and exact enough for what is left without the columns' centres.
    centres = ordered.mean(axis=0)
    lows, highs = resampler.intervals(weights @ (ordered - centres).astype(np.float32))
    lows, highs = lows + centres, highs + centres
    return [
        Interval(min(float(low), top), max(float(high), bottom))
        if bottom != top
        else Interval(bottom, bottom)
        for low, high, bottom, top in zip(lows, highs, ordered[0], ordered[-1], strict=True)
    ]


def mean_interval(values: ArrayLike, resampler: Resampler) -> Interval:
    """Bootstrap interval of the mean over runs."""
    sample = np.asarray(values, np.float64)
    return resampler.interval(resampler.means(sample))


def normalise(values: ArrayLike, zero: float, one: float) -> NDArray[np.float64]:
    """Scores on the scale where ``zero`` is 0 and ``one`` is 1; works for either direction of better.

    Args:
        values: Metric values.
        zero: The random agent's value.
        one: The best tuned baseline's value, or the known optimum.

    Returns:
        NaN everywhere if the two anchors are equal or not finite.
    """
    span = one - zero
    sample = np.asarray(values, np.float64)
    if not np.isfinite(span) or span == 0:
        return np.full(sample.shape, np.nan)
    scaled: NDArray[np.float64] = (sample - zero) / span + 0.0  # no minus zero
    return scaled


def log_gap_score(values: ArrayLike, zero: float, one: float) -> NDArray[np.float64]:
    """Scores by the gap to ``one`` in logarithm: 0 at ``zero``, 1 at ``one``; for either direction of better.

    With the gap g = |value - one|/|one| in percent, it is 1 - log(1 + g)/log(1 + g of zero), and as much
    above 1 where a value is better than ``one``. A gap of 1 % then counts, however bad ``zero`` is.

    Args:
        values: Metric values.
        zero: The random agent's value.
        one: The best tuned baseline's value, or the known optimum; not 0.

    Returns:
        NaN everywhere if the two anchors are equal or not finite, or ``one`` is 0.
    """
    sample = np.asarray(values, np.float64)
    if not np.isfinite([zero, one]).all() or one in (zero, 0):
        return np.full(sample.shape, np.nan)
    gap = 100.0 * (sample - one) / abs(one) * np.sign(zero - one)
    whole = np.log1p(100.0 * abs((zero - one) / one))
    scores: NDArray[np.float64] = 1.0 - np.sign(gap) * np.log1p(np.abs(gap)) / whole + 0.0
    return scores


def optimality_gap(values: ArrayLike, target: float = 1.0) -> float:
    """Mean amount by which scores fall short of ``target``; those above it count as reaching it."""
    return float(np.maximum(target - np.asarray(values, np.float64), 0.0).mean())


def optimality_gap_interval(
    scores: Sequence[ArrayLike], resampler: Resampler, target: float = 1.0
) -> Interval:
    """Stratified bootstrap interval of the optimality gap over all runs of all scenarios."""
    strata = [np.maximum(target - np.asarray(values, np.float64), 0.0) for values in scores]
    counts = resampler.strata([len(values) for values in strata])
    pooled = np.concatenate(strata)
    centre = pooled.mean()
    low, high = resampler.interval(counts @ ((pooled - centre) / len(pooled)).astype(np.float32))
    return Interval(low + centre, high + centre)


def _weighted_iqm(values: NDArray[np.float64], counts: NDArray[np.float32]) -> NDArray[np.float64]:
    """IQM of every resample; ``counts`` has shape ``(resamples, values)``."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    total, cut = len(values), len(values) // 4
    kept = total - 2 * cut
    gaps = np.diff(ordered).astype(np.float32)
    result = np.empty(len(counts))
    for start in range(0, len(counts), _BLOCK):
        reached = np.cumsum(counts[start : start + _BLOCK][:, order], axis=1, dtype=np.float32)
        np.clip(reached, cut, total - cut, out=reached)
        # Σ (cᵢ - cᵢ₋₁) xᵢ summed by parts: cₙ xₙ - c₀ x₁ - Σ cᵢ (xᵢ₊₁ - xᵢ), without a second large array.
        result[start : start + _BLOCK] = reached[:, :-1] @ gaps
    sums: NDArray[np.float64] = (total - cut) * ordered[-1] - cut * ordered[0] - result
    return sums / kept


def _iqm_weights(counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Weight of every place in sorted order in the IQM of each resample; rows sum to 1."""
    total = counts.shape[1]
    cut = total // 4
    reached = np.clip(np.cumsum(counts, axis=1), cut, total - cut)
    weights = np.diff(reached, axis=1, prepend=np.float32(cut))
    return np.asarray(weights / (total - 2 * cut), np.float32)

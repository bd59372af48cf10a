"""Intervals over episodes: what a single evaluation is judged by."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

RESAMPLES = 50_000
"""Bootstrap resamples, as Agarwal et al. 2021 (arXiv 2108.13264) use."""


def bootstrap_mean(
    values: ArrayLike, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean.

    Args:
        values: Shape ``(n,)``, n at least 1; for n = 1 both ends are the value itself.
        resamples: Number of resamples.
        level: Coverage.
        seed: Seeds the resampling.

    Returns:
        Lower and upper end; NaN if any value is NaN.
    """
    sample = np.asarray(values, float)
    rng = np.random.default_rng(seed)
    means = np.empty(resamples)
    # In blocks, so that memory stays below some 16 MB however many episodes there are.
    block = max(1, min(resamples, 2_000_000 // max(1, len(sample))))
    for start in range(0, resamples, block):
        stop = min(start + block, resamples)
        means[start:stop] = sample[rng.integers(0, len(sample), (stop - start, len(sample)))].mean(axis=1)
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def paired_difference(a: ArrayLike, b: ArrayLike, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean of ``a - b`` and its bootstrap interval; entries belong to the same episodes.

    Raises:
        ValueError: If the shapes differ.
    """
    first, second = np.asarray(a, float), np.asarray(b, float)
    if first.shape != second.shape:
        raise ValueError(f"paired values must have the same shape, not {first.shape} and {second.shape}")
    difference = first - second
    low, high = bootstrap_mean(difference, seed=seed)
    return float(difference.mean()), low, high

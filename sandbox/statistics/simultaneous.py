"""Intervals of several means that are all to hold at once."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from sandbox.statistics.resampling import Interval


def t_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Student's interval of a mean.

    For few values and high levels, where a percentile bootstrap is too narrow: of n values it cannot reach
    beyond the smallest and the largest.

    Args:
        values: Shape ``(n,)``; for n = 1 both ends are infinite.
        level: Coverage; 1 − 0.05/m for m intervals that hold at once with 95 % (Bonferroni).
    """
    sample = np.asarray(values, np.float64)
    mean = float(sample.mean())
    if len(sample) < 2:
        return Interval(-math.inf, math.inf)
    from scipy.stats import t

    half = float(t.ppf(0.5 + level / 2, len(sample) - 1)) * float(sample.std(ddof=1)) / math.sqrt(len(sample))
    return Interval(mean - half, mean + half)

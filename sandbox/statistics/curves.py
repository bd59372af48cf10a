"""Learning curves of several runs as one, with a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.statistics.resampling import BAND_RESAMPLES, Resampler


@dataclass(frozen=True)
class Curve:
    """Mean over runs at each step with a pointwise 95 % band; all arrays have shape ``(points,)``."""

    steps: NDArray[np.float64]
    mean: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    runs: int


def band(
    runs: Sequence[tuple[Sequence[float], Sequence[float]]], points: int = 50, *, seed: int = 0
) -> Curve | None:
    """The mean of several runs' curves and its bootstrap band over runs.

    Each run is read between its records by straight lines. The curve covers the steps that all runs
    have: an average over fewer runs at the ends would jump. It has a point where the run with most
    records has one, and ``points`` evenly spaced ones where that run has more.

    Args:
        runs: For each run its steps, ascending, and the values there; values that are not finite are
            left out.
        points: Points of the result at most.
        seed: Seeds the band.

    Returns:
        None if no run has a record, or the runs have no steps in common.
    """
    cleaned = []
    for steps, values in runs:
        at, of = np.asarray(steps, np.float64), np.asarray(values, np.float64)
        known = np.isfinite(of)
        if known.any():
            cleaned.append((at[known], of[known]))
    if not cleaned:
        return None
    start, stop = max(at[0] for at, _ in cleaned), min(at[-1] for at, _ in cleaned)
    if start > stop:
        return None
    at = max((steps for steps, _ in cleaned), key=len)
    at = np.unique([start, *at[(at >= start) & (at <= stop)], stop])
    if len(at) > points:
        at = np.linspace(start, stop, points)
    table = np.stack([np.interp(at, steps, values) for steps, values in cleaned])
    resampler = Resampler(seed, BAND_RESAMPLES)
    means = resampler.counts(len(table)).astype(np.float64) @ table / len(table)
    low, high = resampler.intervals(means)
    return Curve(at, table.mean(axis=0), low, high, len(table))

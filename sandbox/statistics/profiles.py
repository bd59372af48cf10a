"""Performance profiles: which share of runs scores above each threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.statistics.resampling import BAND_RESAMPLES, Resampler


@dataclass(frozen=True)
class Profile:
    """A run-score distribution with its band; all arrays have shape ``(thresholds,)``."""

    thresholds: NDArray[np.float64]
    share: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def performance_profile(scores: Sequence[ArrayLike], thresholds: ArrayLike, *, seed: int = 0) -> Profile:
    """The share of runs with a score above each threshold, scenarios weighing the same.

    Agarwal et al. 2021, section 4.2: the run-score distribution, with a pointwise stratified
    bootstrap band of 95 %.

    Args:
        scores: Normalised scores, one array a scenario.
        thresholds: Where to look, ascending.
        seed: Seeds the band.
    """
    taus = np.asarray(thresholds, np.float64)
    strata = [np.asarray(values, np.float64) for values in scores]
    above = [(values[:, None] > taus[None, :]).astype(np.float64) for values in strata]
    share = np.mean([part.mean(axis=0) for part in above], axis=0)
    resampler = Resampler(seed, BAND_RESAMPLES)
    weights = np.concatenate([part / (len(part) * len(above)) for part in above])
    counts = resampler.strata([len(values) for values in strata])
    low, high = resampler.intervals(counts @ weights.astype(np.float32))
    return Profile(taus, share, np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0))

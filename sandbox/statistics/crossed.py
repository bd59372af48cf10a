"""Statistics of a table of runs and test episodes: both are drawn again, because both could have been others.

A row is a training run, a column a test episode, which all runs play. Runs are resampled as rows and episodes
as columns (Owen 2007, Annals of Applied Statistics 1(2): the pigeonhole bootstrap, a little too wide rather
than too narrow). With one run, or one episode, only the others are resampled.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.statistics.resampling import Interval, Resampler

RESAMPLES = 10_000
"""Resamples of rows and columns together."""

MAX_COUNTS = 20_000_000
"""Entries of the table of how often each episode was drawn; more episodes get fewer resamples."""

RUNS, EPISODES = 4, 5
"""Streams of the draws, so that runs and episodes are drawn independently."""

LEVEL = 1.96
"""Standard errors from zero at which a difference counts as clear."""


class Needed(NamedTuple):
    """How many runs and episodes would make a difference clear, if it is as large as measured."""

    runs: int
    episodes: int


def crossed_interval(table: NDArray[np.float64], seed: int, *, trimmed: bool = False) -> Interval:
    """Bootstrap interval of the mean, or of the interquartile mean over runs.

    Args:
        table: Shape ``(runs, episodes)``.
        seed: Seeds the draws.
        trimmed: Whether the statistic is the IQM over runs of their means over episodes.
    """
    if np.isnan(table).any():
        return Interval(float("nan"), float("nan"))
    runs, episodes = table.shape
    resampler = Resampler(seed, max(1_000, min(RESAMPLES, MAX_COUNTS // max(runs, episodes))))
    drawn_runs = resampler.counts(runs, 0, RUNS)
    centre = table.mean()
    # Means over the drawn episodes, a column a run; less the centre, single precision is exact enough.
    means = resampler.counts(episodes, 0, EPISODES) @ (table - centre).T.astype(np.float32) / episodes
    statistic = _trimmed(means, drawn_runs) if trimmed else (means * drawn_runs).sum(1) / runs
    low, high = resampler.interval(statistic)
    return Interval(low + centre, high + centre)


def _trimmed(values: NDArray[np.float32], counts: NDArray[np.float32]) -> NDArray[np.float32]:
    """Interquartile mean of each row, whose values count so often."""
    total = counts.shape[1]
    cut = total // 4
    order = np.argsort(values, axis=1)
    reached = np.clip(np.cumsum(np.take_along_axis(counts, order, 1), 1), cut, total - cut)
    weights = np.diff(reached, axis=1, prepend=np.float32(cut))
    return np.asarray((np.take_along_axis(values, order, 1) * weights).sum(1) / (total - 2 * cut))


class _Parts(NamedTuple):
    """What the squared standard error of the mean is made of: a part from runs, and one from episodes."""

    runs: float
    episodes: float


def _parts(table: NDArray[np.float64]) -> _Parts:
    runs, episodes = table.shape
    return _Parts(
        float(table.mean(1).var(ddof=1)) / runs if runs > 1 else 0.0,
        float(table.mean(0).var(ddof=1)) / episodes if episodes > 1 else 0.0,
    )


def crossed_p_value(table: NDArray[np.float64]) -> float:
    """Two-sided test that the mean is zero, with the variances over runs and over episodes.

    Degrees of freedom as Satterthwaite 1946. With one run it is the t-test over episodes, with one episode
    that over runs. NaN where nothing can be said; 0 or 1 where nothing varies.
    """
    if table.size < 2 or np.isnan(table).any():
        return float("nan")
    mean, parts = float(table.mean()), _parts(table)
    variance = parts.runs + parts.episodes
    if variance <= 1e-24 * max(mean**2, 1e-300):
        return 0.0 if mean != 0 else 1.0
    from scipy.stats import t

    runs, episodes = table.shape
    freedom = variance**2 / (parts.runs**2 / max(runs - 1, 1) + parts.episodes**2 / max(episodes - 1, 1))
    return float(2 * t.sf(abs(mean) / math.sqrt(variance), freedom))


def needed(table: NDArray[np.float64]) -> Needed | None:
    """How many runs and episodes would make the mean differ from zero clearly, if it is as measured.

    More runs where they alone suffice, else as many times more of both. None where the mean is zero.
    """
    runs, episodes = table.shape
    mean, parts = float(table.mean()), _parts(table)
    if mean == 0 or not math.isfinite(mean) or runs * episodes < 2:
        return None
    allowed = (mean / LEVEL) ** 2
    if runs > 1 and allowed > 2 * parts.episodes:
        return Needed(max(runs + 1, math.ceil(parts.runs * runs / (allowed - parts.episodes))), episodes)
    factor = max((parts.runs + parts.episodes) / allowed, 1.0)
    return Needed(math.ceil(runs * factor) if runs > 1 else 1, math.ceil(episodes * factor) + 1)

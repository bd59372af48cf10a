"""Statistics of a table of runs and test episodes: both are drawn again, because both could have been others.

A row is a training run, a column a test episode, which all runs play. Runs are resampled as rows and episodes
as columns (Owen 2007, Annals of Applied Statistics 1(2): the pigeonhole bootstrap, a little too wide rather
than too narrow). With one run, or one episode, only the others are resampled.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.statistics.resampling import Interval, Resampler, enough

RESAMPLES = 10_000
"""Resamples of rows and columns together."""

MAX_COUNTS = 20_000_000
"""Entries of the table of how often each episode was drawn; more episodes get fewer resamples."""

RUNS, EPISODES = 4, 5
"""Streams of the draws, so that runs and episodes are drawn independently."""

LEVEL = 0.05
"""p below which a difference counts as clear."""

MOST = 10_000_000
"""No more runs or episodes than these are asked for."""


class Needed(NamedTuple):
    """How many runs and episodes would make a difference clear, if it is as large as measured."""

    runs: int
    episodes: int


def crossed_interval(table: NDArray[np.float64], seed: int, *, trimmed: bool = False) -> Interval:
    """Bootstrap interval of the mean, or of the interquartile mean over runs; NaN without `enough` of both.

    Args:
        table: Shape ``(runs, episodes)``.
        seed: Seeds the draws.
        trimmed: Whether the statistic is the IQM over runs of their means over episodes.
    """
    runs, episodes = table.shape
    if np.isnan(table).any() or not enough(runs, episodes):
        return Interval(float("nan"), float("nan"))
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
    return _p_value(float(table.mean()), _parts(table), *table.shape)


def _p_value(mean: float, parts: _Parts, runs: int, episodes: int) -> float:
    variance = parts.runs + parts.episodes
    if variance <= 1e-24 * max(mean**2, 1e-300):
        return 0.0 if mean != 0 else 1.0
    from scipy.stats import t

    freedom = variance**2 / (parts.runs**2 / max(runs - 1, 1) + parts.episodes**2 / max(episodes - 1, 1))
    return float(2 * t.sf(abs(mean) / math.sqrt(variance), freedom))


def needed(table: NDArray[np.float64], comparisons: int = 1) -> Needed | None:
    """How many runs and episodes would make the mean differ from zero clearly, if it is as measured.

    More runs where they alone suffice, else as many times more of both; in any case more than there are, and
    `enough` for a verdict. None where the mean is zero.

    Args:
        table: Shape ``(runs, episodes)``.
        comparisons: Means that are tested together: p has to be so many times lower, as it is for the first
            of them in Holm's correction.
    """
    runs, episodes = table.shape
    mean, parts = float(table.mean()), _parts(table)
    if mean == 0 or not math.isfinite(mean) or runs * episodes < 2:
        return None

    def clear(more_runs: int, more_episodes: int) -> bool:
        scaled = _Parts(parts.runs * runs / more_runs, parts.episodes * episodes / more_episodes)
        significant = _p_value(mean, scaled, more_runs, more_episodes) * comparisons < LEVEL
        return significant and enough(more_runs, more_episodes)

    runs_alone = clear(MOST, episodes) and parts.episodes < parts.runs
    if runs > 1 and (runs_alone or clear(2 * runs, episodes)):
        return Needed(_smallest(lambda count: clear(count, episodes), runs + 1), episodes)
    more = _smallest(
        lambda count: clear(-(-runs * count // episodes) if runs > 1 else 1, count), episodes + 1
    )
    return Needed(-(-runs * more // episodes) if runs > 1 else 1, more)


def _smallest(clear: Callable[[int], bool], low: int) -> int:
    """The smallest number from ``low`` on for which it holds, at most `MOST`."""
    high = low
    while not clear(high) and high < MOST:
        low, high = high + 1, min(2 * high, MOST)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if clear(middle) else (middle + 1, high)
    return low

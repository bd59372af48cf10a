"""Seeded resamples of runs within strata, shared by everything that needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox.records.words import MIN_EPISODES
from sandbox.statistics.episodes import RESAMPLES

MIN_RUNS = 5
"""With fewer training runs an agent's figures are exploratory."""


def enough(runs: int, episodes: int) -> bool:
    """Whether so many runs and test episodes carry an interval and a verdict.

    A scenario with a single test episode has nothing but runs to vary: there, `MIN_RUNS` are needed.
    """
    return episodes >= MIN_EPISODES or (episodes == 1 and runs >= MIN_RUNS)


BAND_RESAMPLES = 5_000
"""Resamples of bands that are drawn, not read to the third digit (curves, profiles)."""


class Interval(NamedTuple):
    """Both ends of an interval."""

    low: float
    high: float


MAX_DRAWS = 20_000_000
"""Draws that are kept at a time; agents with more than 400 runs get fewer resamples, and need fewer."""


def resamples_for(runs: int) -> int:
    """How many resamples an agent with so many runs over all scenarios is worth."""
    return RESAMPLES if runs * RESAMPLES <= MAX_DRAWS else max(2_000, MAX_DRAWS // runs)


class Resampler:
    """Draws with replacement, within each stratum, as many runs as the stratum has.

    A resample is kept as counts: how often each run was drawn. A statistic of all resamples is then a
    matrix product, and every agent with as many runs is resampled alike. What is drawn depends on the
    seed, the stratum's place, its number of runs and the stream alone, never on the order of calls.

    Args:
        seed: Seeds the draws.
        resamples: Number of resamples.
        level: Coverage of the intervals.
    """

    def __init__(self, seed: int = 0, resamples: int = RESAMPLES, level: float = 0.95) -> None:
        self.seed, self.resamples, self.level = seed, resamples, level
        self._counts: dict[tuple[int, int, int], NDArray[np.float32]] = {}
        self._strata: dict[tuple[tuple[int, ...], int], NDArray[np.float32]] = {}  # the latest only

    def counts(self, runs: int, stratum: int = 0, stream: int = 0) -> NDArray[np.float32]:
        """How often each run of a stratum was drawn; shape ``(resamples, runs)``, rows sum to ``runs``.

        Args:
            runs: Runs in the stratum, at least 1.
            stratum: Its place; different places are drawn independently.
            stream: Agents that are compared with each other need different streams.
        """
        key = (runs, stratum, stream)
        if key not in self._counts:
            rng = np.random.default_rng([self.seed, runs, stratum, stream])
            drawn = rng.integers(0, runs, (self.resamples, runs), dtype=np.int32)
            drawn += np.arange(self.resamples, dtype=np.int32)[:, None] * runs
            flat = np.bincount(drawn.ravel(), minlength=self.resamples * runs)
            self._counts[key] = flat.reshape(self.resamples, runs).astype(np.float32)
        return self._counts[key]

    def strata(self, sizes: Sequence[int], stream: int = 0) -> NDArray[np.float32]:
        """Counts of all strata side by side; shape ``(resamples, sum of sizes)``."""
        key = (tuple(sizes), stream)
        if key not in self._strata:
            self._strata = {key: np.hstack([self.counts(n, place, stream) for place, n in enumerate(sizes)])}
        return self._strata[key]

    def means(self, values: NDArray[np.float64], stratum: int = 0) -> NDArray[np.float64]:
        """Means of resamples of one stratum, shape ``(resamples,)``; in blocks, whatever its size."""
        rng = np.random.default_rng([self.seed, len(values), stratum, 3])
        means = np.empty(self.resamples)
        block = max(1, 1_000_000 // len(values))
        for start in range(0, self.resamples, block):
            rows = min(block, self.resamples - start)
            drawn = rng.integers(0, len(values), (rows, len(values)), dtype=np.int32)
            means[start : start + rows] = values[drawn].mean(axis=1)
        return means

    def interval(self, statistics: NDArray[np.floating]) -> Interval:
        """The percentile interval of a statistic's resamples, shape ``(resamples,)``."""
        lows, highs = self.intervals(statistics[:, None])
        return Interval(float(lows[0]), float(highs[0]))

    def intervals(self, statistics: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper ends for each column of ``statistics``, shape ``(resamples, columns)``."""
        tail = (1 - self.level) / 2
        columns = np.ascontiguousarray(statistics.T)
        lows, highs = np.quantile(columns, [tail, 1 - tail], axis=1, overwrite_input=True)
        return np.asarray(lows, np.float64), np.asarray(highs, np.float64)

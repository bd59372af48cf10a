"""Metrics of single signals, from what is seen at every decision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_traffic.scene import Array, Scene


class Tally:
    """Sums over an episode for every signal of every copy.

    The network's metrics come from SUMO's trips. A trip belongs to no single signal, so these come
    from the approaches instead: their state at the end of each interval stands for the interval.
    """

    def __init__(self, copies: int, signals: int) -> None:
        self._seconds = np.zeros((copies, 1))
        self._queue, self._lost, self._outside, self._passed, self._changes = np.zeros((5, copies, signals))

    def forget(self, copies: Sequence[int]) -> None:
        """Begin new episodes."""
        for sums in (self._seconds, self._queue, self._lost, self._outside, self._passed, self._changes):
            sums[copies] = 0.0

    def add(self, scene: Scene) -> None:
        """Count one interval."""
        before = scene.before
        seconds = (scene.now - before.now)[:, None]
        self._seconds += seconds
        self._queue += scene.totals["queue"] * seconds
        self._lost += scene.totals["slowness"] * seconds
        self._outside += scene.totals["outside"] * seconds
        self._passed += scene.totals["passed"] - before.totals["passed"]
        self._changes += scene.phase != before.phase

    def metrics(self) -> dict[str, Array]:
        """Figures of the episode so far, shape ``(copies, signals)``.

        - ``queue``: mean number of vehicles that stand on the signal's approaches
        - ``outside``: mean number of vehicles that wait to enter before it
        - ``throughput``: vehicles/h that crossed its loops
        - ``delay``: (Σ (1 − speed/limit)·Δt + Σ outside·Δt) / vehicles that crossed, s
        - ``changes``: changes of phase an hour
        """
        hours = np.maximum(self._seconds, 1.0) / 3600.0
        return {
            "queue": self._queue / np.maximum(self._seconds, 1.0),
            "outside": self._outside / np.maximum(self._seconds, 1.0),
            "throughput": self._passed / hours,
            "delay": (self._lost + self._outside) / np.maximum(self._passed, 1.0),
            "changes": self._changes / hours,
        }

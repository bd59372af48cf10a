"""When the next checkpoint is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

CHECKPOINT_SHARE = 0.02
"""Checkpoints that take long come less often, so that they take at most this share of the time."""


class CheckpointSchedule:
    """Checkpoints in regular intervals, longer ones where writing takes long.

    Args:
        every: Seconds between two checkpoints; at every safe point at 0.
    """

    def __init__(self, every: float) -> None:
        self._every = every
        self._last = time.perf_counter()

    def start(self) -> None:
        """Training begins, or goes on, now."""
        self._last = time.perf_counter()

    @property
    def due(self) -> bool:
        """Whether it is time for a checkpoint."""
        return time.perf_counter() - self._last >= self._every

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A checkpoint is written within this; the time until the next one starts at its end."""
        start = time.perf_counter()
        yield
        now = time.perf_counter()
        extra = max(0.0, (now - start) / CHECKPOINT_SHARE - self._every) if self._every else 0.0
        self._last = now + extra

"""Wall time of a training run, over all its processes, with validation apart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class TrainingClock:
    """Runs from `start` to `stop`; what a run took before a stop counts.

    Args:
        train_seconds: Seconds of training before.
        validation_seconds: Seconds of validation before.
    """

    def __init__(self, train_seconds: float = 0.0, validation_seconds: float = 0.0) -> None:
        self.validation_seconds = validation_seconds
        self._before = train_seconds
        self._started = time.perf_counter()
        self._stopped: float | None = None

    def start(self) -> None:
        """Training begins, or goes on, now."""
        self._started = time.perf_counter() - self._before - self.validation_seconds

    def stop(self) -> None:
        """Training has ended; doing so twice does no harm."""
        if self._stopped is None:
            self._stopped = time.perf_counter()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began, validation included."""
        return time.perf_counter() - self._started

    @property
    def train_seconds(self) -> float:
        """Seconds of training without validation."""
        return (self._stopped or time.perf_counter()) - self._started - self.validation_seconds

    @contextmanager
    def validating(self) -> Iterator[None]:
        """Count the time within as validation; once training has ended it does not count."""
        start = time.perf_counter()
        try:
            yield
        finally:
            if self._stopped is None:
                self.validation_seconds += time.perf_counter() - start

"""Progress of long computations on standard error."""

from __future__ import annotations

import sys
import time


class ProgressLine:
    """One line that is rewritten; shown on a terminal only, and not before a second has passed.

    Args:
        task: What is computed, for example ``optimal policy, lead time 6, 4,096,000 states``.
    """

    def __init__(self, task: str) -> None:
        self._task, self._start, self._last_shown = task, time.monotonic(), 0.0

    def __call__(self, progress: str) -> None:
        """Show ``progress``, at most twice a second."""
        now = time.monotonic()
        if now - self._start > 1.0 and now - self._last_shown > 0.5 and sys.stderr.isatty():
            self._last_shown = now
            print(f"\r\x1b[Kinventory: {self._task}: {progress}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clear the line."""
        if self._last_shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

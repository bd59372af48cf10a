"""Requests to stop: Ctrl-C, and the SIGTERM of a scheduler."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
"""Ctrl-C, and what schedulers send."""

REPEATED_WITHIN = 0.3
"""Seconds within which a second Ctrl-C is the first one again, passed on by a program in between."""

CHECK_EVERY = 0.5
"""Seconds between two looks at whether the limit has passed."""


class StopSignals:
    """Requests to stop: SIGINT (Ctrl-C) and SIGTERM (a scheduler), noted while this is entered.

    The work looks at `requested` at its safe points. A second Ctrl-C raises `KeyboardInterrupt` at once;
    a second SIGTERM means what the first one meant, since schedulers and wrappers send it to a process
    and to its group. Outside the main thread nothing is noted. Where they are nested, the inner one gets
    the signals and hands its request on when it is left.

    Args:
        limit: Seconds after a SIGTERM when `KeyboardInterrupt` is raised although no safe point was reached:
            schedulers kill what has not ended after half a minute or so. Never if absent.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self._requested_at: float | None = None
        self._terminated_at: float | None = None
        self._immediate = self._shielded = False
        self._handlers: dict[int, Any] = {}
        self._over = threading.Event()

    @property
    def requested(self) -> bool:
        """Whether the work is to stop."""
        return self._requested_at is not None

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.signal(number, self._on_signal) for number in STOP_SIGNALS}
            if self._limit is not None:
                threading.Thread(target=self._enforce, args=(self._limit,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        outer = getattr(self._handlers.get(signal.SIGTERM), "__self__", None)
        if isinstance(outer, StopSignals) and self.requested:
            # The request concerns what is around this, too; a repeated SIGTERM is no new one there.
            outer._requested_at = outer._requested_at or self._requested_at
            outer._terminated_at = outer._terminated_at or self._terminated_at
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._handlers = {}

    @contextmanager
    def immediately(self) -> Iterator[None]:
        """Within this the first request raises `KeyboardInterrupt` where the work is.

        Raises:
            KeyboardInterrupt: Also for a request that came before.
        """
        self._immediate = True
        try:
            if self.requested:
                raise KeyboardInterrupt
            yield
        finally:
            self._immediate = False

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Within this nothing is raised: what ends the work soon anyway is brought to its end."""
        self._shielded = True
        try:
            yield
        finally:
            self._shielded = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        first = self._requested_at is None
        again = not first and number == signal.SIGINT and now - (self._requested_at or now) > REPEATED_WITHIN
        if first:
            self._requested_at = now
        if number == signal.SIGTERM and self._terminated_at is None:
            self._terminated_at = now
        if (again or (first and self._immediate)) and not self._shielded:
            raise KeyboardInterrupt

    def _enforce(self, limit: float) -> None:
        """Interrupt the main thread, also in a system call, when the time since SIGTERM is over."""
        while not self._over.wait(CHECK_EVERY):
            if self._terminated_at is not None and time.monotonic() - self._terminated_at > limit:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return


@contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """SIGTERM raises `KeyboardInterrupt` as Ctrl-C does, for work without safe points."""
    with StopSignals() as stop, stop.immediately():
        yield

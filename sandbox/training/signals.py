"""Interruptions and warnings during training."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from sandbox.evaluation.progress import Progress
from sandbox.training.monitor import Monitor


@contextmanager
def _warnings_told(progress: Progress) -> Iterator[None]:
    """Warnings raised by training code reach the user as messages, once each."""
    told: set[str] = set()

    def tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        text = f"{category.__name__}: {message}"
        if text not in told:
            told.add(text)
            progress.message(text if category is not UserWarning else str(message))

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield


@contextmanager
def _interrupts(monitor: Monitor) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends training at the next safe point, a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if monitor.interrupted:
            raise KeyboardInterrupt
        monitor.interrupted = True

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)

"""Functions that the launchers' tests send to workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

OnProgress = Callable[[Mapping[str, Any]], None]


def square(payload: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """The square of a number, the process and its numerical threads."""
    on_progress({"half": payload["number"] / 2})
    return {"square": payload["number"] ** 2, "pid": os.getpid(), "threads": os.environ["OMP_NUM_THREADS"]}


def fail(payload: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """Fails."""
    raise ArithmeticError("no")


def die(payload: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """Is killed, as by a lack of memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def wait(payload: Mapping[str, Any], on_progress: OnProgress) -> dict[str, Any]:
    """Waits to be interrupted, then leaves a file."""
    try:
        Path(payload["started"]).touch()
        time.sleep(60)
    except KeyboardInterrupt:
        Path(payload["interrupted"]).touch()
        return {"status": "interrupted"}
    return {}

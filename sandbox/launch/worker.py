"""What runs in a worker process: one job after another, with everything imported once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from sandbox.launch.base import Payload
from sandbox.registry.resolve import resolve

PATIENCE = 120.0
"""Seconds that an orphan has to write its checkpoint."""

WATCH_EVERY = 0.5


def serve(pipe: Connection, parent: int) -> None:
    """Answer jobs from a pipe until it is closed.

    A worker is in a session of its own, so that Ctrl-C reaches the driver alone, which then asks for
    an orderly end. If the driver dies, whatever is under way is interrupted the same way: training
    writes a checkpoint first.
    """
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.environ["OMP_NUM_THREADS"] = "1"
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    sending = threading.Lock()

    def send(message: tuple[str, Any]) -> None:
        try:
            with sending:
                pipe.send(message)
        except (BrokenPipeError, OSError):  # the driver is gone; the watch ends this process
            pass

    send(("ready", os.getpid()))
    while True:
        try:
            function, payload = pipe.recv()
        except (EOFError, OSError):
            return
        send(carry_out(function, payload, lambda values: send(("told", values))))


def carry_out(function: str, payload: Payload, tell: Callable[[Payload], None]) -> tuple[str, Any]:
    """Run one job: ``("result", value)`` or ``("error", sentence)``."""
    from sandbox.api.errors import SandboxError
    from sandbox.api.processes import one_thread

    old = None
    if threading.current_thread() is threading.main_thread():
        old = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with one_thread():
            return "result", resolve(function)(payload, tell)
    except KeyboardInterrupt:
        return "error", "Interrupted."
    except SandboxError as error:
        return "error", f"{error.message} {error.hint}".strip()
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"
    finally:
        if old is not None:
            signal.signal(signal.SIGINT, old)


def _watch(parent: int) -> None:
    """Interrupt the job when the driver has died, and end the process when it does not listen."""
    while os.getppid() == parent:
        time.sleep(WATCH_EVERY)
    os.kill(os.getpid(), signal.SIGINT)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        time.sleep(WATCH_EVERY)
    os._exit(1)

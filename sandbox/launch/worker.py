"""What runs in a worker process: one job after another, with everything imported once."""

from __future__ import annotations

import os
import threading
from multiprocessing.connection import Connection
from typing import Any

from sandbox.api.processes import ORPHAN_GRACE, Parent, follow_parent, one_thread
from sandbox.api.stop_signals import stop_signals_interrupt
from sandbox.launch.base import OnProgress, Payload
from sandbox.records.jobs import JobResult
from sandbox.registry.resolve import resolve


def serve(pipe: Connection, parent: Parent) -> None:
    """Answer jobs from a pipe until it is closed.

    A worker is in a session of its own, so that Ctrl-C reaches the driver alone, which then asks for
    an orderly end. If the driver dies, the job under way is interrupted the same way: training writes a
    checkpoint first.
    """
    os.setsid()
    follow_parent(parent, grace=ORPHAN_GRACE)
    os.environ["OMP_NUM_THREADS"] = "1"
    sending = threading.Lock()

    def send(message: tuple[str, Any]) -> None:
        try:
            with sending:
                pipe.send(message)
        except (BrokenPipeError, OSError):  # the driver is gone, which ends this process
            pass

    send(("ready", os.getpid()))
    while True:
        try:
            function, payload = pipe.recv()
        except (EOFError, OSError):
            return
        send(carry_out(function, payload, lambda values: send(("progress", values))))


def carry_out(function: str, payload: Payload, on_progress: OnProgress) -> tuple[str, Any]:
    """Run one job: ``("result", value)`` or ``("error", sentence)``."""
    from sandbox.api.errors import SandboxError

    try:
        with one_thread(), stop_signals_interrupt():
            return "result", resolve(function)(payload, on_progress)
    except KeyboardInterrupt:
        return "result", JobResult(status="interrupted").to_json()
    except SandboxError as error:
        return "error", f"{error.message} {error.hint}".strip()
    except Exception as error:
        return "error", f"{type(error).__name__}: {error}"

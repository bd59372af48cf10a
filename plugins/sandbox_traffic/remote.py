"""A simulation whose every episode runs in a fresh child process, behind the same methods.

The child is a plain ``python -m sandbox_traffic.remote`` over two pipes: unlike
``multiprocessing.Process`` it may be started from daemonic workers and from scripts without a
``__main__`` guard, and it inherits no simulation.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any

from sandbox.api import RunFailedError, SandboxError
from sandbox_traffic.simulator import (
    LocalSimulation,
    SimulationSpec,
    Snapshot,
    Switch,
    import_libsumo,
    require_libsumo,
)
from sandbox_traffic.trips import Trips


class RemoteSimulation:
    """SUMO in a child process; see `sandbox_traffic.simulator.Simulation`."""

    def __init__(self, spec: SimulationSpec) -> None:
        require_libsumo()
        to_child, from_parent = os.pipe()
        to_parent, from_child = os.pipe()
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sandbox_traffic.remote", str(to_child), str(from_child)],
            pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
        )
        os.close(to_child)
        os.close(from_child)
        self._send = Connection(from_parent, readable=False)
        self._receive = Connection(to_parent, writable=False)
        self._pid = os.getpid()
        self._finalizer = weakref.finalize(self, _stop, self._pid, self._process, self._send, self._receive)
        self._playing = False
        self._call("open", spec)

    def start(self, seed: int, routes: str, scale: float = 1.0) -> Snapshot:
        """Begin an episode."""
        if self._playing:
            self._send.send(("end", ()))
        self._playing = True
        snapshot: Snapshot = self._call("start", seed, routes, scale)
        return snapshot

    def advance(self, switches: Sequence[Switch], until: int) -> Snapshot:
        """Simulate to time ``until``."""
        snapshot: Snapshot = self._call("advance", list(switches), until)
        return snapshot

    def finish(self) -> Trips:
        """End the episode."""
        trips: Trips = self._call("finish")
        return trips

    def close(self) -> None:
        """End the child process."""
        self._finalizer()

    def _call(self, method: str, *arguments: Any) -> Any:
        if os.getpid() != self._pid:
            raise RunFailedError("A traffic environment was used after a fork of its process.")
        try:
            self._send.send((method, arguments))
            answer = self._receive.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            raise RunFailedError(
                f"The process that ran SUMO ended unexpectedly (exit code {code})."
            ) from None
        if isinstance(answer, SandboxError):
            raise answer
        if isinstance(answer, Exception):
            raise RunFailedError(f"SUMO's process failed: {answer!r}")
        return answer


def _stop(pid: int, process: subprocess.Popen[bytes], send: Connection, receive: Connection) -> None:
    mine = os.getpid() == pid
    if mine:  # closing is not enough: a forked worker may hold a copy of the pipe
        with contextlib.suppress(OSError):
            send.send(("exit", ()))
    send.close()
    receive.close()
    if not mine:
        return
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Start a fresh process for every episode until the parent closes its end of the pipes.

    This process has loaded libsumo and never runs it; forked from it, an episode starts within
    milliseconds and from the same state as every other.
    """
    receive = Connection(int(sys.argv[1]), writable=False)
    send = Connection(int(sys.argv[2]), readable=False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    spec: Any = None
    with contextlib.suppress(EOFError, OSError):
        import_libsumo()
        while True:
            method, arguments = receive.recv()
            if method == "exit":
                return
            if method == "open":
                (spec,) = arguments
                send.send(None)
            elif method == "start":
                child = os.fork()
                if child == 0:
                    os._exit(_episode(spec, arguments, receive, send))
                if os.waitpid(child, 0)[1] != 0:
                    return  # the parent sees the pipes close


def _episode(spec: SimulationSpec, arguments: Any, receive: Connection, send: Connection) -> int:
    """Play one episode; 0 if another may follow."""
    simulation, method, code = LocalSimulation(spec), "start", 1
    with contextlib.suppress(EOFError, OSError):
        while method not in {"end", "exit"}:
            answer: Any = None
            try:
                answer = getattr(simulation, method)(*arguments)
            except Exception as error:
                answer = error if isinstance(error, SandboxError) else RuntimeError(repr(error))
            send.send(answer)
            method, arguments = receive.recv()
        code = 0 if method == "end" else 1
    simulation.close()
    return code


if __name__ == "__main__":
    main()

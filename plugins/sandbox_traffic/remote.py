"""A simulation whose every episode runs in a fresh process, behind the same methods.

Each process that uses traffic environments starts one helper, a plain ``python -m
sandbox_traffic.remote``. It has loaded libsumo, never runs it, and forks a process for every episode:
that takes milliseconds, and every episode starts from the same state. Unlike
``multiprocessing.Process`` the helper may be started from daemonic workers and from scripts without a
``__main__`` guard, and it inherits no simulation. A process of an episode talks to its environment
over a socket pair of its own, one hop, as bytes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import RunFailedError, SandboxError
from sandbox_traffic.files import Scratch
from sandbox_traffic.simulator import (
    LocalSimulation,
    SimulationSpec,
    Switch,
    Vehicles,
    import_libsumo,
    require_libsumo,
)
from sandbox_traffic.trips import Trips

OBJECT = b"p"
"""Announces that a pickled object follows instead of values. Both ends are ours."""


class RemoteSimulation:
    """SUMO in a process of its own; see `sandbox_traffic.simulator.Simulation`."""

    def __init__(self, spec: SimulationSpec) -> None:
        require_libsumo()
        self._spec = spec
        self._folder = Scratch()
        self._episode: _Episode | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs SUMO, if an episode is under way."""
        return None if self._episode is None else self._episode.pid

    def begin(self, time: int, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode, in a fresh process."""
        self._end()
        self._episode = _Episode(self._folder.path)
        self._episode.ask((self._spec, self._folder.path))
        self._episode.ask(("begin", time, seed, routes, scale))

    def advance(self, switches: Sequence[Switch], until: int) -> None:
        """Simulate to time ``until``."""
        self._under_way().ask(("advance", switches, until))

    def values(self, into: NDArray[np.float64]) -> None:
        """The answer to `begin` or `advance`."""
        self._under_way().values(into)

    def finish(self) -> None:
        """End the episode."""
        self._under_way().ask(("finish",))

    def trips(self) -> Trips:
        """The answer to `finish`."""
        trips: Trips = self._under_way().object()
        self._end()
        return trips

    def vehicles(self) -> Vehicles:
        """Everyone on the road now."""
        self._under_way().ask(("vehicles",))
        vehicles: Vehicles = self._under_way().object()
        return vehicles

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time of the episode's process: inside SUMO's steps, and in all."""
        self._under_way().ask(("processor_seconds",))
        seconds: tuple[float, float] = self._under_way().object()
        return seconds

    def close(self) -> None:
        """End the process."""
        self._end()
        self._folder.close()

    def _under_way(self) -> _Episode:
        if self._episode is None:
            raise RuntimeError("no episode is under way: call begin() first")
        return self._episode

    def _end(self) -> None:
        if self._episode is not None:
            self._episode.end()
            self._episode = None


class _Episode:
    """The process of one episode, as its environment sees it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._helper = _helper()
        self._owner = os.getpid()
        ours, its = socket.socketpair()
        with its:
            self.pid = self._helper.fork(its)
        self._connection = Connection(ours.detach())
        self.end = weakref.finalize(self, _hang_up, self._owner, self._connection)

    def ask(self, question: Any) -> None:
        if os.getpid() != self._owner:
            raise RunFailedError("A traffic environment was used after a fork of its process.")
        try:
            self._connection.send(question)
        except OSError:
            raise self._death() from None

    def values(self, into: NDArray[np.float64]) -> None:
        try:
            answer = self._connection.recv_bytes()
        except (EOFError, OSError):
            raise self._death() from None
        if answer == OBJECT:
            self.object(announced=True)
        into[:] = np.frombuffer(answer)

    def object(self, announced: bool = False) -> Any:
        try:
            if not announced:
                self._connection.recv_bytes()
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise self._death() from None
        if isinstance(answer, SandboxError):
            raise answer
        if isinstance(answer, Exception):
            raise RunFailedError(f"SUMO's process failed: {answer!r}")
        return answer

    def _death(self) -> RunFailedError:
        """What became of the process, in SUMO's last words where it had any."""
        how = self._helper.fate(self.pid)
        words = ""
        with contextlib.suppress(OSError):
            words = " ".join((self._folder / "said.txt").read_text(errors="replace").split())[-400:]
        return RunFailedError(
            f"The process that ran SUMO ended unexpectedly ({how})."
            + (f" SUMO said: {words}" if words else ""),
            "The run's checkpoints are kept.",
        )


def _hang_up(owner: int, connection: Connection) -> None:
    if os.getpid() == owner:  # closing is not enough: a forked worker may hold a copy of the socket
        with contextlib.suppress(OSError):
            connection.send(("exit",))
    connection.close()


class _Helper:
    """The process that forks the processes of episodes."""

    def __init__(self) -> None:
        ours, its = socket.socketpair()
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        with its:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox_traffic.remote", str(its.fileno())],
                pass_fds=(its.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        self._socket = ours
        self._lock = threading.Lock()
        weakref.finalize(self, _stop, os.getpid(), self._process, ours)

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def fork(self, end: socket.socket) -> int:
        """Start a process that answers on ``end``; its id."""
        with self._lock:
            try:
                socket.send_fds(self._socket, [b"f"], [end.fileno()])
                return self._number()
            except OSError:
                code = self._process.wait()
                raise RunFailedError(
                    f"SUMO's helper process ended unexpectedly (exit code {code})."
                ) from None

    def fate(self, pid: int) -> str:
        """How a process that hung up has ended."""
        with self._lock:
            try:
                self._socket.sendall(b"w" + _number(pid))
                status = self._number()
            except OSError:
                return "its fate is unknown"
        return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit code {status}"

    def _number(self) -> int:
        return _receive_number(self._socket)


def _stop(owner: int, process: subprocess.Popen[bytes], control: socket.socket) -> None:
    control.close()
    if os.getpid() != owner:
        return
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


_helpers: dict[int, _Helper] = {}
"""The helper of this process, by process id: a forked process starts its own."""

_helpers_lock = threading.Lock()


def _helper() -> _Helper:
    with _helpers_lock:
        helper = _helpers.get(os.getpid())
        if helper is None or not helper.alive:
            _helpers.clear()
            helper = _helpers[os.getpid()] = _Helper()
        return helper


def _number(value: int) -> bytes:
    return value.to_bytes(8, "little", signed=True)


def _receive_number(control: socket.socket) -> int:
    data = b""
    while len(data) < 8:
        part = control.recv(8 - len(data))
        if not part:
            raise OSError("the other side hung up")
        data += part
    return int.from_bytes(data, "little", signed=True)


def main() -> None:
    """Fork a process for every episode until the parent closes its end of the socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    import_libsumo()
    ended: dict[int, int] = {}
    with contextlib.suppress(EOFError, OSError):
        while True:
            order, ends, *_ = socket.recv_fds(control, 1, 1)
            if not order:
                return
            if order == b"f":
                _reap(ended)
                child = os.fork()
                if child == 0:
                    control.close()
                    os._exit(_episode(Connection(ends[0])))
                os.close(ends[0])
                control.sendall(_number(child))
            else:
                control.sendall(_number(_fate(_receive_number(control), ended)))


def _reap(ended: dict[int, int]) -> None:
    """Note how processes have ended; the system forgets them then."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                ended[pid] = code


def _fate(pid: int, ended: dict[int, int]) -> int:
    if pid not in ended:
        with contextlib.suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return ended.get(pid, 0)


def _episode(connection: Connection) -> int:
    """Play one episode; the exit code."""
    answer: Any
    with contextlib.suppress(EOFError, OSError):
        spec, folder = connection.recv()
        said = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(said, 2)
        simulation = LocalSimulation(spec, folder)
        values = np.zeros(spec.size)
        while True:
            method, *arguments = connection.recv()
            if method == "exit":
                break
            try:
                answer = getattr(simulation, method)(*arguments)
                if method == "finish":
                    answer = simulation.trips()
            except Exception as error:
                answer = error if isinstance(error, SandboxError) else RuntimeError(repr(error))
            if answer is None:
                simulation.values(values)
                connection.send_bytes(values.data.cast("B"))
            else:
                connection.send_bytes(OBJECT)
                connection.send(answer)
    # SUMO is not closed: that would take as long as a decision, and the system frees the memory.
    return 0


if __name__ == "__main__":
    main()

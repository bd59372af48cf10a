"""SUMO in processes of its own, one for every episode."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import weakref
from collections.abc import Sequence
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler, send_handle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import RunFailedError, SandboxError
from sandbox_traffic.sumo.files import TemporaryFolder
from sandbox_traffic.sumo.fork_server import current_server
from sandbox_traffic.sumo.interface import SimulationSpec, SumoProgram, Switch, Vehicles
from sandbox_traffic.sumo.library import require_libsumo
from sandbox_traffic.sumo.protocol import LOG_FILE, OBJECT, encode_advance
from sandbox_traffic.sumo.trips import Trips

HEADER = struct.Struct("!i")
"""Length of a message, before it, as `Connection.send_bytes` writes it."""

BLOCK = 2**16


class RemoteSimulation:
    """A simulation whose every episode runs in a fresh process.

    See `sandbox_traffic.sumo.interface.Simulation` for the methods, and
    `sandbox_traffic.sumo.local.LocalSimulation` for why processes are not used again.
    """

    def __init__(self, spec: SimulationSpec) -> None:
        require_libsumo()
        self._spec = spec
        self._folder = TemporaryFolder()
        self._episode: EpisodeProcess | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs SUMO, None between episodes."""
        return None if self._episode is None else self._episode.pid

    @property
    def descriptor(self) -> int:
        """File descriptor on which the episode's process answers."""
        return self._running().descriptor

    def begin(self, time: float, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode in a fresh process; answered by `values`."""
        self._end()
        self._episode = EpisodeProcess(self._folder.path)
        self._episode.send((self._spec, self._folder.path))
        self._episode.send(("begin", time, seed, routes, scale))

    def follow(self, programs: Sequence[SumoProgram | None]) -> None:
        """Leave the signals to programs; answered by `values`."""
        self._running().send(("follow", programs))

    def advance(self, switches: Sequence[Switch], until: float) -> None:
        """Simulate to time ``until``; answered by `values`."""
        self._running().send_bytes(encode_advance(switches, until))

    def redraw(self, seed: int) -> None:
        """Draw later drivers again; answered by `values`."""
        self._running().send(("redraw", seed))

    def values(self, out: NDArray[np.float64]) -> None:
        """Receive the answer to `begin` or `advance`."""
        self._running().receive_values(out)

    def finish(self) -> None:
        """End the episode; answered by `trips`."""
        self._running().send(("finish",))

    def trips(self) -> Trips:
        """Receive the answer to `finish`; the process ends."""
        trips: Trips = self._running().receive_object()
        self._end()
        return trips

    def vehicles(self) -> Vehicles:
        """All vehicles and pedestrians now."""
        self._running().send(("vehicles",))
        vehicles: Vehicles = self._running().receive_object()
        return vehicles

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time of the episode's process, s: inside SUMO's steps, and in total."""
        self._running().send(("processor_seconds",))
        seconds: tuple[float, float] = self._running().receive_object()
        return seconds

    def hold(self) -> EpisodeProcess:
        """Keep the present moment: its process waits, and the episode goes on in a copy of it.

        Where SUMO writes trips, copies write to the same file: their episodes must not be played to the end.
        """
        source = self._running()
        self._episode = EpisodeProcess(self._folder.path, source)
        return source

    def go_on(self, source: EpisodeProcess) -> None:
        """Go on from a moment that was kept, in another copy of its process."""
        self._end()
        self._episode = EpisodeProcess(self._folder.path, source)

    def close(self) -> None:
        """End the process and remove its folder."""
        self._end()
        self._folder.close()

    def _running(self) -> EpisodeProcess:
        if self._episode is None:
            raise RuntimeError("no episode is running: call begin() first")
        return self._episode

    def _end(self) -> None:
        if self._episode is not None:
            self._episode.end()
            self._episode = None


class EpisodeProcess:
    """The process of one episode: the environment's end of the connection.

    Args:
        folder: Of the simulation.
        source: A process of the same simulation to copy; a fresh one if absent.
    """

    def __init__(self, folder: Path, source: EpisodeProcess | None = None) -> None:
        self._folder = folder
        self._server = current_server()
        self._owner = os.getpid()
        environment_end, worker_end = socket.socketpair()
        with worker_end:
            self.pid = self._server.fork(worker_end) if source is None else source.fork(worker_end)
        self._connection = Connection(environment_end.detach())
        self._received = b""  # what has been read of the next message
        self._header, self._values = bytearray(HEADER.size), np.zeros(0)
        self.end = weakref.finalize(self, _disconnect, self._owner, self._connection)

    @property
    def descriptor(self) -> int:
        """File descriptor on which the process answers."""
        return self._connection.fileno()

    def fork(self, worker_end: socket.socket) -> int:
        """Copy the process; the copy serves ``worker_end``. Returns its id."""
        self.send(("fork",))
        try:
            send_handle(self._connection, worker_end.fileno(), self.pid)
        except OSError:
            raise self._death() from None
        child: int = self.receive_object()
        return child

    def send(self, request: Any) -> None:
        self.send_bytes(bytes(ForkingPickler.dumps(request)))

    def send_bytes(self, request: bytes) -> None:
        if os.getpid() != self._owner:
            raise RunFailedError("A traffic environment was used after a fork of its process.")
        message = HEADER.pack(len(request)) + request  # as `Connection.send_bytes`, with one call of Python
        try:
            while message:
                message = message[os.write(self._connection.fileno(), message) :]
        except OSError:
            raise self._death() from None

    def receive_values(self, out: NDArray[np.float64]) -> None:
        if self._receive_at_once(out):
            return
        answer = self._receive(out.nbytes)
        if answer == OBJECT:  # an error in place of values
            self.receive_object(announced=True)
        out[:] = np.frombuffer(answer)

    def _receive_at_once(self, out: NDArray[np.float64]) -> bool:
        """Take values in one call of the system; false where something else has come, which is kept."""
        if self._received:
            return False
        if self._values.nbytes != out.nbytes:
            self._values = np.zeros(out.shape)
        place = self._values.data.cast("B")
        try:
            number = os.readv(self._connection.fileno(), [self._header, place])
        except OSError:
            raise self._death() from None
        if not number:
            raise self._death()
        if number == HEADER.size + out.nbytes and HEADER.unpack(self._header)[0] == out.nbytes:
            out[:] = self._values
            return True
        self._received = (bytes(self._header) + place.tobytes())[:number]
        return False

    def receive_object(self, announced: bool = False) -> Any:
        if not announced:
            self._receive(0)
        answer = ForkingPickler.loads(self._receive(0))
        if isinstance(answer, SandboxError):
            raise answer
        if isinstance(answer, Exception):
            raise RunFailedError(f"SUMO's process failed: {answer!r}")
        return answer

    def _receive(self, expected: int) -> bytes:
        """The next message; one call of the system where it has the expected length."""
        received, size = self._received, HEADER.size
        number, block = self._connection.fileno(), max(expected + size, BLOCK)
        try:
            while len(received) < size or len(received) < size + HEADER.unpack_from(received)[0]:
                part = os.read(number, block)
                if not part:
                    raise self._death()
                received = received + part if received else part
        except OSError:
            raise self._death() from None
        end = size + HEADER.unpack_from(received)[0]
        self._received = received[end:]
        return received[size:end]

    def _death(self) -> RunFailedError:
        """An error with the exit reason of the process and the end of SUMO's output, if there is any."""
        reason = self._server.exit_reason(self.pid)
        output = ""
        with contextlib.suppress(OSError):
            output = " ".join((self._folder / LOG_FILE).read_text(errors="replace").split())[-400:]
        return RunFailedError(
            f"The process that ran SUMO ended unexpectedly ({reason})."
            + (f" SUMO said: {output}" if output else ""),
            "The run's checkpoints are kept.",
        )


def _disconnect(owner: int, connection: Connection) -> None:
    if os.getpid() == owner:  # closing is not enough: a forked worker may hold a copy of the socket
        with contextlib.suppress(OSError):
            connection.send(("exit",))
    connection.close()

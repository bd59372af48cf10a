"""Processes that step a share of the robots in memory shared with their owner.

Threads of one process take turns: each row of a batch gives Python's global lock back and takes it again
four times, and for robots whose step lasts some ten microseconds waking up takes as long as a step. So a
batch that is stepped for long is shared with helper processes, one for each further processor. Every row
is played by the same code on a whole state, so it does not matter who plays it.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any, BinaryIO

import mujoco
import numpy as np
from numpy.typing import NDArray

from sandbox.api import RunFailedError

Array = NDArray[np.float64]
Shapes = dict[str, tuple[int, ...]]

POSSIBLE = os.name == "posix"
"""Whether this system hands open files to processes as this module does it."""
MOST_PIECES = 255
_NO_MORE = 255
"""What stands in the pipe after a step's pieces, once for everyone."""
_END, _DONE = b"\0", b"\1"
"""What is said instead of a number of simulation steps to end a helper, and what one answers."""
_PATIENCE = 3e-4
"""Time, s, in which an answer is looked for before going to sleep: waking up takes as long as some rows."""


class SharedArrays:
    """Arrays of float64 in one piece of memory that several processes see.

    Args:
        file: An open file that holds them; see `memory`.
        shapes: Shape by name.
    """

    def __init__(self, file: BinaryIO, shapes: Shapes) -> None:
        self._file = file
        self._memory = mmap.mmap(file.fileno(), size_of(shapes))
        self.arrays: dict[str, Array] = {}
        place = 0
        for name, shape in shapes.items():
            count = int(np.prod(shape, dtype=int))
            self.arrays[name] = np.frombuffer(self._memory, np.float64, count, place).reshape(shape)
            place += 8 * count


def size_of(shapes: Shapes) -> int:
    """Bytes that arrays of these shapes take, at least one."""
    return max(1, sum(8 * int(np.prod(shape, dtype=int)) for shape in shapes.values()))


def memory(size: int) -> BinaryIO:
    """A file without a name, in memory where the system has such files, of ``size`` bytes.

    Raises:
        OSError: If there is no room for it.
    """
    folder = "/dev/shm" if os.path.isdir("/dev/shm") else None
    file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - open as long as its owner lives
    # Room is taken now: a full disk must not end a process later, when it touches a page.
    file.write(bytes(size))
    file.flush()
    return file  # type: ignore[no-any-return]


class Helpers:
    """Processes that each step some rows when told to.

    They start in the background: until `ready`, their owner plays all rows itself. Rows are taken in
    pieces by whoever is free, since copies differ in cost and processors in what else they do. The
    pieces of a step lie as bytes in a pipe: reading one takes it.

    Args:
        count: Number of processes.
        pieces: The rows of each piece, at most `MOST_PIECES`.
        play: The class that plays rows, the model of all rows, and whether contact forces are computed.
        arrays: What a row consists of: its ``state``, then the fields gathered after a step.

    Raises:
        OSError: If memory or a process cannot be had.
        RunFailedError: If a process ends at once.
    """

    def __init__(
        self,
        count: int,
        pieces: Sequence[range],
        play: tuple[type[Any], mujoco.MjModel, bool],
        arrays: Mapping[str, Array],
    ) -> None:
        shapes: Shapes = {name: values.shape for name, values in arrays.items()}
        self._owner = os.getpid()
        self._file = memory(size_of(shapes))
        self.shared = SharedArrays(self._file, shapes)
        self._pieces = list(pieces)
        self._step = bytes(range(len(pieces))) + bytes([_NO_MORE]) * (count + 1)
        self._waiting: list[_Process] = []
        self._processes: list[_Process] = []
        taken, self._given = os.pipe()
        self._taken = os.fdopen(taken, "rb", buffering=0)
        weakref.finalize(self, os.close, self._given)
        for _ in range(count):
            self._waiting.append(_Process(self._file.fileno(), taken))
            self._waiting[-1].brief((play, shapes, self._pieces))

    @property
    def ready(self) -> bool:
        """Whether all of them can step.

        Raises:
            RunFailedError: If one has ended.
        """
        for process in [one for one in self._waiting if one.poll()]:
            process.receive()
            self._waiting.remove(process)
            self._processes.append(process)
        return not self._waiting

    def begin(self, frame_skip: int) -> None:
        """Tell all to step rows.

        Raises:
            RunFailedError: If one has ended, or in a forked copy of the process that made them.
        """
        if self._owner != os.getpid():
            raise RunFailedError(
                "Robots cannot be stepped in a forked copy of the process that made them.",
                "Make the environment in the process that steps it.",
            )
        os.write(self._given, self._step)
        for process in self._processes:
            process.send(frame_skip)

    def mine(self) -> Iterator[range]:
        """Pieces for the owner to play, while there are any."""
        return take(self._taken, self._pieces)

    def wait(self) -> None:
        """Wait until all have stepped.

        Raises:
            RunFailedError: If one has ended.
        """
        for process in self._processes:
            process.receive()

    def close(self) -> None:
        """End them."""
        for process in self._waiting + self._processes:
            process.close()


def shrinking(rows: int, players: int, least: int = 1) -> list[range]:
    """Pieces of rows, large ones first: few are handed out, and nobody waits long for the last.

    Each is half of a player's share of what is left (Polychronopoulos and Kuck 1987, Guided
    self-scheduling), or as many rows as are worth it, ``least``, and keep the pieces below `MOST_PIECES`.
    """
    pieces, first, least = [], 0, max(least, 1 + rows // 128)
    while first < rows:
        size = max((rows - first) // (2 * players), least)
        pieces.append(range(first, min(first + size, rows)))
        first += size
    return pieces


def take(pipe: io.FileIO, pieces: Sequence[range]) -> Iterator[range]:
    """The pieces of a step that nobody else has taken."""
    while (piece := pipe.read(1)) and piece[0] != _NO_MORE:
        yield pieces[piece[0]]


class _Line:
    """One end of a line on which bytes are said, one at a time.

    Whoever waits looks for the next byte for a moment before it goes to sleep, if the last one came as
    soon; the processor is offered to others meanwhile.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._soon = True

    def say(self, word: bytes) -> None:
        self._end.sendall(word)

    def spoken(self) -> bool:
        """Whether the other end has said something, or hung up."""
        try:
            self._end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True

    def hear(self) -> bytes:
        """The next byte; none if the other end has hung up."""
        begun = time.perf_counter()
        while self._soon and time.perf_counter() - begun < _PATIENCE:
            try:
                return self._end.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
        word = self._end.recv(1)
        self._soon = time.perf_counter() - begun < 2 * _PATIENCE
        return word


class _Process:
    """One helper, seen by its owner."""

    def __init__(self, memory: int, taken: int) -> None:
        ours, its = socket.socketpair()
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        with its:
            # A group of its own: what interrupts the owner must not end a step halfway.
            ends = (its.fileno(), memory, taken)
            self._process = subprocess.Popen(
                [sys.executable, "-m", "sandbox_locomotion.helpers", *map(str, ends)],
                pass_fds=ends,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
                process_group=0,
            )
        self._end, self._line = ours, _Line(ours)
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, ours)

    def brief(self, task: Any) -> None:
        """Say what will be asked for."""
        with self._alive(), Connection(os.dup(self._end.fileno())) as connection:
            connection.send(task)

    def send(self, frame_skip: int) -> None:
        with self._alive():
            self._line.say(bytes([frame_skip]))

    def poll(self) -> bool:
        with self._alive():
            return self._line.spoken()

    def receive(self) -> None:
        with self._alive():
            if not self._line.hear():
                raise EOFError

    @contextlib.contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError):
            raise self._death() from None

    def _death(self) -> RunFailedError:
        code = self._process.wait()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return RunFailedError(
            f"A process that stepped a part of the robots ended unexpectedly ({how}).",
            "The run's checkpoints are kept; --set threads=1 steps without such processes.",
        )


def _end(owner: int, process: subprocess.Popen[bytes], end: socket.socket) -> None:
    if os.getpid() != owner:
        end.close()
        return
    with contextlib.suppress(OSError):  # closing is not enough: a forked process may hold a copy
        end.sendall(_END)
    end.close()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Step rows when told to, until the owner hangs up."""
    from sandbox_locomotion.models import silence

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    silence()
    memory, taken = int(sys.argv[2]), int(sys.argv[3])
    with (
        contextlib.suppress(EOFError, OSError),
        socket.socket(fileno=int(sys.argv[1])) as end,
        os.fdopen(taken, "rb", buffering=0) as pipe,
    ):
        with Connection(os.dup(end.fileno())) as connection:
            (player, model, forces), shapes, pieces = connection.recv()
        with os.fdopen(memory, "r+b") as file:
            arrays = SharedArrays(file, shapes).arrays
        playing = player(model, tuple(name for name in arrays if name != "state"))
        models = [model] * len(arrays["state"])
        line = _Line(end)
        line.say(_DONE)
        while (word := line.hear()) and word != _END:
            for rows in take(pipe, pieces):
                playing.play(models, rows, word[0], arrays, forces)
            line.say(_DONE)


if __name__ == "__main__":
    main()

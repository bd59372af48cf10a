"""Worker processes that step a share of a batch in memory shared with their owner.

Threads of the same process block each other: each row of a batch releases Python's global lock and
acquires it again four times, and for robots whose step lasts some ten microseconds waking up takes as
long as a step. A batch that is stepped for long is therefore shared with worker processes, one for each
further processor. Every row is stepped by the same code from a complete state, so the result does not
depend on which process steps it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import weakref
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection

import mujoco

from sandbox.api import RunFailedError, describe_exit, start_module, stop_child
from sandbox_locomotion.arrays import Floats
from sandbox_locomotion.physics.chunks import encoded_chunks, take_chunks
from sandbox_locomotion.physics.protocol import STOP, Channel, WorkerTask
from sandbox_locomotion.physics.shared_memory import Shapes, SharedArrays, anonymous_file, size_of
from sandbox_locomotion.physics.stepper import Stepper

SUPPORTED = os.name == "posix"
"""Whether this system can pass open files to processes as this module does."""


class WorkerPool:
    """Processes that each step some rows of a batch on request.

    They start in the background; until `ready`, their owner steps all rows itself. Each process takes
    the next chunk of rows when it is free, since rows differ in cost and processors in their load.

    Args:
        count: Number of processes.
        chunks: The rows of each chunk, at most `MAX_CHUNKS`.
        stepper: Class that steps rows.
        model: The model of all rows.
        forces: Whether contact forces are computed.
        arrays: ``state`` of the batch, then the fields gathered after a step; only their shapes are used.

    Raises:
        OSError: If there is not enough memory, or no process can be started.
        RunFailedError: If a process ends at once.
    """

    def __init__(
        self,
        count: int,
        chunks: Sequence[range],
        stepper: type[Stepper],
        model: mujoco.MjModel,
        forces: bool,
        arrays: Mapping[str, Floats],
    ) -> None:
        shapes: Shapes = {name: values.shape for name, values in arrays.items()}
        self._owner = os.getpid()
        self._file = anonymous_file(size_of(shapes))
        self.shared = SharedArrays(self._file, shapes)
        self._chunks = list(chunks)
        self._encoded = encoded_chunks(chunks, count + 1)
        self._starting: list[_Worker] = []
        self._workers: list[_Worker] = []
        read_end, self._write_end = os.pipe()
        self._pipe = os.fdopen(read_end, "rb", buffering=0)
        weakref.finalize(self, os.close, self._write_end)
        for _ in range(count):
            self._starting.append(_Worker(self._file.fileno(), read_end))
            self._starting[-1].start(WorkerTask(stepper, model, forces, shapes, self._chunks))

    @property
    def ready(self) -> bool:
        """Whether all workers have started.

        Raises:
            RunFailedError: If one has ended.
        """
        for worker in [worker for worker in self._starting if worker.poll()]:
            worker.receive()
            self._starting.remove(worker)
            self._workers.append(worker)
        return not self._starting

    def begin(self, frame_skip: int) -> None:
        """Start a step of all rows.

        Raises:
            RunFailedError: If a worker has ended, or in a forked copy of the owner.
        """
        if self._owner != os.getpid():
            raise RunFailedError(
                "Robots cannot be stepped in a forked copy of the process that made them.",
                "Make the environment in the process that steps it.",
            )
        os.write(self._write_end, self._encoded)
        for worker in self._workers:
            worker.send(frame_skip)

    def take_chunks(self) -> Iterator[range]:
        """Chunks of the step for the owner, as long as any are left."""
        return take_chunks(self._pipe, self._chunks)

    def wait(self) -> None:
        """Wait until all workers have finished the step.

        Raises:
            RunFailedError: If one has ended.
        """
        for worker in self._workers:
            worker.receive()

    def close(self) -> None:
        """End the workers."""
        for worker in self._starting + self._workers:
            worker.close()


class _Worker:
    """One worker process, as its owner sees it."""

    def __init__(self, memory: int, chunk_pipe: int) -> None:
        near_end, far_end = socket.socketpair()
        with far_end:
            files = (far_end.fileno(), memory, chunk_pipe)
            self._process = start_module(
                "sandbox_locomotion.physics.worker", [str(number) for number in files], files
            )
        self._end, self._channel = near_end, Channel(near_end)
        self.close = weakref.finalize(self, _end_worker, os.getpid(), self._process, near_end)

    def start(self, task: WorkerTask) -> None:
        with self._ended_is_error(), Connection(os.dup(self._end.fileno())) as messages:
            messages.send(task)

    def send(self, frame_skip: int) -> None:
        with self._ended_is_error():
            self._channel.send(bytes([frame_skip]))

    def poll(self) -> bool:
        with self._ended_is_error():
            return self._channel.ready()

    def receive(self) -> None:
        with self._ended_is_error():
            if not self._channel.receive():
                raise EOFError

    @contextlib.contextmanager
    def _ended_is_error(self) -> Iterator[None]:
        try:
            yield
        except (OSError, EOFError):
            raise self._error() from None

    def _error(self) -> RunFailedError:
        cause = describe_exit(self._process.wait())
        return RunFailedError(
            f"A worker process that stepped a part of the robots ended unexpectedly ({cause}).",
            "The run's checkpoints are kept; --set threads=1 steps without worker processes.",
        )


def _end_worker(owner: int, process: subprocess.Popen[bytes], end: socket.socket) -> None:
    if os.getpid() != owner:
        end.close()
        return
    with contextlib.suppress(OSError):  # closing is not enough: a forked process may hold a copy
        end.sendall(STOP)
    end.close()
    stop_child(process)

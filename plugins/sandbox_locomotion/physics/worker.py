"""The program of a worker process; see `workers`."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from multiprocessing.connection import Connection

from sandbox.api.processes import Parent, follow_parent
from sandbox_locomotion.mujoco_warnings import silence_mujoco
from sandbox_locomotion.physics.chunks import take_chunks
from sandbox_locomotion.physics.protocol import DONE, STOP, Channel, WorkerTask
from sandbox_locomotion.physics.shared_memory import SharedArrays


def main() -> None:
    """Step rows on request until the owner closes the connection.

    The arguments are the numbers of three open files, the connection, the shared memory and the pipe of
    chunks, and the parent.
    """
    follow_parent(Parent.from_argument(sys.argv[-1]))
    silence_mujoco()
    connection, memory, chunk_pipe = map(int, sys.argv[1:4])
    with (
        contextlib.suppress(EOFError, OSError),
        socket.socket(fileno=connection) as end,
        os.fdopen(chunk_pipe, "rb", buffering=0) as pipe,
    ):
        with Connection(os.dup(end.fileno())) as messages:
            task: WorkerTask = messages.recv()
        with os.fdopen(memory, "r+b") as file:
            arrays = SharedArrays(file, task.shapes).arrays
        stepper = task.stepper(task.model, tuple(name for name in arrays if name != "state"))
        models = [task.model] * len(arrays["state"])
        channel = Channel(end)
        channel.send(DONE)
        while (request := channel.receive()) and request != STOP:
            for rows in take_chunks(pipe, task.chunks):
                stepper.step(models, rows, request[0], arrays, task.forces)
            channel.send(DONE)


if __name__ == "__main__":
    main()

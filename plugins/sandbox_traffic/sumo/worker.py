"""The fork server and the process of an episode: ``python -m sandbox_traffic.sumo.worker FD LIBRARY PARENT``.

LIBRARY is the compiled loop, or empty.

Both end with the process that they serve, also while SUMO is busy with a step: the server follows its
parent, and the process of an episode follows the server.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler, recv_handle
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api import Parent, SandboxError, follow_parent
from sandbox_traffic.sumo.compiled import loads
from sandbox_traffic.sumo.library import import_libsumo
from sandbox_traffic.sumo.local import LocalSimulation
from sandbox_traffic.sumo.protocol import ADVANCE, FORK, LOG_FILE, OBJECT, encode_number, receive_number


def main() -> None:
    """Fork a process for every episode until the parent closes its end of the socket."""
    follow_parent(Parent.from_argument(sys.argv[-1]))
    channel = socket.socket(fileno=int(sys.argv[1]))
    import_libsumo()
    given = Path(sys.argv[2]) if sys.argv[2] else None
    library = given if loads(given) else None
    exit_codes: dict[int, int] = {}
    with contextlib.suppress(EOFError, OSError):
        while True:
            request, descriptors, *_ = socket.recv_fds(channel, 1, 1)
            if not request:
                return
            if request == FORK:
                _reap(exit_codes)
                parent = Parent.current()
                child = os.fork()
                if child == 0:
                    follow_parent(parent)
                    channel.close()
                    os._exit(run_episode(Connection(descriptors[0]), library))
                os.close(descriptors[0])
                channel.sendall(encode_number(child))
            else:
                channel.sendall(encode_number(_exit_code(receive_number(channel), exit_codes)))


def _reap(exit_codes: dict[int, int]) -> None:
    """Collect processes that have ended and keep the exit codes of those that failed."""
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            if code != 0:
                exit_codes[pid] = code


def _exit_code(pid: int, exit_codes: dict[int, int]) -> int:
    if pid not in exit_codes:
        with contextlib.suppress(ChildProcessError):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return exit_codes.get(pid, 0)


def run_episode(connection: Connection, library: Path | None = None) -> int:
    """Serve the requests of one episode; returns the exit code."""
    answer: Any
    with contextlib.suppress(EOFError, OSError):
        spec, folder = connection.recv()
        log = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(log, 2)
        simulation = LocalSimulation(spec, folder, library)
        values = np.zeros(spec.size)
        while True:
            try:
                request = simulation.serve(connection)
                if request[:1] == ADVANCE:
                    simulation.carry_out(request)
                    simulation.values(values)
                    connection.send_bytes(values.data.cast("B"))
                    continue
            except SandboxError as error:
                connection.send_bytes(OBJECT)
                connection.send(error)
                continue
            method, *arguments = ForkingPickler.loads(request)
            if method == "exit":
                break
            if method == "fork":
                forked, child = _fork(connection)
                if forked is None:
                    connection.send_bytes(OBJECT)
                    connection.send(child)
                else:
                    connection = forked
                continue
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
    # SUMO is not closed: that takes as long as a decision, and the system frees the memory.
    return 0


def _fork(connection: Connection) -> tuple[Connection | None, int]:
    """Go on in two processes that are the same to the last bit.

    Returns:
        In the new one the connection that came with the request, and 0; in the old one None and the new one's
        process id.
    """
    descriptor = recv_handle(connection)
    parent = Parent.current()
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    child = os.fork()
    if child == 0:
        follow_parent(parent)
        connection.close()
        return Connection(descriptor), 0
    os.close(descriptor)
    return None, child


if __name__ == "__main__":
    main()

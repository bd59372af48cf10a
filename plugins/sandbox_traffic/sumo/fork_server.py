"""The process that forks a process for every episode, as its parent sees it.

Each process that uses traffic environments starts one fork server, a plain ``python -m
sandbox_traffic.sumo.worker``. The server has loaded libsumo and never runs it, so a fork takes
milliseconds, every episode starts from the same state, and no simulation is inherited.
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from typing import TYPE_CHECKING

from sandbox.api import RunFailedError, describe_exit, start_module, stop_child
from sandbox_traffic.sumo.allocator import allocator_settings
from sandbox_traffic.sumo.compiled import LOOP, library
from sandbox_traffic.sumo.protocol import FORK, STATUS, encode_number, receive_number

if TYPE_CHECKING:
    import subprocess


class ForkServer:
    """Starts the server; it ends with this object or with this process."""

    def __init__(self) -> None:
        parent_end, server_end = socket.socketpair()
        with server_end:
            number = server_end.fileno()
            self._process = start_module(
                "sandbox_traffic.sumo.worker",
                [str(number), str(library(LOOP) or "")],
                pass_fds=(number,),
                environment=allocator_settings(),
            )
        self._channel = parent_end
        self._lock = threading.Lock()
        weakref.finalize(self, _stop, os.getpid(), self._process, parent_end)

    @property
    def alive(self) -> bool:
        """Whether the server is running."""
        return self._process.poll() is None

    def fork(self, worker_end: socket.socket) -> int:
        """Start a process that serves ``worker_end``; returns its id.

        Raises:
            RunFailedError: If the server has ended.
        """
        with self._lock:
            try:
                socket.send_fds(self._channel, [FORK], [worker_end.fileno()])
                return receive_number(self._channel)
            except OSError:
                code = self._process.wait()
                raise RunFailedError(
                    f"SUMO's helper process ended unexpectedly ({describe_exit(code)})."
                ) from None

    def exit_reason(self, pid: int) -> str:
        """How the process ``pid``, which has closed its connection, has ended."""
        with self._lock:
            try:
                self._channel.sendall(STATUS + encode_number(pid))
                code = receive_number(self._channel)
            except OSError:
                return "for an unknown reason"
        return describe_exit(code)


def _stop(owner: int, process: subprocess.Popen[bytes], channel: socket.socket) -> None:
    channel.close()
    if os.getpid() == owner:
        stop_child(process)


_servers: dict[int, ForkServer] = {}
"""The server of this process by its process id: a forked process starts a server of its own."""

_servers_lock = threading.Lock()


def current_server() -> ForkServer:
    """The fork server of this process, started if there is none."""
    with _servers_lock:
        server = _servers.get(os.getpid())
        if server is None or not server.alive:
            _servers.clear()
            server = _servers[os.getpid()] = ForkServer()
        return server

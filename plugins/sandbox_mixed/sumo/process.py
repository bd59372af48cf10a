"""Episodes on SUMO in processes of their own, as their environment sees them.

A fresh process an episode makes it a function of its seed and its commands alone; any number run side by
side.
"""

from __future__ import annotations

import json
import os
import socket
import weakref
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from sandbox.api import RunFailedError, describe_exit, start_module, stop_child

if TYPE_CHECKING:
    import subprocess

Answer = dict[str, Any]


class RoadProcess:
    """A process that forks one for every episode; ends with this object. It takes a second to be ready."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            self._process = start_module("sandbox_mixed.sumo.worker", [str(number)], pass_fds=(number,))
        self._connection = Connection(ours.detach())
        self._playing = False
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, self._connection)

    def begin(self, request: Answer) -> Answer:
        """End the last episode and start the next; see `sandbox_mixed.sumo.road.Road`."""
        if self._playing:
            self._send({"over": True})
        self._playing = True
        return self.ask(request)

    def wait(self) -> None:
        """Wait until the process is ready to begin."""
        self.ask({"ready": True})

    def ask(self, request: Answer) -> Answer:
        """Send a request; its answer.

        Raises:
            RunFailedError: If SUMO or its process has failed.
        """
        self._send(request)
        try:
            answer: Answer = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise self._failure() from None
        if "error" in answer:
            raise RunFailedError(f"SUMO failed: {answer['error']}.")
        return answer

    def _send(self, request: Answer) -> None:
        try:
            self._connection.send_bytes(json.dumps(request).encode())
        except OSError:
            raise self._failure() from None

    def _failure(self) -> RunFailedError:
        reason = describe_exit(self._process.wait())
        return RunFailedError(f"The process that ran SUMO ended unexpectedly ({reason}).")


def _end(owner: int, process: subprocess.Popen[bytes], connection: Connection) -> None:
    connection.close()
    if os.getpid() == owner:
        stop_child(process)

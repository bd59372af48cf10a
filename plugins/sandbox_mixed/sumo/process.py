"""An episode on SUMO in a process of its own, as its environment sees it.

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
    """One episode; ends with this object.

    Args:
        request: See `sandbox_mixed.sumo.road.Road`.
    """

    def __init__(self, request: Answer) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            self._process = start_module("sandbox_mixed.sumo.worker", [str(number)], pass_fds=(number,))
        self._connection = Connection(ours.detach())
        self.close = weakref.finalize(self, _end, os.getpid(), self._process, self._connection)
        self.answer = self.ask(request)

    def ask(self, request: Answer) -> Answer:
        """Send a request; its answer.

        Raises:
            RunFailedError: If SUMO or its process has failed.
        """
        try:
            self._connection.send_bytes(json.dumps(request).encode())
            answer: Answer = json.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            reason = describe_exit(self._process.wait())
            raise RunFailedError(f"The process that ran SUMO ended unexpectedly ({reason}).") from None
        if "error" in answer:
            raise RunFailedError(f"SUMO failed: {answer['error']}.")
        return answer


def _end(owner: int, process: subprocess.Popen[bytes], connection: Connection) -> None:
    connection.close()
    if os.getpid() == owner:
        stop_child(process)

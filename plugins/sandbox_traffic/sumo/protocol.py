"""Messages between an environment, the fork server, and the processes that run SUMO.

- To the fork server, over a Unix socket: `FORK` with one end of a socket pair attached, answered by the
  id of a new process that serves the pair; `STATUS` and a process id, answered by its exit code.
- To the process of an episode, over the socket pair: pickled ``(method, *arguments)``, answered by the
  vector of values as bytes, or by `OBJECT` and a pickled object. Both ends are this package.
"""

from __future__ import annotations

import socket

FORK = b"f"
STATUS = b"s"
OBJECT = b"p"

LOG_FILE = "said.txt"
"""File in an episode's folder that takes the standard error of its process."""


def encode_number(value: int) -> bytes:
    """A process id or exit code as eight bytes."""
    return value.to_bytes(8, "little", signed=True)


def receive_number(channel: socket.socket) -> int:
    """Receive a number that `encode_number` encoded.

    Raises:
        OSError: If the other end has been closed.
    """
    data = b""
    while len(data) < 8:
        part = channel.recv(8 - len(data))
        if not part:
            raise OSError("the other end has been closed")
        data += part
    return int.from_bytes(data, "little", signed=True)

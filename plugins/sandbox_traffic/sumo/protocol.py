"""Messages between an environment, the fork server, and the processes that run SUMO.

- To the fork server, over a Unix socket: `FORK` with one end of a socket pair attached, answered by the
  id of a new process that serves the pair; `STATUS` and a process id, answered by its exit code.
- To the process of an episode, over the socket pair: pickled ``(method, *arguments)``, or what
  `encode_advance` makes, which compiled code reads as well; answered by the vector of values as bytes, or by
  `OBJECT` and a pickled object. Both ends are this package.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence

from sandbox_traffic.sumo.interface import Switch

FORK = b"f"
STATUS = b"s"
OBJECT = b"p"

ADVANCE = b"a"
"""First byte of a request to advance; pickles begin with another one."""

_HEAD = struct.Struct("=cdI")
_TIME = struct.Struct("=d")
_LENGTH = struct.Struct("=H")

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


def encode_advance(switches: Sequence[Switch], until: float) -> bytes:
    """A request to simulate to ``until`` (s) and to switch signals on the way.

    The byte `ADVANCE`, ``until`` as a double, and the number of switches; for each of them its time, and the
    signal and the state with their lengths in two bytes. Numbers are in the order of this machine.
    """
    head = _HEAD.pack(ADVANCE, until, len(switches))
    if not switches:
        return head
    parts = [head]
    for time, signal, state in switches:
        name, shown = signal.encode(), state.encode()
        parts += (_TIME.pack(time), _LENGTH.pack(len(name)), name, _LENGTH.pack(len(shown)), shown)
    return b"".join(parts)


def decode_advance(request: bytes) -> tuple[list[Switch], float]:
    """The switches and the time of a request to advance."""
    _, until, number = _HEAD.unpack_from(request)
    switches: list[Switch] = []
    place = _HEAD.size
    for _ in range(number):
        (time,) = _TIME.unpack_from(request, place)
        signal, place = _take_text(request, place + _TIME.size)
        state, place = _take_text(request, place)
        switches.append((time, signal, state))
    return switches, until


def _take_text(request: bytes, place: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(request, place)
    start = place + _LENGTH.size
    return request[start : start + length].decode(), start + length

"""What a process and its workers send each other: a task first, then single bytes, with little delay."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass

import mujoco

from sandbox_locomotion.physics.shared_memory import Shapes
from sandbox_locomotion.physics.stepper import Stepper

STOP, DONE = b"\0", b"\1"
"""Sent to a worker instead of a number of simulation steps to end it; and its answer after a step."""
SPIN_TIME = 3e-4
"""Time for which `Channel.receive` polls before it sleeps, s; waking up takes as long as some rows."""


@dataclass(frozen=True)
class WorkerTask:
    """What a worker is sent before its first step.

    Attributes:
        stepper: Class that steps rows.
        model: The model of all rows.
        forces: Whether contact forces are computed.
        shapes: Of the shared arrays: ``state``, then the fields gathered after a step.
        chunks: The rows of each chunk.
    """

    stepper: type[Stepper]
    model: mujoco.MjModel
    forces: bool
    shapes: Shapes
    chunks: list[range]


class Channel:
    """One end of a connection that carries bytes.

    `receive` polls for a moment before it goes to sleep if the last byte came that soon; meanwhile the
    processor is offered to others.
    """

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._polls = True

    def send(self, byte: bytes) -> None:
        """Send a byte."""
        self._end.sendall(byte)

    def ready(self) -> bool:
        """Whether a byte has arrived or the other end is closed."""
        try:
            self._end.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        return True

    def receive(self) -> bytes:
        """The next byte; empty if the other end is closed."""
        start = time.perf_counter()
        while self._polls and time.perf_counter() - start < SPIN_TIME:
            try:
                return self._end.recv(1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                os.sched_yield()
        byte = self._end.recv(1)
        self._polls = time.perf_counter() - start < 2 * SPIN_TIME
        return byte

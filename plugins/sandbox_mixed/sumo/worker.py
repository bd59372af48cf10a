"""The process behind an environment on SUMO: ``python -m sandbox_mixed.sumo.worker FD PARENT``.

It has loaded libsumo and never runs it. For every episode it forks a process that does, so all episodes start
from the same state, and none waits for imports. Requests and answers are JSON over a socket: first what to
simulate, then ``{"commands": […], "human": …}``, at last ``{"over": true}``, which has no answer.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

from sandbox.api import Parent, follow_parent
from sandbox_mixed.car_following import Idm, idm_acceleration
from sandbox_mixed.safety import GapFilter, safe_speed
from sandbox_mixed.sumo.road import Road, import_libsumo


def main() -> None:
    """Fork a process for every episode until the other end is closed."""
    follow_parent(Parent.from_argument(sys.argv[-1]))
    connection = Connection(int(sys.argv[1]))
    import_libsumo()
    idm_acceleration(1.0, 1.0, 10.0, Idm())  # compiled before the first fork
    safe_speed(1.0, 1.0, 10.0, 0.1, GapFilter())
    with contextlib.suppress(EOFError, OSError):
        while True:
            request = _receive(connection)
            if "ready" in request:
                _send(connection, {"ready": True})
            elif "over" not in request:
                parent = Parent.current()
                child = os.fork()
                if child == 0:
                    follow_parent(parent)
                    os._exit(_play(connection, request))
                _end_as(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


def _play(connection: Connection, request: dict[str, Any]) -> int:
    """One episode; the exit code."""
    with contextlib.suppress(EOFError, OSError):
        try:
            road = Road(request)
            answer = road.answer([], True)
            while True:
                _send(connection, answer)
                request = _receive(connection)
                if "over" in request:
                    return 0
                answer = road.picture() if "picture" in request else road.answer(**request)
        except (EOFError, OSError):
            raise
        except Exception as error:  # told to the environment, which raises it
            _send(connection, {"error": repr(error)})
    return 0


def _end_as(code: int) -> None:
    """End as the process of an episode has ended, where it failed: the environment asks this one why."""
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    if code:
        sys.exit(code)


def _receive(connection: Connection) -> dict[str, Any]:
    request: dict[str, Any] = json.loads(connection.recv_bytes())
    return request


def _send(connection: Connection, answer: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(answer).encode())


if __name__ == "__main__":
    main()

"""The process of one episode on SUMO: ``python -m sandbox_mixed.sumo.worker FD PARENT``.

Requests and answers are JSON over a socket: first what to simulate, then ``{"commands": […], "human": …}``.
"""

from __future__ import annotations

import contextlib
import json
import sys
from multiprocessing.connection import Connection

from sandbox.api import Parent, follow_parent
from sandbox_mixed.sumo.road import Road, import_libsumo


def main() -> None:
    """Serve one episode until the other end is closed."""
    follow_parent(Parent.from_argument(sys.argv[-1]))
    connection = Connection(int(sys.argv[1]))
    import_libsumo()
    with contextlib.suppress(EOFError, OSError):
        try:
            request = json.loads(connection.recv_bytes())
            while "ready" in request:
                connection.send_bytes(json.dumps({"ready": True}).encode())
                request = json.loads(connection.recv_bytes())
            road = Road(request)
            answer = road.answer([], True)
            while True:
                connection.send_bytes(json.dumps(answer).encode())
                request = json.loads(connection.recv_bytes())
                answer = road.picture() if "picture" in request else road.answer(**request)
        except (EOFError, OSError):
            raise
        except Exception as error:  # told to the environment, which raises it
            connection.send_bytes(json.dumps({"error": repr(error)}).encode())


if __name__ == "__main__":
    main()

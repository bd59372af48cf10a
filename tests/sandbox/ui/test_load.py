"""The page under load: slow and many connections, bursts of streams, requests that fail."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from sandbox.ui import events
from sandbox.ui.connections import LogOnce
from sandbox.ui.library import Library
from sandbox.ui.server import make_app

TOKEN = "t" * 43
SERVER = """
import sys
from pathlib import Path
from sandbox.ui import connections, server
connections.HEADER_SECONDS, connections.MAX_CONNECTIONS = 1.0, 20
def fail(self):
    raise RuntimeError("a fault")
server.Library.index = fail
server.serve(Path(sys.argv[1]), on_open=lambda address: print(address, flush=True))
"""


class Page:
    """A server in a process of its own: headers have 1 s, connections are at most 20, the index fails."""

    def __init__(self, root: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(root)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        address = urlsplit(self.process.stdout.readline().strip())
        self.port, self.token = address.port or 0, parse_qs(address.query)["token"][0]

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def get(self, path: str) -> str:
        with self.connect() as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                f"Cookie: sandbox-{self.port}={self.token}\r\n\r\n".encode()
            )
            answer = b""
            while block := connection.recv(65536):
                answer += block
        return answer.decode()

    def end(self) -> str:
        self.process.terminate()
        _, err = self.process.communicate(timeout=20)
        return err


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    served = Page(tmp_path)
    yield served
    if served.process.poll() is None:
        served.process.kill()
        served.process.communicate()


def closed(connection: socket.socket) -> bool:
    """Whether the other side closes a connection, within its time-out."""
    try:
        return connection.recv(65536) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: "])
def test_a_connection_that_does_not_finish_its_request_is_closed(said: bytes, page: Page) -> None:
    with page.connect() as connection:
        begun = time.monotonic()
        connection.sendall(said)
        assert closed(connection)
        assert 0.5 < time.monotonic() - begun < 5


def test_headers_that_trickle_in_get_no_more_time(page: Page) -> None:
    with page.connect() as connection:
        begun = time.monotonic()
        connection.settimeout(0.2)
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        while time.monotonic() - begun < 8:
            try:
                connection.sendall(b"X")
            except ConnectionError:
                break
            if closed(connection):
                break
        assert time.monotonic() - begun < 5


def test_connections_are_bounded_and_the_page_answers_again_when_they_are_gone(page: Page) -> None:
    held = [page.connect() for _ in range(60)]
    for connection in held:
        connection.settimeout(0.3)
    assert sum(closed(connection) for connection in held[20:]) >= 35
    for connection in held:
        connection.close()
    time.sleep(0.3)
    assert " 200 " in page.get("/").splitlines()[0]


def test_a_fault_is_logged_once_and_answered_each_time(page: Page) -> None:
    for _ in range(5):
        assert " 500 " in page.get("/api/index").splitlines()[0]
        with page.connect() as connection:
            connection.sendall(b"no HTTP at all\r\n\r\n")
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
    err = page.end()
    assert err.count("RuntimeError: a fault") == 1
    assert err.count("Invalid HTTP request") == 1


def test_different_complaints_are_all_logged() -> None:
    once = LogOnce()

    def news(text: str) -> bool:
        return once.filter(logging.LogRecord("x", logging.ERROR, "", 0, text, (), None))

    assert [news(text) for text in ("a", "b", "a", "c", "b")] == [True, True, False, True, False]


def test_a_burst_of_streams_is_limited_and_their_places_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = Event()
    app: Any = make_app(tmp_path, TOKEN, gone=gone)
    monkeypatch.setattr(events, "LOOK_EVERY", 0.01)

    async def ask(statuses: list[int]) -> None:
        scope = {
            "type": "http", "method": "GET", "path": "/api/events", "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"cookie", f"sandbox={TOKEN}".encode())],
        }  # fmt: skip

        async def receive() -> dict[str, Any]:
            while not gone.is_set():
                await asyncio.sleep(0.01)
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app(scope, receive, send)

    async def burst() -> list[int]:
        statuses: list[int] = []
        gone.clear()
        tasks = [asyncio.ensure_future(ask(statuses)) for _ in range(100)]
        await asyncio.sleep(0.5)
        gone.set()
        await asyncio.gather(*tasks)
        return statuses

    for _ in range(2):
        statuses = asyncio.run(burst())
        assert statuses.count(200) == events.MAX_STREAMS
        assert statuses.count(503) == 100 - events.MAX_STREAMS


def test_a_log_without_line_breaks_is_not_read_again_and_again(tmp_path: Path) -> None:
    from sandbox.runs import directory

    log = tmp_path / "progress.jsonl"
    log.write_bytes(b"x" * 3000)
    place = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(directory, "MAX_NEWS", 1000)
        for _ in range(3):
            rows, place = directory.new_progress(log, place)
            assert rows == []
    assert place == 3000


def test_what_cannot_be_read_is_an_entry_and_no_fault(tmp_path: Path) -> None:
    with TestClient(make_app(tmp_path, TOKEN), base_url="http://127.0.0.1") as client:
        client.get("/", params={"token": TOKEN})
        assert json.loads(client.get("/api/index").content)["runs"] == Library(tmp_path).index()["runs"] == []

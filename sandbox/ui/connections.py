"""Connections to the page: not too many, and none that is held open without asking for anything.

uvicorn waits without a limit for a request's headers, keeps any number of connections, and logs the same
complaint as often as somebody causes it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

MAX_CONNECTIONS = 128
"""A browser opens six to a page, so that this is enough for twenty open pages."""

HEADER_SECONDS = 10.0
"""Time that a request's headers have to arrive, from the opening of the connection or their first byte."""


class PageProtocol(H11Protocol):
    """One connection."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self.logger.warning("More than %d connections: further ones are closed.", MAX_CONNECTIONS)
            transport.abort()
        else:
            self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Take what has arrived."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget_deadline()
        else:
            self._expect_request()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is closed."""
        self._forget_deadline()
        super().connection_lost(exc)

    def _expect_request(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(HEADER_SECONDS, self.transport.abort)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class LogOnce(logging.Filter):
    """Lets each complaint through once: the same text, or the same exception from the same place."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[Any] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this is news."""
        trace = record.exc_info[2] if record.exc_info else None
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace is not None else None
        kind = record.exc_info[0] if record.exc_info else None
        key = (str(record.msg).partition("\n")[0][:200], kind, place)
        if key in self._seen:
            return False
        self._seen.add(key)
        return True


def log_each_complaint_once() -> None:
    """For what the server and its event loop log."""
    once = LogOnce()
    for name in ("uvicorn.error", "asyncio"):
        logging.getLogger(name).addFilter(once)

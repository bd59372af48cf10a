"""Who may see the page: this machine, with the token, from the page itself.

The page shows files of whoever runs it, so every request must name a trusted host (which stops DNS
rebinding), carry the token as a cookie that scripts and other sites cannot use, and be a GET. The address
that sets a run's name and tags, and some more where episodes may be played by hand, also take a POST, from
the page itself alone: its ``Origin`` must be the page's, and its body JSON, which no form of another site
can send.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

PAGE_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""A report is a file: it gets an origin of its own, no network and no way to the page's cookie."""

HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


class Guard:
    """Lets a request through, or answers it itself.

    Args:
        app: What is guarded.
        token: The secret in the address that is printed.
        hosts: Host names that requests may name, without port.
        cookie: The cookie's name; cookies do not tell ports apart, so the name does.
        posts: Paths that take a POST.
    """

    def __init__(
        self, app: Any, token: str, hosts: Iterable[str], cookie: str, posts: Iterable[str] = ()
    ) -> None:
        self._app, self._token, self._cookie = app, token, cookie
        self._posts = frozenset(posts)
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no web sockets here
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self._app)(scope, receive, guarded)

    def _refusal(self, scope: Any) -> Response | None:
        """The answer to a request that is not let through; None for one that is."""
        headers = Headers(scope=scope)
        if _host(headers.get("host", "")) not in self._hosts:
            return PlainTextResponse("This host name is not trusted.\n", 421)
        if (refusal := self._refused_method(scope, headers)) is not None:
            return refusal
        if headers.get("sec-fetch-site") == "cross-site":
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        if self._holds_token(cookie_parser(headers.get("cookie", "")).get(self._cookie, "")):
            return None
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and self._holds_token(given):
            answer = RedirectResponse("/", 303)
            answer.set_cookie(self._cookie, self._token, path="/", httponly=True, samesite="strict")
            return answer
        return PlainTextResponse(
            "This page needs its token: open the address that `sandbox ui` printed.\n", 403
        )

    def _refused_method(self, scope: Any, headers: Headers) -> Response | None:
        """The answer to a request that would change something, unless the page itself may ask for it."""
        if scope["method"] in ("GET", "HEAD"):
            return None
        if scope["method"] == "POST" and scope["path"] in self._posts:
            return _foreign_post(headers)
        return PlainTextResponse(
            "Nothing is changed here but names and tags of runs.\n", 405, {"allow": "GET, HEAD"}
        )

    def _holds_token(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self._token.encode())


def _foreign_post(headers: Headers) -> Response | None:
    """The refusal of a POST that the page itself did not send; None for one that it did."""
    if headers.get("origin") != f"http://{headers.get('host', '')}":
        return PlainTextResponse("Requests from other sites are refused.\n", 403)
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return PlainTextResponse("Requests from other sites are refused.\n", 403)
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return PlainTextResponse("Only JSON is taken.\n", 415)
    return None


def _host(given: str) -> str:
    """A Host header's name without its port."""
    name, colon, port = given.rpartition(":")
    return (name if colon and port.isdigit() and not name.endswith(":") else given).lower()

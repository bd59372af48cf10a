"""The page's server: a handful of routes behind the guard. It changes nothing but the names and tags of runs,
unless it lets people play by hand.
"""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from functools import cache, wraps
from importlib.resources import files as package_files
from pathlib import Path
from threading import Event
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from sandbox.api.errors import InvalidValueError, SandboxError
from sandbox.records.base import strict
from sandbox.records.words import RULE, RULE_OF_COMPARISONS
from sandbox.runs.directory import Run
from sandbox.runs.provenance import packages
from sandbox.ui.address import PageAddress, keep_address, kept_address
from sandbox.ui.events import MAX_STREAMS, MAX_WATCHED, stream
from sandbox.ui.guard import LOOPBACK, REPORT_POLICY, Guard
from sandbox.ui.library import REPORT, SHOWN, Library, NotThereError
from sandbox.ui.play import MAX_BODY, PATHS, HandSessions, parsed, playable

ASSETS = {
    "uPlot.min.css": ("sandbox.report", "text/css"),
    "base.css": ("sandbox.report", "text/css"),
    "replay.css": ("sandbox.report", "text/css"),
    "ui.css": ("sandbox.ui", "text/css"),
    "uPlot.iife.min.js": ("sandbox.report", "text/javascript"),
    "charts.js": ("sandbox.report", "text/javascript"),
    "scene.js": ("sandbox.report", "text/javascript"),
    "timeseries.js": ("sandbox.report", "text/javascript"),
    "replay.js": ("sandbox.report", "text/javascript"),
    "curves.js": ("sandbox.ui", "text/javascript"),
    "tables.js": ("sandbox.ui", "text/javascript"),
    "play.js": ("sandbox.ui", "text/javascript"),
    "ui.js": ("sandbox.ui", "text/javascript"),
    "study.css": ("sandbox.report", "text/css"),
    "study.js": ("sandbox.report", "text/javascript"),
    "system.js": ("sandbox.ui", "text/javascript"),
    "labels.js": ("sandbox.ui", "text/javascript"),
    "icon.svg": ("sandbox.ui", "image/svg+xml"),
}

LABEL = "/api/label"


def make_app(
    root: Path,
    token: str,
    hosts: Iterable[str] = LOOPBACK,
    cookie: str = "sandbox",
    gone: Event | None = None,
    by_hand: bool = False,
) -> Guard:
    """The application over a runs directory.

    Args:
        root: The runs directory.
        token: The secret that the first request brings.
        hosts: Host names that requests may name.
        cookie: Name of the cookie that holds the token from then on.
        gone: Ends the event streams when it is set.
        by_hand: Whether episodes may be played by hand.
    """
    library = Library(root)
    pages = _Pages(library, gone or Event(), HandSessions(library) if by_hand else None)
    routes = [
        Route("/", pages.home),
        Route("/assets/{name}", pages.asset),
        Route("/api/index", pages.index),
        Route("/api/run", pages.run),
        Route("/api/grid", pages.grid),
        Route("/api/study", pages.study),
        Route("/api/replay", pages.replay),
        Route("/api/events", pages.events),
        Route("/file", pages.file),
        Route("/report", pages.report),
    ]
    routes += [Route(LABEL, pages.label, methods=["POST"])]
    played = PATHS if by_hand else frozenset()
    routes += [Route(path, pages.play, methods=["POST"]) for path in sorted(played)]
    return Guard(Starlette(routes=routes), token, hosts, cookie, {LABEL, *played})


def _explained(handler: Callable[[_Pages, Request], Any]) -> Callable[[_Pages, Request], Any]:
    @wraps(handler)
    async def answer(self: _Pages, request: Request) -> Response:
        try:
            response: Response = await handler(self, request)
            return response
        except NotThereError:
            return JSONResponse({"error": "There is no such run, comparison, search or file here."}, 404)
        except SandboxError as error:
            return JSONResponse({"error": error.message}, 422)
        except Exception:  # whatever is wrong with one run must not look like the end of the page
            logging.getLogger("uvicorn.error").exception("A request could not be answered")
            return JSONResponse({"error": "This could not be shown; the terminal says why."}, 500)

    return answer


class _CountedStream(StreamingResponse):
    """A stream of events that gives its place back however it ends, also if it never began.

    Args:
        events: What is sent.
        release: Called once at the end.
    """

    def __init__(self, events: AsyncIterator[bytes], release: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._release = release

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Send until the reader leaves."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()


class _Pages:
    """The routes."""

    def __init__(self, library: Library, gone: Event, sessions: HandSessions | None) -> None:
        self._library = library
        self._sessions = sessions
        self._gone = gone
        self._streams = 0

    @_explained
    async def home(self, request: Request) -> Response:
        """The page; all it shows comes later, as data."""
        return Response(_home(), media_type="text/html")

    @_explained
    async def asset(self, request: Request) -> Response:
        """A file of the package."""
        name = request.path_params["name"]
        if name not in ASSETS:
            raise NotThereError(name)
        content, kind = _asset(name)
        return Response(content, media_type=kind, headers={"cache-control": "private, max-age=60"})

    @_explained
    async def index(self, request: Request) -> Response:
        """All runs and comparisons."""
        return _json(await run_in_threadpool(self._library.index))

    @_explained
    async def run(self, request: Request) -> Response:
        """One run, and whether it can be played against."""

        def read(name: str) -> dict[str, Any]:
            shown = self._library.run(name)
            by_hand = playable(Run.open(self._library.run_folder(name)))
            offered = by_hand and {**by_hand, "enabled": self._sessions is not None}
            return {**shown, "play": offered}

        return _json(await run_in_threadpool(read, _parameter(request, "id")))

    @_explained
    async def play(self, request: Request) -> Response:
        """Something that a person does in an episode by hand."""
        if self._sessions is None:
            raise NotThereError("play")
        if (body := await _body(request)) is None:
            return PlainTextResponse("The request is too long.\n", 413)
        act = {"new": self._sessions.new, "choose": self._sessions.choose, "advice": self._sessions.advice}
        document = parsed(body)
        return _json(await run_in_threadpool(act[request.url.path.rpartition("/")[2]], document))

    @_explained
    async def label(self, request: Request) -> Response:
        """A new name and new tags for a run."""
        if (body := await _body(request)) is None:
            return PlainTextResponse("The request is too long.\n", 413)
        given = parsed(body)
        if set(given) != {"id", "name", "tags"}:
            raise InvalidValueError("A run's name and tags are given as id, name and tags.")
        tags = given["tags"].replace(",", " ").split()
        return _json(await run_in_threadpool(self._library.label, given["id"], given["name"], tags))

    @_explained
    async def study(self, request: Request) -> Response:
        """One search for hyperparameters."""
        return _json(await run_in_threadpool(self._library.study, _parameter(request, "id")))

    @_explained
    async def grid(self, request: Request) -> Response:
        """One comparison."""
        return _json(await run_in_threadpool(self._library.grid, _parameter(request, "id")))

    @_explained
    async def replay(self, request: Request) -> Response:
        """One replay, checked."""
        from sandbox.api.replay import read_replay, to_json

        path = self._library.replay(_parameter(request, "id"), _parameter(request, "name"))
        return JSONResponse(await run_in_threadpool(lambda: to_json(read_replay(path))))

    @_explained
    async def events(self, request: Request) -> Response:
        """The stream of what happens; ``run=ID@OFFSET``, repeatable, says what is looked at."""
        watched = {}
        for given in request.query_params.getlist("run")[:MAX_WATCHED]:
            name, _, offset = given.rpartition("@")
            self._library.run_folder(name)
            watched[name] = int(offset) if offset.isdecimal() and len(offset) < 16 else 0
        if self._streams >= MAX_STREAMS:
            return PlainTextResponse("Too many pages are open.\n", 503)
        self._streams += 1  # at once: many requests may come before the first of them is answered
        return _CountedStream(stream(self._library, watched, self._gone), self._release_stream)

    def _release_stream(self) -> None:
        self._streams -= 1

    @_explained
    async def file(self, request: Request) -> Response:
        """A picture or film of a run."""
        path = self._library.file(_parameter(request, "id"), _parameter(request, "name"))
        return FileResponse(path, media_type=SHOWN[path.suffix.lower()])

    @_explained
    async def report(self, request: Request) -> Response:
        """A report: that of the run if it has one, else one made now, of all that is named."""
        from sandbox.report.data import read_report_data
        from sandbox.report.page import html
        from sandbox.report.study import study_html

        if (study := request.query_params.get("study")) is not None:
            folder = self._library.study_folder(study)
            content = (await run_in_threadpool(study_html, folder)).encode()
            return Response(
                content, media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
            )
        if (moves := request.query_params.get("moves")) is not None:
            content = await run_in_threadpool(self._library.moves_page(moves).read_bytes)
            return Response(
                content, media_type="text/html", headers={"content-security-policy": REPORT_POLICY}
            )
        grid, names = request.query_params.get("grid"), request.query_params.getlist("run")[:MAX_WATCHED]
        folders = [self._library.grid_folder(grid)] if grid else [self._library.run_folder(n) for n in names]
        if not folders:
            raise NotThereError("report")
        ready = folders[0] / REPORT
        if len(folders) == 1 and not grid and ready.is_file() and not ready.is_symlink():
            content = await run_in_threadpool(ready.read_bytes)
        else:
            content = (await run_in_threadpool(lambda: html(read_report_data(folders)))).encode()
        return Response(content, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})


def serve(
    root: Path,
    host: str = "127.0.0.1",
    port: int = 0,
    allowed: Iterable[str] = (),
    on_open: Callable[[str], None] = print,
    by_hand: bool = False,
) -> None:
    """Serve a runs directory until interrupted.

    Args:
        root: The runs directory.
        host: Address to listen on.
        port: Port; 0 takes the one that the page of these runs had last, or a free one.
        allowed: Host names that are trusted besides those of this machine and ``host``.
        on_open: Called with the address, token included, once the port is open.
        by_hand: Whether episodes may be played by hand.

    Raises:
        InvalidValueError: If the address cannot be listened on.
    """
    import uvicorn

    from sandbox.ui.connections import PageProtocol, log_each_complaint_once

    kept = kept_address(root)
    try:
        listener = _listen(host, port, kept.port)
    except (OSError, OverflowError, UnicodeError) as error:
        no_host = isinstance(error, socket.gaierror | UnicodeError)
        no_host |= getattr(error, "errno", None) in (errno.EADDRNOTAVAIL, socket.EAI_NONAME, socket.EAI_AGAIN)
        cause = (getattr(error, "strerror", None) or str(error)).partition(" (while")[0]
        raise InvalidValueError(
            f"Cannot listen on {host}, port {port}: {cause}.",
            f"Try another {'--host' if no_host else '--port'}.",
        ) from error
    number, token = listener.getsockname()[1], kept.token
    keep_address(root, PageAddress(token, number))
    shown = f"[{host}]" if ":" in host else host
    hosts = [*LOOPBACK, *allowed, *(() if host in ("0.0.0.0", "::") else (shown,))]
    gone = Event()
    app = make_app(root, token, hosts, f"sandbox-{number}", gone, by_hand)
    config = uvicorn.Config(
        app,
        http=PageProtocol,
        log_level="warning",
        access_log=False,  # it would show the token
        server_header=False,
        timeout_graceful_shutdown=1,
        lifespan="off",
        ws="none",
    )
    log_each_complaint_once()
    on_open(f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else shown}:{number}/?token={token}")

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: Any) -> None:
            gone.set()  # the event streams end by themselves, so that nothing has to be torn down
            super().handle_exit(sig, frame)

    server = Server(config)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


def _listen(host: str, port: int, last: int) -> socket.socket:
    """A socket on the port that is asked for, else on the page's last one, else on a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if port == 0 and last:
        try:
            return socket.create_server((host, last), family=family, backlog=64)
        except OSError:
            pass  # taken meanwhile, perhaps by another page over the same runs
    return socket.create_server((host, port), family=family, backlog=64)


async def _body(request: Request) -> bytes | None:
    """What was posted; None where it is longer than anything that the page sends."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return body


def _parameter(request: Request, name: str) -> str:
    value = request.query_params.get(name)
    if value is None or len(value) > 1000:
        raise NotThereError(name)
    return value


def _json(document: Any) -> Response:
    return JSONResponse(strict(document))


@cache
def _home() -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(loader=PackageLoader("sandbox.ui"), autoescape=True, undefined=StrictUndefined)
    return made.get_template("home.html").render(
        version=packages().get("sandbox-rl", ""), rule=RULE, rule_of_comparisons=RULE_OF_COMPARISONS
    )


@cache
def _asset(name: str) -> tuple[bytes, str]:
    package, kind = ASSETS[name]
    return (package_files(package) / "assets" / name).read_bytes(), kind

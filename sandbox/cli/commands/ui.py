"""``sandbox ui``: the web page over a runs directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli.options import RunsDir


def ui(
    runs_dir: RunsDir = Path("runs"),
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Address to listen on; others than this machine's at your risk."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="Port; default: the last one of these runs, or a free one."),
    ] = 0,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A further host name that requests may name. Repeatable."),
    ] = None,
    by_hand: Annotated[
        bool, typer.Option("--play", help="Let the page play tasks by hand, against its runs.")
    ] = False,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> None:
    """Show runs and comparisons in a local web page while they train."""
    from sandbox.api.errors import InvalidValueError, MissingExtraError
    from sandbox.registry.resolve import missing_modules

    missing = missing_modules(("starlette", "uvicorn"))
    if missing:
        raise MissingExtraError("The web page", missing, "ui")
    if not runs_dir.is_dir():
        raise InvalidValueError(
            f"There is no runs directory '{runs_dir}'.",
            "Make a run first, or name another one with --runs-dir.",
        )
    from sandbox.cli.show.console import stderr, stdout
    from sandbox.ui.guard import LOOPBACK
    from sandbox.ui.server import serve

    if host not in (*LOOPBACK, "::1"):
        stderr().print(
            f"Whoever reaches {host} and knows the token can read the runs; the connection is not encrypted.",
            style="yellow",
        )

    def on_ready(address: str) -> None:
        stdout().print(f"{runs_dir} is shown at {address}", soft_wrap=True)
        stdout().print("Ctrl-C ends it.", style="dim")
        if browser:
            import webbrowser

            webbrowser.open(address)

    serve(runs_dir, host, port, allow_host or (), on_ready, by_hand)

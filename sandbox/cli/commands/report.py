"""``sandbox report``: one file that tells what runs or a comparison came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.cli.options import AsJson, run_name


def report(
    targets: Annotated[
        list[str],
        typer.Argument(
            parser=run_name,
            metavar="RUN...|COMPARISON|SEARCH",
            help="Run directories, latest, one comparison, or one search of sandbox tune.",
        ),
    ],
    form: Annotated[
        str, typer.Option("--format", metavar="html|png|csv|parquet|md", help="What to write.")
    ] = "html",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where; default: report.FORMAT in the folder of the run, comparison or search.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> dict[str, Any] | None:
    """Write a report of runs, a comparison or a search into a file."""
    from sandbox.report.make import make_report

    path = make_report(targets, form, out)
    if as_json:
        return {"report": path, "format": form}
    from sandbox.cli.show.console import stdout

    stdout().print(f"Wrote {path}", soft_wrap=True)
    return None

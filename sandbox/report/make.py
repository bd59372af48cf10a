"""Makes a report and puts it where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import MissingExtraError, UnknownNameError
from sandbox.registry.resolve import missing_modules
from sandbox.report.data import ReportData, data_of_runs, read_report_data
from sandbox.report.formats import FORMATS, as_csv, as_markdown, as_parquet
from sandbox.report.page import html
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import Run

PAGE = "report.html"


def make_report(paths: Sequence[str | Path], form: str = "html", out: str | Path | None = None) -> Path:
    """Write a report of run directories, or of a comparison.

    Args:
        paths: Run directories, or the folder of one comparison.
        form: ``html``, ``png``, ``csv``, ``parquet`` or ``md``.
        out: File to write; ``report.<form>`` in the run's or the comparison's folder if absent, and in the
            working directory where several runs are named.

    Returns:
        The file.

    Raises:
        SandboxError: If there is nothing to report on, or the file cannot be written.
    """
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    data = read_report_data(paths)
    target = Path(out) if out is not None else _place(data) / f"report.{form}"
    content = _content(data, form)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
    return target


def save_page(run: Run) -> Path:
    """Write the page of one run into its directory."""
    path = run.path / PAGE
    with storage_errors(run.path):
        write_atomically(path, html(data_of_runs([run])).encode())
    return path


def _place(data: ReportData) -> Path:
    if data.folder is not None:
        return data.folder
    return data.runs[0].path if len(data.runs) == 1 else Path()


def _content(data: ReportData, form: str) -> bytes:
    if form == "html":
        return html(data).encode()
    if form == "csv":
        return as_csv(data)
    if form == "parquet":
        return as_parquet(data)
    if form == "md":
        return as_markdown(data)
    missing = missing_modules(("matplotlib",))
    if missing:
        raise MissingExtraError("A picture", missing, "plot")
    from sandbox.report.picture import draw_report

    return draw_report(data)

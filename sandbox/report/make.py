"""Makes a report and puts it where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import InvalidValueError, MissingExtraError, UnknownNameError
from sandbox.records.tuning import TUNING
from sandbox.registry.resolve import missing_modules
from sandbox.report.data import ReportData, data_of_runs, read_report_data
from sandbox.report.formats import FORMATS, as_csv, as_markdown, as_parquet
from sandbox.report.page import html
from sandbox.report.study import is_study, study_folder, study_html
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import Run

PAGE = "report.html"


def make_report(paths: Sequence[str | Path], form: str = "html", out: str | Path | None = None) -> Path:
    """Write a report of run directories, of a comparison, or of a search for hyperparameters.

    Args:
        paths: Run directories, or the folder of one comparison or of one search.
        form: ``html``, ``png``, ``csv``, ``parquet`` or ``md``; of a search ``html``.
        out: File to write; ``report.<form>`` in the run's or the comparison's folder if absent, and in the
            working directory where several runs are named.

    Returns:
        The file.

    Raises:
        SandboxError: If there is nothing to report on, or the file cannot be written.
    """
    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    if any(is_study(path) for path in paths):
        place, content = _of_study(paths, form)
    else:
        data = read_report_data(paths)
        place, content = _place(data), _content(data, form)
    target = Path(out) if out is not None else place / f"report.{form}"
    with storage_errors(target, "--out"):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
    return target


def save_page(run: Run) -> Path:
    """Write the page of one run into its directory."""
    path = run.path / PAGE
    with storage_errors(run.path):
        write_atomically(path, html(data_of_runs([run])).encode())
    return path


def _of_study(paths: Sequence[str | Path], form: str) -> tuple[Path, bytes]:
    """Where the report of a search belongs, and the report."""
    if len(paths) > 1:
        raise InvalidValueError("A report is of one search, or of runs.", "Name the search alone.")
    if form != "html":
        raise InvalidValueError(
            f"A search has no report in the format {form}.",
            f"--format html; the trials are in {study_folder(paths[0]) / TUNING}.",
        )
    return study_folder(paths[0]), study_html(paths[0]).encode()


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

"""Makes a report and puts it where it belongs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import MissingExtraError, UnknownNameError
from sandbox.registry.resolve import missing_modules
from sandbox.report.formats import FORMATS, as_csv, as_markdown, as_parquet
from sandbox.report.page import html
from sandbox.report.story import Story, read_story, story_of_runs
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
    story = read_story(paths)
    target = Path(out) if out is not None else _place(story) / f"report.{form}"
    content = _content(story, form)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, content)
    return target


def save_page(run: Run) -> Path:
    """Write the page of one run into its directory."""
    path = run.path / PAGE
    with storage_errors(run.path):
        write_atomically(path, html(story_of_runs([run])).encode())
    return path


def _place(story: Story) -> Path:
    if story.folder is not None:
        return story.folder
    return story.runs[0].path if len(story.runs) == 1 else Path()


def _content(story: Story, form: str) -> bytes:
    if form == "html":
        return html(story).encode()
    if form == "csv":
        return as_csv(story)
    if form == "parquet":
        return as_parquet(story)
    if form == "md":
        return as_markdown(story)
    missing = missing_modules(("matplotlib",))
    if missing:
        raise MissingExtraError("A picture", missing, "plot")
    from sandbox.report.picture import draw_story

    return draw_story(story)

"""How a course shows while it runs, and what it prints at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cli.show.console import stderr, stdout
from sandbox.cli.show.tables import show, table
from sandbox.course.words import VERDICTS, minutes_text, result_text, summary, switch_text
from sandbox.records.words import plural

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox.course.api import CourseResult
    from sandbox.course.drive import CourseCallback, Progress
    from sandbox.records.course import ClaimJob, ClaimRecord


def course_display(quiet: bool) -> CourseCallback:
    """What tells of every measurement on standard error."""
    from sandbox.course.drive import SilentCourse

    return SilentCourse() if quiet else _Lines(stderr().print)


class _Lines:
    """A line when work starts, and one when a measurement begins or ends."""

    def __init__(self, write: Callable[..., None]) -> None:
        self._write = write

    def on_start(self, progress: Progress) -> None:
        count, there = len(progress.jobs), len(progress.records)
        rest = (
            f"; at most {progress.minutes_left:.0f} minutes of processor time left" if there < count else ""
        )
        self._write(f"{plural(count, 'measurement')}: {there:,} there already{rest}")
        if progress.outdated:
            changed = sorted({label for labels in progress.outdated.values() for label in labels})
            again = plural(len(progress.outdated), "measurement")
            self._write(f"Made again, since these plugins have changed: {again} ({', '.join(changed)})")

    def on_begun(self, job: ClaimJob, progress: Progress) -> None:
        self._write(f"{_name(job)}: begun", style="dim")

    def on_measured(self, job: ClaimJob, record: ClaimRecord, progress: Progress) -> None:
        what = "measured" if record.status == "done" else f"no figure: {record.error}"
        done = f"{len(progress.records)} of {len(progress.jobs)}"
        self._write(f"{_name(job)}: {what} in {record.minutes:.1f} min ({done})", markup=False)

    def on_stopping(self) -> None:
        self._write("Stopping: what was measured is kept. Interrupt again to stop at once.")


def _name(job: ClaimJob) -> str:
    return f"{job.claim}, switch thrown" if job.sabotaged else job.claim


def show_course(result: CourseResult) -> None:
    """The table of claims, the sum, and where the page lies."""
    record = result.record
    thrown = any(each.under_switch != "missing" for each in record.claims)
    columns = ["claim", "verdict", "result", *(["switch", "under it"] if thrown else []), "min"]
    shown = table(record.title or record.suite, *columns)
    for each in record.claims:
        under = [VERDICTS[each.under_switch], switch_text(each)] if thrown else []
        style = {"passed": "", "failed": "bold", "crashed": "bold", "missing": "dim"}[each.verdict]
        shown.add_row(
            each.claim,
            VERDICTS[each.verdict],
            result_text(each),
            *under,
            minutes_text(each.minutes),
            style=style,
        )
    show(stdout(), shown)
    stdout().print(summary(record), highlight=False)
    for each in record.claims:
        if each.verdict == "failed" and each.shortfall:
            stdout().print(f"{each.claim}: {each.shortfall}", highlight=False)
    stdout().print(f"Page: {result.page}", highlight=False)

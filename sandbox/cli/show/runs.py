"""``sandbox runs``: the runs of a directory in a table for each scenario."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.records.evaluation import AgentResult
    from sandbox.records.labels import LabelsRecord
    from sandbox.runs.directory import Run

MAX_DIFFERENCES = 3
"""Settings that a line names; ''sandbox runs show'' has all of them."""


def show_runs(console: Console, root: Path, runs: Sequence[Run]) -> None:
    """A table for each scenario: status, result, verdict, and the settings in which its runs differ."""
    from sandbox.cli.show.tables import WIDE_TABLE, show, table
    from sandbox.records.settings import differing, settings_of, worded

    groups: dict[Path, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.path.parent.parent, []).append(run)
    wide = console.width >= WIDE_TABLE
    for folder, members in groups.items():
        settings = [settings_of(run.record) for run in members]
        names = [name for name in differing(settings) if name not in ("seed", "algorithm")]
        differences = [worded(of, names, MAX_DIFFERENCES) for of in settings]
        called = [_called(labels_of(run)) for run in members]
        columns = ["name, tags"] if any(called) else []
        last = ["differs in"] if wide and any(differences) else []
        metric = _metric(members)
        shown = table(str(folder), "run", *columns, "status", "steps", metric, "verdict", *last)
        for run, name, difference in zip(members, called, differences, strict=True):
            mean, verdict = _result(run)
            shown.add_row(
                _short_name(run),
                *([name] if columns else []),
                run.state,
                short_count(run.steps_so_far),
                mean,
                verdict,
                *([difference] if last else []),
            )
        if wide:
            show(console, shown)
            continue
        console.print(shown)
        for run, difference in zip(members, differences, strict=True):
            if difference:
                console.print(f"   {_short_name(run)} has {difference}", style="dim", markup=False)
        console.print()
    if groups:
        console.print(
            f"Oldest first. A run is named by its directory below {root}, by the end of that (0-1a2b3c4d), "
            "or by latest.",
            style="dim",
        )


def _short_name(run: Run) -> str:
    return f"{run.path.parent.name}/{run.path.name}"


def short_count(count: int) -> str:
    """``950``, ``49 k``, ``1.5 M``."""
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g} {sign}"
    return str(count)


def labels_of(run: Run) -> LabelsRecord:
    """The labels of a run; none where they are damaged, which ``sandbox runs check`` tells."""
    from sandbox.api.errors import DamagedRunError
    from sandbox.records.labels import LabelsRecord
    from sandbox.runs.labels import read_labels

    try:
        return read_labels(run.path)
    except DamagedRunError:
        return LabelsRecord()


def _called(labels: LabelsRecord) -> str:
    """Name and tags as a line of the table has them."""
    tags = " ".join(f"#{tag}" for tag in labels.tags)
    return " ".join(filter(None, (labels.name, tags, "(archived)" if labels.archived else "")))


def test_result(run: Run) -> dict[str, Any]:
    """What the tests of a run gave, as the JSON document of ``sandbox runs`` holds it."""
    evaluation, row = _tested(run)
    against = row.against_best_baseline if row else None
    return {
        "metric": evaluation.metric if evaluation else None,
        "value": row.mean if row else None,
        "gap": row.gap if row else None,
        "verdict": against.verdict if against else None,
        "baseline": against.baseline if against else None,
    }


def _metric(runs: Sequence[Run]) -> str:
    recorded = next((run.record.metric for run in reversed(runs) if run.record.metric), None)
    if recorded is None:
        return "result"
    return recorded.name if recorded.unit in ("", "1") else f"{recorded.name}, {recorded.unit}"


def _result(run: Run) -> tuple[str, str]:
    from sandbox.records.words import number

    _, row = _tested(run)
    if row is None:
        return "", ""
    against = row.against_best_baseline
    words = {"better": "beats", "worse": "loses to", "unclear": "unclear:"}
    return number(row.mean), f"{words[against.verdict]} {against.baseline}" if against else ""


def _tested(run: Run) -> tuple[Any, AgentResult | None]:
    from sandbox.api.errors import DamagedRunError

    try:
        evaluation = run.evaluation()
    except DamagedRunError:  # `sandbox runs check` says what is wrong with it
        return None, None
    return evaluation, evaluation.agents.get(run.algorithm) if evaluation is not None else None

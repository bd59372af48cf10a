"""``sandbox runs``: the runs of a directory in a table for each scenario."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.records.evaluation import AgentResult
    from sandbox.runs.directory import Run

MAX_DIFFERENCES = 3
"""Settings that a line names; ''sandbox runs show'' has all of them."""


def show_runs(console: Console, root: Path, runs: Sequence[Run]) -> None:
    """A table for each scenario: status, result, verdict, and the settings in which its runs differ."""
    from sandbox.cli.show.tables import show, table
    from sandbox.records.settings import differing, settings_of, worded

    groups: dict[Path, list[Run]] = {}
    for run in runs:
        groups.setdefault(run.path.parent.parent, []).append(run)
    for folder, members in groups.items():
        settings = [settings_of(run.record) for run in members]
        names = [name for name in differing(settings) if name not in ("seed", "algorithm")]
        shown = table(str(folder), "run", "status", "steps", _metric(members), "verdict", "differs in")
        for run, of in zip(members, settings, strict=True):
            mean, verdict = _result(run)
            shown.add_row(
                f"{run.path.parent.name}/{run.path.name}",
                run.state,
                short_count(run.steps_so_far),
                mean,
                verdict,
                worded(of, names, MAX_DIFFERENCES),
            )
        show(console, shown)
    if groups:
        console.print(
            f"Oldest first. A run is named by its directory below {root}, by the end of that (0-1a2b3c4d), "
            "or by latest.",
            style="dim",
        )


def short_count(count: int) -> str:
    """``950``, ``49 k``, ``1.5 M``."""
    for size, sign in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g} {sign}"
    return str(count)


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

"""Learning curves of a grid, from the logs of its training runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import DamagedRunError
from sandbox.comparison.cells import Grid
from sandbox.comparison.table import Runs, Table
from sandbox.records.cell import CellRecord
from sandbox.records.comparison import AgentCurves, Curve
from sandbox.records.progress import ProgressRow, column, metric_figure, validation_figure
from sandbox.runs.directory import Run, progress
from sandbox.runs.guard import RUN, folder_below
from sandbox.statistics import band


def curves(grid: Grid, root: Path, table: Table) -> dict[str, dict[str, AgentCurves]]:
    """By scenario and learned agent: metric in training and validation, return, and reward terms."""
    return {
        scenario: {
            name: _curves(root, runs, grid.scenarios[scenario].metric.name)
            for name, runs in agents.items()
            if runs.kind == "learned"
        }
        for scenario, agents in table.items()
    }


def _curves(root: Path, runs: Runs, metric: str) -> AgentCurves:
    logs = [_log(root, record) for record in runs.records]
    terms = dict.fromkeys(
        name.removeprefix("term/") for log in logs for row in log for name in row if name.startswith("term/")
    )
    return AgentCurves(
        training=_curve(logs, metric_figure(metric)),
        validation=_curve(logs, validation_figure(metric)),
        returns=_curve(logs, "return"),
        terms={name: _curve(logs, f"term/{name}") for name in terms},
    )


def _log(root: Path, record: CellRecord) -> list[ProgressRow]:
    """A run's records; none where its directory has been removed."""
    try:
        return progress(Run.open(folder_below(root, *Path(str(record.run_dir)).parts, what=RUN)))
    except (DamagedRunError, OSError, ValueError):
        return []


def _curve(logs: Sequence[Sequence[ProgressRow]], name: str) -> Curve | None:
    columns = [column(log, name, most=len(log)) for log in logs]
    curve = band([pairs for pairs in columns if pairs[0]])
    if curve is None:
        return None
    return Curve(
        steps=tuple(curve.steps.tolist()),
        mean=tuple(curve.mean.tolist()),
        low=tuple(curve.low.tolist()),
        high=tuple(curve.high.tolist()),
        runs=curve.runs,
    )

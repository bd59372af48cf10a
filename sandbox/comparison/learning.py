"""Learning curves of a grid, from the logs of its training runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.api.errors import DamagedRunError
from sandbox.comparison.cells import Grid
from sandbox.comparison.table import Runs, Table
from sandbox.runs.directory import Run, progress
from sandbox.statistics import band


def curves(grid: Grid, root: Path, table: Table) -> dict[str, dict[str, Any]]:
    """By scenario and learned agent: metric in training and validation, return, and reward terms."""
    return {
        scenario: {
            name: _curves(root, runs, grid.scenarios[scenario].metric.name)
            for name, runs in agents.items()
            if runs.kind == "learned"
        }
        for scenario, agents in table.items()
    }


def _curves(root: Path, runs: Runs, metric: str) -> dict[str, Any]:
    logs = [_log(root, record) for record in runs.records]
    terms = dict.fromkeys(
        name.removeprefix("term/")
        for log in logs
        for entry in log
        for name in entry
        if name.startswith("term/")
    )
    return {
        "training": _curve(logs, metric),
        "validation": _curve(logs, f"validation/{metric}"),
        "return": _curve(logs, "return"),
        "terms": {name: _curve(logs, f"term/{name}") for name in terms},
    }


def _log(root: Path, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A run's records; none where its directory has been removed."""
    try:
        return progress(Run.open(root / str(record["run_dir"])))
    except (DamagedRunError, OSError, ValueError):
        return []


def _curve(logs: Sequence[Sequence[Mapping[str, Any]]], name: str) -> dict[str, Any] | None:
    runs = []
    for log in logs:
        points = {entry["steps"]: entry[name] for entry in log if entry.get(name) is not None}
        if points:
            runs.append((list(points), list(points.values())))
    curve = band(runs)
    if curve is None:
        return None
    return {
        "steps": list(curve.steps),
        "mean": list(curve.mean),
        "low": list(curve.low),
        "high": list(curve.high),
        "runs": curve.runs,
    }

"""The figures of finished cells as arrays: one row of episodes a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.comparison.cells import Cell, Grid
from sandbox.scenarios.resolve import ResolvedScenario

OPTIMA = ("optimum", "optimal")
"""Names of references that are the best possible value."""


@dataclass(frozen=True)
class Runs:
    """Finished cells of one agent in one scenario.

    Attributes:
        scenario: Its id.
        agent: Its name.
        kind: ``learned`` or ``baseline``.
        seeds: Training seeds in order; ``(None,)`` for a baseline.
        final: Metric of every test episode of the final policy, shape ``(runs, episodes)``.
        best: Likewise of the best-validation policy; None if some run has none.
        records: What the cells recorded.
        failed: Cells that failed.
    """

    scenario: str
    agent: str
    kind: str
    seeds: tuple[int | None, ...]
    final: NDArray[np.float64]
    best: NDArray[np.float64] | None
    records: tuple[Mapping[str, Any], ...]
    failed: int

    @property
    def values(self) -> NDArray[np.float64]:
        """One value a run: the mean over its episodes."""
        return np.asarray(self.final.mean(axis=1), np.float64)


@dataclass(frozen=True)
class Anchors:
    """What the normalised score calls 0 and 1."""

    zero: float
    one: float
    zero_name: str
    one_name: str


Table = dict[str, dict[str, Runs]]
"""By scenario, then agent; only agents with at least one finished cell."""


def make_table(grid: Grid, status: Mapping[str, str], records: Mapping[str, Mapping[str, Any]]) -> Table:
    """Gather the finished cells."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in grid.cells:
        groups.setdefault((cell.scenario, cell.agent), []).append(cell)
    table: Table = {scenario: {} for scenario in grid.scenarios}
    for (scenario, agent), cells in groups.items():
        done = [cell for cell in cells if status.get(cell.id) == "done"]
        failed = sum(status.get(cell.id) == "failed" for cell in cells)
        if done:
            own = [records[cell.id] for cell in done]
            table[scenario][agent] = Runs(
                scenario,
                agent,
                cells[0].kind,
                tuple(cell.seed for cell in done),
                _stack(own, "final"),
                _stack(own, "best") if all("best" in one["results"] for one in own) else None,
                tuple(own),
                failed,
            )
    return table


def anchors(scenario: ResolvedScenario, runs: Mapping[str, Runs]) -> Anchors | None:
    """The random agent's value, and the known optimum or else the best classical method's.

    None where one of them is not known (yet), or they do not differ.
    """
    if "random" not in runs:
        return None
    zero = float(runs["random"].values[0])
    sign = 1.0 if scenario.metric.better == "lower" else -1.0
    candidates = [
        (sign * float(one.values[0]), one.agent)
        for one in runs.values()
        if one.kind == "baseline" and one.agent != "random" and np.isfinite(one.values[0])
    ]
    one, name = (sign * min(candidates)[0], min(candidates)[1]) if candidates else (float("nan"), "")
    for reference in scenario.spec.references:
        if reference.name.lower() in OPTIMA and reference.metric in (None, scenario.metric.name):
            one, name = reference.value, reference.name
    if not np.isfinite(zero) or not np.isfinite(one) or sign * (zero - one) <= 0:
        return None
    return Anchors(zero, one, "random", name)


def best_baseline(scenario: ResolvedScenario, runs: Mapping[str, Runs]) -> str | None:
    """The classical method with the best mean; the random agent is none."""
    sign = 1.0 if scenario.metric.better == "lower" else -1.0
    known = [
        (sign * float(one.values[0]), one.agent)
        for one in runs.values()
        if one.kind == "baseline" and one.agent != "random" and np.isfinite(one.values[0])
    ]
    return min(known)[1] if known else None


def _stack(records: Sequence[Mapping[str, Any]], which: str) -> NDArray[np.float64]:
    """Episodes of every run; a value that was not finite when it was written is NaN."""
    rows = [record["results"][which]["values"] for record in records]
    return np.array([[np.nan if value is None else value for value in row] for row in rows], np.float64)

"""The figures of finished cells as arrays: one row of episodes a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sandbox.api.errors import DamagedRunError
from sandbox.api.scenario import ScoreAxis
from sandbox.comparison.cells import Cell, Grid
from sandbox.records.cell import CellRecord, CellResults, EpisodesRecord
from sandbox.records.comparison import Anchor, AnchorPair
from sandbox.records.evaluation import BoundRecord, LimitRecord
from sandbox.records.status import AgentKind, CellStatus
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.statistics import log_gap_score, normalise

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
        best: The same of the best-validation policy; None if some run has none.
        records: What the cells recorded.
        failed: Cells that failed.
    """

    scenario: str
    agent: str
    kind: AgentKind
    seeds: tuple[int | None, ...]
    final: NDArray[np.float64]
    best: NDArray[np.float64] | None
    records: tuple[CellRecord, ...]
    failed: int

    @property
    def values(self) -> NDArray[np.float64]:
        """One value a run: the mean over its episodes."""
        return np.asarray(self.final.mean(axis=1), np.float64)

    @property
    def results(self) -> list[CellResults]:
        """Results of every run."""
        return [record.results for record in self.records if record.results is not None]


@dataclass(frozen=True)
class Anchors:
    """What the normalised score calls 0 and 1."""

    at_zero: float
    at_one: float
    zero_name: str
    one_name: str
    axis: ScoreAxis = "linear"

    def normalise(self, values: ArrayLike) -> NDArray[np.float64]:
        """Values on that scale."""
        score = log_gap_score if self.axis == "log-gap" else normalise
        return score(values, self.at_zero, self.at_one)

    def record(self) -> AnchorPair:
        """The scale as ``comparison.json`` holds it."""
        return AnchorPair(
            zero=Anchor(name=self.zero_name, value=self.at_zero),
            one=Anchor(name=self.one_name, value=self.at_one),
            axis=self.axis,
        )


Table = dict[str, dict[str, Runs]]
"""By scenario, then agent; only agents with at least one finished cell."""


def make_table(grid: Grid, status: Mapping[str, CellStatus], records: Mapping[str, CellRecord]) -> Table:
    """Gather the finished cells.

    Raises:
        DamagedRunError: If a cell does not hold the scenario's number of episodes.
    """
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in grid.cells:
        groups.setdefault((cell.scenario, cell.agent), []).append(cell)
    table: Table = {scenario: {} for scenario in grid.scenarios}
    for (scenario, agent), cells in groups.items():
        done = [cell for cell in cells if status.get(cell.id) == "done"]
        if not done:
            continue
        known = tuple(records[cell.id] for cell in done)
        results = [record.results for record in known if record.results is not None]
        best = [result.best for result in results if result.best is not None]
        table[scenario][agent] = Runs(
            scenario=scenario,
            agent=agent,
            kind=cells[0].kind,
            seeds=tuple(cell.seed for cell in done),
            final=_stack([result.final for result in results], grid.scenarios[scenario]),
            best=_stack(best, grid.scenarios[scenario]) if len(best) == len(done) else None,
            records=known,
            failed=sum(status.get(cell.id) == "failed" for cell in cells),
        )
    return table


def anchors(scenario: ResolvedScenario, runs: Mapping[str, Runs]) -> Anchors | None:
    """The random agent's value, and the optimum's or else the best classical method's.

    The proven optimum is measured where it plays; a reference of that name, typed in a scenario file, stands
    for it only where it does not.

    None where one of them is not known (yet), or they do not differ.
    """
    if "random" not in runs:
        return None
    zero = float(runs["random"].values[0])
    sign = 1.0 if scenario.metric.better == "lower" else -1.0
    measured = scenario.optimum is not None and scenario.optimum in runs
    best = scenario.optimum if measured else best_baseline(scenario, runs)
    top, name = (float(runs[best].values[0]), best) if best is not None else (float("nan"), "")
    for reference in () if measured else scenario.spec.references:
        if reference.name.lower() in OPTIMA and reference.metric in (None, scenario.metric.name):
            top, name = reference.value, reference.name
    if not np.isfinite(zero) or not np.isfinite(top) or sign * (zero - top) <= 0:
        return None
    return Anchors(zero, top, "random", name, scenario.spec.score)


def best_baseline(scenario: ResolvedScenario, runs: Mapping[str, Runs]) -> str | None:
    """The classical method with the best mean. Neither the random agent nor a proven optimum is one."""
    sign = 1.0 if scenario.metric.better == "lower" else -1.0
    known = [
        (sign * float(baseline.values[0]), baseline.agent)
        for baseline in runs.values()
        if baseline.kind == "baseline"
        and baseline.agent not in ("random", scenario.optimum)
        and np.isfinite(baseline.values[0])
    ]
    return min(known)[1] if known else None


def limit_of(
    scenario: ResolvedScenario, runs: Mapping[str, Runs], bound: BoundRecord | None
) -> LimitRecord | None:
    """What agents are measured by: the optimum that played, else the bound, else the best baseline."""
    best = best_baseline(scenario, runs)
    if scenario.optimum is not None and scenario.optimum in runs:
        value = float(runs[scenario.optimum].values[0])
        return LimitRecord(kind="optimum", name=scenario.optimum, value=value) if np.isfinite(value) else None
    if bound is not None:
        return LimitRecord(kind="bound", name=bound.method, value=bound.value)
    if best is None:
        return None
    return LimitRecord(kind="best baseline", name=best, value=float(runs[best].values[0]))


def _stack(episodes: Sequence[EpisodesRecord], scenario: ResolvedScenario) -> NDArray[np.float64]:
    """Episodes of every run; a value that was not finite when it was written is NaN."""
    wanted = scenario.spec.evaluation.episodes
    for played in episodes:
        if len(played.values) != wanted:
            raise DamagedRunError(
                f"A cell of {scenario.spec.id} holds {len(played.values)} episodes, not {wanted}.",
                "Remove its folder below cells/ and run again.",
            )
    rows = [[np.nan if value is None else value for value in played.values] for played in episodes]
    return np.array(rows, np.float64)

"""Summarises a grid as ``comparison.json``; docs/reference/comparison.md explains the keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.comparison.cells import Grid
from sandbox.comparison.drive import State
from sandbox.comparison.learning import curves
from sandbox.comparison.overall import improvements, normalised_scores, overall, profiles
from sandbox.comparison.table import Anchors, Runs, Table, anchors, best_baseline, make_table
from sandbox.records.cell import CellRecord, EpisodesRecord
from sandbox.records.comparison import (
    FORMAT,
    AgentFacts,
    BestScore,
    CellFacts,
    ComparisonRecord,
    MissingCell,
    ScenarioFacts,
    Score,
    Statistics,
)
from sandbox.records.evaluation import DifferenceRecord
from sandbox.records.run import ReferenceRecord
from sandbox.records.status import AgentKind, Better, Verdict
from sandbox.runs.provenance import local_time
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.statistics import (
    MIN_RUNS,
    Interval,
    Resampler,
    bootstrap_mean,
    difference_p_value,
    holm,
    iqm,
    iqm_interval,
    paired_difference,
    resamples_for,
)
from sandbox.statistics.resampling import BAND_RESAMPLES


def summarise(
    grid: Grid, root: Path, state: State, command: Sequence[str] | None = None, seed: int = 0
) -> ComparisonRecord:
    """All figures that tables and pictures of a comparison need.

    Args:
        grid: What is compared.
        root: The runs directory.
        state: Status and records of its cells.
        command: The command line to record.
        seed: Seeds the bootstrap.
    """
    table = make_table(grid, state.status, state.records)
    resampler = Resampler(seed, resamples_for(_most_runs(grid, table)))
    scale = {scenario: anchors(resolved, table[scenario]) for scenario, resolved in grid.scenarios.items()}
    scores = normalised_scores(table, scale)
    agents = _learned_first(grid)
    metrics = {resolved.metric for resolved in grid.scenarios.values()}
    shared = metrics.pop() if len(metrics) == 1 else None
    missing = [
        MissingCell(scenario=cell.scenario, agent=cell.agent, seed=cell.seed, status=state.status[cell.id])
        for cell in grid.cells
        if state.status[cell.id] != "done"
    ]
    return ComparisonRecord(
        format=FORMAT,
        suite=grid.name,
        title=grid.title,
        folder=str(grid.folder(root)),
        status="incomplete" if missing else "complete",
        exploratory=_exploratory(grid, table),
        metric=shared.name if shared else None,
        unit=shared.unit if shared else None,
        better=shared.better if shared else None,
        statistics=Statistics(
            level=0.95,
            resamples=resampler.resamples,
            band_resamples=BAND_RESAMPLES,
            seed=seed,
            unit="training run",
        ),
        command=tuple(command) if command is not None else None,
        updated=local_time(),
        seconds=round(sum(record.seconds or 0.0 for record in state.records.values()), 3),
        versions=_versions(state.records.values()),
        agents=agents,
        scenarios={
            scenario: _scenario(resolved, scale[scenario]) for scenario, resolved in grid.scenarios.items()
        },
        cells=tuple(_cells(grid, state, scale)),
        scores={
            scenario: _scores(resolved, table[scenario], scale[scenario], resampler)
            for scenario, resolved in grid.scenarios.items()
        },
        overall=overall(grid, table, scale, scores, resampler),
        probability_of_improvement=improvements(grid, table, list(agents), resampler),
        profiles=profiles(scores, seed),
        curves=curves(grid, root, table),
        missing=tuple(missing),
        failed=state.count("failed"),
    )


def _most_runs(grid: Grid, table: Table) -> int:
    """Finished runs over all scenarios of the agent that has most."""
    runs = dict.fromkeys(grid.agents, 0)
    for agents in table.values():
        for name, finished in agents.items():
            runs[name] += len(finished.seeds)
    return max(runs.values(), default=1)


def _exploratory(grid: Grid, table: Table) -> bool:
    """Whether some learned agent has too few finished runs in a scenario for a claim."""
    wanted = {(cell.scenario, cell.agent) for cell in grid.cells if cell.kind == "learned"}
    counts = {
        (scenario, name): len(runs.seeds)
        for scenario, agents in table.items()
        for name, runs in agents.items()
    }
    return any(counts.get(pair, 0) < MIN_RUNS for pair in wanted)


def _versions(records: Iterable[CellRecord]) -> dict[str, tuple[str, ...]]:
    versions: dict[str, set[str]] = {}
    for record in records:
        for name, version in record.packages.items():
            versions.setdefault(name, set()).add(version)
    return {name: tuple(sorted(known)) for name, known in sorted(versions.items())}


def _learned_first(grid: Grid) -> dict[str, AgentFacts]:
    return dict(sorted(grid.agents.items(), key=lambda agent: agent[1].kind != "learned"))


def _scenario(resolved: ResolvedScenario, scale: Anchors | None) -> ScenarioFacts:
    return ScenarioFacts(
        title=resolved.spec.title,
        task=resolved.spec.task,
        task_version=resolved.task.version,
        hash=resolved.hash,
        metric=resolved.metric.name,
        unit=resolved.metric.unit,
        better=resolved.metric.better,
        episodes=resolved.spec.evaluation.episodes,
        anchors=scale.record() if scale is not None else None,
        references=tuple(
            ReferenceRecord.model_validate(known.model_dump(mode="json"))
            for known in resolved.spec.references
            if known.metric in (None, resolved.metric.name)
        ),
    )


def _cells(grid: Grid, state: State, scale: Mapping[str, Anchors | None]) -> Iterable[CellFacts]:
    for cell in grid.cells:
        record = state.records.get(cell.id)
        results = record.results if record is not None else None
        value = _mean_value(results.final) if results is not None else None
        best = _mean_value(results.best) if results is not None and results.best is not None else None
        anchors = scale[cell.scenario]
        yield CellFacts(
            id=cell.id,
            scenario=cell.scenario,
            agent=cell.agent,
            kind=cell.kind,
            seed=cell.seed,
            status=state.status[cell.id],
            value=value,
            best_value=best,
            normalised=None if anchors is None or value is None else float(anchors.normalise([value])[0]),
            seconds=record.seconds if record is not None else None,
            run_dir=record.run_dir if record is not None else None,
            error=record.error if record is not None else None,
            attempts=record.attempts if record is not None else 0,
        )


def _mean_value(episodes: EpisodesRecord) -> float | None:
    values = [value for value in episodes.values if value is not None]
    return float(np.mean(values)) if len(values) == len(episodes.values) else None


def _scores(
    resolved: ResolvedScenario, agents: Mapping[str, Runs], scale: Anchors | None, resampler: Resampler
) -> dict[str, Score]:
    against = _against(resolved.metric.better, agents, best_baseline(resolved, agents))
    return {
        name: _score(runs, resolved.reward.weights, scale, against.get(name), resampler)
        for name, runs in agents.items()
    }


def _score(
    runs: Runs,
    weights: Mapping[str, float],
    scale: Anchors | None,
    against: DifferenceRecord | None,
    resampler: Resampler,
) -> Score:
    centre, interval = _centre(runs.final, runs.kind, resampler)
    finals = [result.final for result in runs.results]
    return Score(
        kind=runs.kind,
        runs=len(runs.seeds),
        failed=runs.failed,
        values=tuple(runs.values.tolist()),
        mean=float(runs.values.mean()),
        std=_spread(runs),
        iqm=centre,
        ci95=interval,
        normalised=None if scale is None else float(scale.normalise([centre])[0]),
        normalised_ci95=None if scale is None else tuple(sorted(scale.normalise(interval))),
        best=_best(runs, resampler),
        metrics=_means([final.metrics for final in finals]),
        reward_terms=_means([final.reward_terms for final in finals]),
        weights=dict(weights),
        ret=_mean([final.ret for final in finals]),
        length=_mean([final.length for final in finals]),
        against_best_baseline=against,
    )


def _centre(episodes: NDArray[np.float64], kind: AgentKind, resampler: Resampler) -> tuple[float, Interval]:
    """IQM over runs and its interval; a baseline has one run, so its mean over episodes."""
    if kind == "baseline":
        return float(episodes.mean()), Interval(*bootstrap_mean(episodes[0], seed=resampler.seed))
    values = episodes.mean(axis=1)
    return iqm(values), iqm_interval([values], resampler)


def _spread(runs: Runs) -> float:
    values = runs.values if runs.kind == "learned" else runs.final[0]
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _best(runs: Runs, resampler: Resampler) -> BestScore | None:
    if runs.best is None or runs.kind == "baseline":
        return None
    centre, interval = _centre(runs.best, runs.kind, resampler)
    return BestScore(mean=float(runs.best.mean(axis=1).mean()), iqm=centre, ci95=interval)


def _against(better: Better, agents: Mapping[str, Runs], baseline: str | None) -> dict[str, DifferenceRecord]:
    """Every agent against the best baseline, on the same episodes; p-values corrected for their number."""
    if baseline is None:
        return {}
    samples: dict[str, tuple[NDArray[np.float64], bool]] = {}
    for name, runs in agents.items():
        if name != baseline:
            differences = runs.final - agents[baseline].final[0]
            # The training run is the unit; where there is one only, its episodes are all there is.
            over_runs = len(differences) > 1
            samples[name] = (differences.mean(axis=1) if over_runs else differences[0]), over_runs
    p_values = [difference_p_value(sample) for sample, _ in samples.values()]
    records: dict[str, DifferenceRecord] = {}
    for (name, (sample, over_runs)), p, corrected in zip(
        samples.items(), p_values, holm(p_values), strict=True
    ):
        mean, low, high = paired_difference(sample, np.zeros(len(sample)))
        verdict: Verdict = "unclear"
        if corrected < 0.05 and (low > 0 or high < 0):
            verdict = "better" if (mean < 0) == (better == "lower") else "worse"
        records[name] = DifferenceRecord(
            baseline=baseline,
            difference=mean,
            ci95=(low, high),
            p=p,
            p_holm=float(corrected),
            verdict=verdict,
            unit="runs" if over_runs else "episodes",
        )
    return records


def _means(records: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _mean([record.get(name) for record in records]) for name in names}


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([np.nan if value is None else value for value in values]))

"""Summarises a grid as ``comparison.json``; docs/reference/comparison.md explains the keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.comparison.cells import Grid
from sandbox.comparison.drive import State
from sandbox.comparison.learning import curves
from sandbox.comparison.overall import improvements, normalised_scores, overall, profiles
from sandbox.comparison.table import Anchors, Runs, Table, anchors, best_baseline, limit_of, make_table
from sandbox.evaluation.bounds import bound_of
from sandbox.evaluation.seeds import evaluation_seeds
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
from sandbox.records.evaluation import DifferenceRecord, LimitRecord
from sandbox.records.run import ReferenceRecord
from sandbox.records.status import AgentKind, Better, Verdict
from sandbox.runs.provenance import local_time
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.statistics import (
    MIN_RUNS,
    Interval,
    Resampler,
    bootstrap_mean,
    crossed_interval,
    crossed_p_value,
    enough,
    holm,
    iqm,
    needed,
    resamples_for,
)
from sandbox.statistics.resampling import BAND_RESAMPLES

LEVEL = 0.05
"""A p-value, corrected for the number of comparisons, below which a difference is called clear."""


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
    limits = {
        scenario: limit_of(resolved, table[scenario], bound_of(resolved, evaluation_seeds(resolved)))
        for scenario, resolved in grid.scenarios.items()
    }
    scores = normalised_scores(table, scale)
    by_scenario = {
        scenario: _scores(resolved, table[scenario], scale[scenario], limits[scenario], resampler)
        for scenario, resolved in grid.scenarios.items()
    }
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
            unit="training run and test episode",
        ),
        command=tuple(command) if command is not None else None,
        updated=local_time(),
        seconds=round(sum(record.seconds or 0.0 for record in state.records.values()), 3),
        versions=_versions(state.records.values()),
        agents=agents,
        scenarios={
            scenario: _scenario(resolved, scale[scenario], limits[scenario])
            for scenario, resolved in grid.scenarios.items()
        },
        cells=tuple(_cells(grid, state, scale)),
        scores=by_scenario,
        overall={
            name: row.changed(gap=_mean_gap(by_scenario, name))
            for name, row in overall(grid, table, scale, scores, resampler).items()
        },
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


def _scenario(resolved: ResolvedScenario, scale: Anchors | None, limit: LimitRecord | None) -> ScenarioFacts:
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
        bound=bound_of(resolved, evaluation_seeds(resolved)),
        optimum=resolved.optimum,
        limit=limit,
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
    resolved: ResolvedScenario,
    agents: Mapping[str, Runs],
    scale: Anchors | None,
    limit: LimitRecord | None,
    resampler: Resampler,
) -> dict[str, Score]:
    better = resolved.metric.better
    against = _against(better, agents, best_baseline(resolved, agents), resampler.seed)
    scores = {
        name: _score(runs, resolved.reward.weights, scale, against.get(name), resampler)
        for name, runs in agents.items()
    }
    return {
        name: score.changed(
            gap=limit.gap(score.iqm, better) if limit is not None else None,
            beats=_beaten(resolved, agents, name, resampler.seed) if score.kind == "learned" else (),
        )
        for name, score in scores.items()
    }


def _mean_gap(scores: Mapping[str, Mapping[str, Score]], name: str) -> float | None:
    gaps = [agents[name].gap for agents in scores.values() if name in agents]
    known = [gap for gap in gaps if gap is not None]
    return float(np.mean(known)) if known and len(known) == len(gaps) else None


def _beaten(resolved: ResolvedScenario, agents: Mapping[str, Runs], name: str, seed: int) -> tuple[str, ...]:
    """Classical methods that a learned agent is clearly better than, p-values corrected for their number."""
    rivals = {
        rival: agents[name].final - runs.final[0]
        for rival, runs in agents.items()
        if runs.kind == "baseline" and rival not in ("random", resolved.optimum)
    }
    corrected = holm([crossed_p_value(table) for table in rivals.values()])
    sign = 1.0 if resolved.metric.better == "lower" else -1.0
    return tuple(
        rival
        for (rival, table), p in zip(rivals.items(), corrected, strict=True)
        if p < LEVEL and enough(*table.shape) and max(crossed_interval(sign * table, seed)) < 0
    )


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
    """IQM over runs, its interval over runs and episodes; of a baseline, the mean over its episodes.

    NaN stands for an interval that so few runs and episodes do not carry.
    """
    if kind == "baseline":
        span = bootstrap_mean(episodes[0], seed=resampler.seed) if enough(*episodes.shape) else (nan, nan)
        return float(episodes.mean()), Interval(*span)
    return iqm(episodes.mean(axis=1)), crossed_interval(episodes, resampler.seed, trimmed=True)


def _spread(runs: Runs) -> float:
    values = runs.values if runs.kind == "learned" else runs.final[0]
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def _best(runs: Runs, resampler: Resampler) -> BestScore | None:
    if runs.best is None or runs.kind == "baseline":
        return None
    centre, interval = _centre(runs.best, runs.kind, resampler)
    return BestScore(mean=float(runs.best.mean(axis=1).mean()), iqm=centre, ci95=interval)


def _against(
    better: Better, agents: Mapping[str, Runs], baseline: str | None, seed: int
) -> dict[str, DifferenceRecord]:
    """Every agent against the best baseline, on the same episodes; p-values corrected for their number."""
    if baseline is None:
        return {}
    tables = {
        name: runs.final - agents[baseline].final[0] for name, runs in agents.items() if name != baseline
    }
    p_values = [crossed_p_value(table) for table in tables.values()]
    records: dict[str, DifferenceRecord] = {}
    for (name, table), p, corrected in zip(tables.items(), p_values, holm(p_values), strict=True):
        mean, (low, high) = float(table.mean()), crossed_interval(table, seed)
        whole = abs(float(agents[baseline].values[0]))
        clear = corrected < LEVEL and (low > 0 or high < 0)
        verdict: Verdict = "unclear"
        if clear:
            verdict = "better" if (mean < 0) == (better == "lower") else "worse"
        more = None if clear else needed(table, len(tables))
        records[name] = DifferenceRecord(
            baseline=baseline,
            difference=mean,
            percent=100.0 * mean / whole if whole > 0 else None,
            ci95=(low, high),
            p=p,
            p_holm=float(corrected),
            verdict=verdict,
            unit="runs and episodes" if len(table) > 1 else "episodes",
            needed_runs=more.runs if more else None,
            needed_episodes=more.episodes if more else None,
        )
    return records


def _means(records: Sequence[Mapping[str, float | None]]) -> dict[str, float]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _mean([record.get(name) for record in records]) for name in names}


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean([np.nan if value is None else value for value in values]))

"""The content of a report, from run directories or from a comparison: one shape for both."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sandbox.api.errors import InvalidValueError, SandboxError
from sandbox.records.comparison import (
    COMPARISON,
    AgentCurves,
    AgentFacts,
    BestScore,
    CellFacts,
    ComparisonRecord,
    Curve,
    ScenarioFacts,
    Score,
)
from sandbox.records.evaluation import AgentResult, EvaluationRecord
from sandbox.records.progress import ProgressRow, column, metric_figure, validation_figure
from sandbox.records.status import Better
from sandbox.report.problems import by_problem
from sandbox.runs.directory import PROGRESS, RECORD, Run, new_progress
from sandbox.runs.guard import GRID, RUN, folder_below, require_plain
from sandbox.statistics.curves import band
from sandbox.statistics.resampling import MIN_RUNS, Resampler
from sandbox.statistics.scores import iqm, iqm_interval


@dataclass(frozen=True)
class ReportData:
    """A comparison, and the runs behind it.

    Attributes:
        facts: Scores, curves and tests, as a comparison file holds them.
        runs: The training runs behind it that can be read.
        missing: Run directories that could not be read, each with the reason.
        folder: The comparison's folder; None where single runs were named.
    """

    facts: ComparisonRecord
    runs: tuple[Run, ...]
    missing: tuple[str, ...] = ()
    folder: Path | None = None
    commands: tuple[str, ...] = field(default=())


def read_report_data(paths: Sequence[str | Path]) -> ReportData:
    """The content of a report on a comparison's folder, or on run directories.

    Raises:
        InvalidValueError: If nothing is named, or a comparison together with something else.
        DamagedRunError: For a path that is neither or is damaged.
    """
    folders = list(dict.fromkeys(_folder(path) for path in paths))
    if not folders:
        raise InvalidValueError("Nothing is named to report on.", "Name run directories, or a comparison.")
    grids = [folder for folder in folders if (folder / COMPARISON).is_file()]
    if grids and len(folders) > 1:
        raise InvalidValueError(
            f"'{grids[0]}' is a comparison, and a report is of one comparison or of runs.",
            "Name the comparison alone.",
        )
    return _of_comparison(grids[0]) if grids else data_of_runs([Run.open(folder) for folder in folders])


def _folder(path: str | Path) -> Path:
    given = Path(path)
    return given.parent if given.name in (COMPARISON, RECORD) else given


def _of_comparison(folder: Path) -> ReportData:
    require_plain(folder, GRID)
    facts = ComparisonRecord.read(folder / COMPARISON)
    root = folder.parent.parent  # runs/comparisons/<name>
    runs, missing = [], []
    for cell in facts.cells:
        if cell.run_dir is None:
            continue
        parts = Path(cell.run_dir).parts
        try:
            if ".." in parts or Path(cell.run_dir).is_absolute():
                raise InvalidValueError(f"'{cell.run_dir}' lies outside the runs directory.")
            runs.append(Run.open(folder_below(root, *parts, what=RUN)))
        except SandboxError as error:  # a run that was removed must not hide the rest
            missing.append(error.message)
    command = shlex.join(facts.command or ())
    return ReportData(facts, tuple(runs), tuple(missing), folder, (command,) if command else ())


def data_of_runs(runs: Sequence[Run]) -> ReportData:
    """Runs as a comparison: runs of one algorithm with the same settings on one scenario are one agent."""
    scenarios: dict[str, ScenarioFacts] = {}
    agents: dict[str, AgentFacts] = {}
    scores: dict[str, dict[str, Score]] = {}
    curves: dict[str, dict[str, AgentCurves]] = {}
    cells: list[CellFacts] = []
    tested = {run.path: run.evaluation() for run in runs}
    for name, same in by_problem(runs, tested).items():
        evaluations = {run.path: tested[run.path] for run in same}
        first_evaluation = next((known for known in evaluations.values() if known), None)
        scenarios[name] = _scenario(same[0], first_evaluation)
        scores[name], curves[name] = {}, {}
        for agent, alike in _by_agent(same).items():
            first = alike[0].record
            agents[agent] = AgentFacts(
                kind="learned",
                algorithm=first.algorithm,
                hyperparameters=first.hyperparameters,
                steps=first.steps,
            )
            learned = _learned_score(alike, [evaluations[run.path] for run in alike])
            if learned is not None:
                scores[name][agent] = learned
            curves[name][agent] = _curves(alike, scenarios[name].metric)
            cells += [_cell(name, agent, run, evaluations[run.path]) for run in alike]
        _add_baselines(scores[name], agents, evaluations.values(), {run.algorithm for run in same})
    facts = ComparisonRecord(
        format=1,
        suite="runs",
        title=_title(scenarios, agents),
        status="complete" if all(run.status == "done" for run in runs) else "incomplete",
        exploratory=any(score.kind == "learned" and score.runs < MIN_RUNS for score in _all(scores)),
        seconds=sum(run.record.seconds or 0.0 for run in runs),
        versions=_versions(runs),
        agents=agents,
        scenarios=scenarios,
        cells=tuple(cells),
        scores=scores,
        curves=curves,
        failed=sum(run.status == "failed" for run in runs),
    )
    return ReportData(facts, tuple(runs), commands=tuple(dict.fromkeys(_commands(runs))))


def metric_of(run: Run, evaluation: EvaluationRecord | None) -> tuple[str, str, Better]:
    """Name, unit and direction of the ranking metric."""
    if evaluation is not None:
        return evaluation.metric, evaluation.unit, evaluation.better
    recorded = run.record.metric
    if recorded is not None:
        return recorded.name, recorded.unit, recorded.better
    named = run.record.scenario.metric
    return named or "return", "", "lower" if named else "higher"


def _all(scores: Mapping[str, Mapping[str, Score]]) -> Iterable[Score]:
    return (score for agents in scores.values() for score in agents.values())


def _title(scenarios: Mapping[str, ScenarioFacts], agents: Mapping[str, AgentFacts]) -> str:
    learned = [name for name, agent in agents.items() if agent.kind == "learned"]
    where = next(iter(scenarios)) if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
    return f"{', '.join(learned) or 'agents'} on {where}"


def _by_agent(runs: Sequence[Run]) -> dict[str, list[Run]]:
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        record = run.record
        decisive = [record.hyperparameters, record.steps, record.init_from]
        settings = json.dumps([*decisive, *(part.to_json() for part in record.code)], sort_keys=True)
        groups.setdefault((run.algorithm, settings), []).append(run)
    named: dict[str, list[Run]] = {}
    for (algorithm, _), group in groups.items():
        taken = sum(name.split(" #")[0] == algorithm for name in named)
        named[f"{algorithm} #{taken + 1}" if taken else algorithm] = sorted(
            group, key=lambda run: run.record.seed
        )
    return named


def _scenario(run: Run, evaluation: EvaluationRecord | None) -> ScenarioFacts:
    recorded = run.record.scenario
    metric, unit, better = metric_of(run, evaluation)
    return ScenarioFacts(
        title=recorded.title,
        task=recorded.task,
        task_version=run.record.task_version,
        hash=run.record.scenario_hash,
        metric=metric,
        unit=unit,
        better=better,
        episodes=evaluation.episodes if evaluation else 0,
        references=tuple(known for known in recorded.references if known.metric in (None, metric)),
        bound=evaluation.bound if evaluation else None,
        optimum=evaluation.optimum if evaluation else None,
        limit=evaluation.limit if evaluation else None,
    )


def _learned_score(runs: Sequence[Run], evaluations: Sequence[EvaluationRecord | None]) -> Score | None:
    """The agent's score: over runs where there are several, over episodes where there is one."""
    rows: list[AgentResult] = []
    best: list[AgentResult | None] = []
    for run, evaluation in zip(runs, evaluations, strict=True):
        if evaluation is not None and run.algorithm in evaluation.agents:
            rows.append(evaluation.agents[run.algorithm])
            best.append(evaluation.agents.get(f"{run.algorithm}-best"))
    if not rows:
        return None
    values = [row.mean for row in rows]
    known = [value for value in values if value is not None]
    score = Score(
        kind="learned",
        runs=len(rows),
        failed=sum(run.status == "failed" for run in runs),
        values=tuple(values),
        mean=_mean(values),
        std=rows[0].std,
        iqm=_mean(values),
        ci95=rows[0].ci95 if len(rows) == 1 else None,
        best=_best([row.mean for row in best if row is not None], best[0] if len(best) == 1 else None),
        metrics=_means([row.metrics for row in rows]),
        reward_terms=_means([row.reward_terms for row in rows]),
        weights=runs[0].record.reward,
        ret=_mean([row.ret for row in rows]),
        length=_mean([row.length for row in rows]),
        sampled=not rows[0].deterministic,
        gap=_mean([row.gap for row in rows]),
        beats=rows[0].beats if len(rows) == 1 else (),
        against_best_baseline=rows[0].against_best_baseline if len(rows) == 1 else None,
    )
    if len(rows) == 1 or len(known) < len(values):
        return score
    interval = iqm_interval([known], Resampler())
    return score.changed(std=float(np.std(known, ddof=1)), iqm=iqm(known), ci95=(interval.low, interval.high))


def _best(values: Sequence[float | None], only: AgentResult | None) -> BestScore | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    interval = only.ci95 if only is not None else tuple(iqm_interval([known], Resampler()))
    return BestScore(mean=_mean(known), iqm=iqm(known), ci95=interval)


def _add_baselines(
    scores: dict[str, Score],
    agents: dict[str, AgentFacts],
    evaluations: Iterable[EvaluationRecord | None],
    learned: set[str],
) -> None:
    """Baselines from the evaluation that played most episodes; they are the same in every run."""
    known = [evaluation for evaluation in evaluations if evaluation is not None]
    if not known:
        return
    fullest = max(known, key=lambda evaluation: evaluation.episodes)
    trained = {name for algorithm in learned for name in (algorithm, f"{algorithm}-best")}
    for name, row in fullest.agents.items():
        if name in trained:
            continue
        agents.setdefault(name, AgentFacts(kind="baseline"))
        scores[name] = Score(
            kind="baseline",
            values=(row.mean,),
            mean=row.mean,
            std=row.std,
            iqm=row.mean,
            ci95=row.ci95,
            metrics=row.metrics,
            reward_terms=row.reward_terms,
            ret=row.ret,
            length=row.length,
            against_best_baseline=row.against_best_baseline,
            gap=row.gap,
        )


def _cell(scenario: str, agent: str, run: Run, evaluation: EvaluationRecord | None) -> CellFacts:
    rows = evaluation.agents if evaluation else {}
    row, best = rows.get(run.algorithm), rows.get(f"{run.algorithm}-best")
    return CellFacts(
        scenario=scenario,
        agent=agent,
        seed=run.record.seed,
        status=run.status,
        value=row.mean if row else None,
        best_value=best.mean if best else None,
        seconds=run.record.seconds,
        run_dir=str(run.path),
        error=run.record.error,
    )


def _curves(runs: Sequence[Run], metric: str) -> AgentCurves:
    logs = [new_progress(run.path / PROGRESS)[0] for run in runs]
    terms = dict.fromkeys(name for log in logs for row in log for name in row if name.startswith("term/"))
    return AgentCurves(
        training=_curve(logs, metric_figure(metric)),
        validation=_curve(logs, validation_figure(metric)),
        returns=_curve(logs, "return"),
        terms={name.removeprefix("term/"): _curve(logs, name) for name in terms},
    )


def _curve(logs: Sequence[Sequence[ProgressRow]], name: str) -> Curve | None:
    """One run's curve as it is, several as their mean with a band."""
    columns = [pairs for pairs in (column(log, name) for log in logs) if pairs[0]]
    if not columns:
        return None
    if len(columns) == 1:
        steps, values = columns[0]
        return Curve(steps=tuple(steps), mean=tuple(values))
    mean = band(columns, points=min(100, max(len(steps) for steps, _ in columns)))
    if mean is None:
        return None
    return Curve(
        steps=tuple(mean.steps.tolist()),
        mean=tuple(mean.mean.tolist()),
        low=tuple(mean.low.tolist()),
        high=tuple(mean.high.tolist()),
        runs=mean.runs,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _means(records: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _mean([record.get(name) for record in records]) for name in names}


def _versions(runs: Sequence[Run]) -> dict[str, tuple[str, ...]]:
    versions: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, version in run.record.packages.items():
            versions.setdefault(name, {})[version] = None
    return {name: tuple(known) for name, known in versions.items()}


def _commands(runs: Sequence[Run]) -> Iterable[str]:
    for run in runs:
        if run.record.command:
            yield shlex.join(run.record.command)
        yield f"sandbox run --from {shlex.quote(str(run.path))}"

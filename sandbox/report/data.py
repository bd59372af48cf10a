"""What a report tells, from run directories or from a comparison: one shape for both."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import InvalidValueError, SandboxError
from sandbox.report.files import (
    COMPARISON,
    PROGRESS,
    AgentCurves,
    AgentFacts,
    BestPolicy,
    CellFacts,
    ComparisonFile,
    CurveFacts,
    EvaluationFile,
    KnownValue,
    ScenarioFacts,
    Score,
    column,
    metric_of,
    read_comparison,
    read_evaluation,
    read_progress,
)
from sandbox.runs.directory import RECORD, Run
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

    facts: ComparisonFile
    runs: tuple[Run, ...]
    missing: tuple[str, ...] = ()
    folder: Path | None = None
    commands: tuple[str, ...] = field(default=())


def read_report_data(paths: Sequence[str | Path]) -> ReportData:
    """What there is to tell of a comparison's folder, or of run directories.

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
            f"'{grids[0]}' is a comparison, and a report tells of one comparison or of runs.",
            "Name the comparison alone.",
        )
    return _of_comparison(grids[0]) if grids else data_of_runs([Run.open(folder) for folder in folders])


def _folder(path: str | Path) -> Path:
    given = Path(path)
    return given.parent if given.name in (COMPARISON, RECORD) else given


def _of_comparison(folder: Path) -> ReportData:
    facts = read_comparison(folder)
    root = folder.parent.parent  # runs/comparisons/<name>
    runs, missing = [], []
    for cell in facts.cells:
        if cell.run_dir is None:
            continue
        path = (root / cell.run_dir).resolve()
        try:
            if not path.is_relative_to(root.resolve()):
                raise InvalidValueError(f"'{cell.run_dir}' lies outside the runs directory.")
            runs.append(Run.open(path))
        except SandboxError as error:  # a run that was removed must not hide the rest
            missing.append(error.message)
    command = facts.command if isinstance(facts.command, str) else shlex.join(facts.command or ())
    return ReportData(facts, tuple(runs), tuple(missing), folder, (command,) if command else ())


def data_of_runs(runs: Sequence[Run]) -> ReportData:
    """Runs as a comparison: runs of one algorithm with the same settings on one scenario are one agent."""
    scenarios: dict[str, ScenarioFacts] = {}
    agents: dict[str, AgentFacts] = {}
    scores: dict[str, dict[str, Score]] = {}
    curves: dict[str, dict[str, AgentCurves]] = {}
    cells: list[CellFacts] = []
    for name, same in _by_scenario(runs).items():
        evaluations = {run.path: read_evaluation(run) for run in same}
        scenarios[name] = _scenario(same[0], next((one for one in evaluations.values() if one), None))
        scores[name], curves[name] = {}, {}
        for agent, own in _by_agent(same).items():
            first = own[0].record
            agents[agent] = AgentFacts(
                kind="learned",
                algorithm=own[0].algorithm,
                hyperparameters=first.get("hyperparameters"),
                steps=first.get("steps"),
            )
            learned = _learned_score(own, [evaluations[run.path] for run in own])
            if learned is not None:
                scores[name][agent] = learned
            curves[name][agent] = _curves(own, scenarios[name].metric)
            cells += [_cell(name, agent, run, evaluations[run.path]) for run in own]
        _add_baselines(scores[name], agents, evaluations.values(), {run.algorithm for run in same})
    facts = ComparisonFile(
        format=1,
        suite="runs",
        title=_title(scenarios, agents),
        status="complete" if all(run.status == "done" for run in runs) else "incomplete",
        exploratory=any(score.kind == "learned" and score.runs < MIN_RUNS for score in _all(scores)),
        seconds=sum(float(run.record.get("seconds") or 0) for run in runs),
        versions=_versions(runs),
        agents=agents,
        scenarios=scenarios,
        cells=cells,
        scores=scores,
        curves=curves,
        failed=sum(run.status == "failed" for run in runs),
    )
    return ReportData(facts, tuple(runs), commands=tuple(dict.fromkeys(_commands(runs))))


def _all(scores: Mapping[str, Mapping[str, Score]]) -> Iterable[Score]:
    return (score for agents in scores.values() for score in agents.values())


def _title(scenarios: Mapping[str, ScenarioFacts], agents: Mapping[str, AgentFacts]) -> str:
    learned = [name for name, agent in agents.items() if agent.kind == "learned"]
    where = next(iter(scenarios)) if len(scenarios) == 1 else f"{len(scenarios)} scenarios"
    return f"{', '.join(learned) or 'agents'} on {where}"


def _by_scenario(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Runs of one scenario with the same content hash belong together; others get a name of their own."""
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        key = (str(run.record["scenario_id"]), str(run.record.get("scenario_hash", "")))
        groups.setdefault(key, []).append(run)
    names = [key[0] for key in groups]
    return {
        name if names.count(name) == 1 else f"{name} ({hashed[:8]})": found
        for (name, hashed), found in groups.items()
    }


def _by_agent(runs: Sequence[Run]) -> dict[str, list[Run]]:
    groups: dict[tuple[str, str], list[Run]] = {}
    for run in runs:
        settings = [run.record.get("hyperparameters"), run.record.get("steps"), run.record.get("init_from")]
        groups.setdefault((run.algorithm, json.dumps(settings, sort_keys=True)), []).append(run)
    named: dict[str, list[Run]] = {}
    for (algorithm, _), found in groups.items():
        taken = sum(name.split(" #")[0] == algorithm for name in named)
        named[f"{algorithm} #{taken + 1}" if taken else algorithm] = sorted(
            found, key=lambda run: int(run.record["seed"])
        )
    return named


def _scenario(run: Run, evaluation: EvaluationFile | None) -> ScenarioFacts:
    recorded = run.record["scenario"]
    metric, unit, better = metric_of(run, evaluation)
    references = []
    for one in recorded.get("references") or ():
        try:
            references.append(KnownValue.model_validate(one))
        except ValueError:
            continue
    return ScenarioFacts(
        title=str(recorded.get("title", "")),
        task=str(recorded.get("task", "")),
        task_version=run.record.get("task_version"),
        hash=str(run.record.get("scenario_hash", "")),
        metric=metric,
        unit=unit,
        better=better,
        episodes=evaluation.episodes if evaluation else 0,
        references=[one for one in references if one.metric in (None, metric)],
    )


def _learned_score(runs: Sequence[Run], evaluations: Sequence[EvaluationFile | None]) -> Score | None:
    """The agent's score: over runs where there are several, over episodes where there is one."""
    rows = []
    best = []
    for run, found in zip(runs, evaluations, strict=True):
        if found is not None and run.algorithm in found.agents:
            rows.append(found.agents[run.algorithm])
            best.append(found.agents.get(f"{run.algorithm}-best"))
    if not rows:
        return None
    failed = sum(run.status == "failed" for run in runs)
    values = [row.mean for row in rows]
    shared: dict[str, Any] = {
        "kind": "learned",
        "runs": len(rows),
        "failed": failed,
        "values": values,
        "metrics": _means([row.metrics for row in rows]),
        "reward_terms": _means([row.reward_terms for row in rows]),
        "weights": runs[0].record.get("reward") or {},
        "return": _mean([row.ret for row in rows]),
        "length": _mean([row.length for row in rows]),
        "sampled": not rows[0].deterministic,
        "against_best_baseline": rows[0].against_best_baseline if len(rows) == 1 else None,
        "best": _best([row.mean for row in best if row is not None], best[0] if len(best) == 1 else None),
    }
    known = [value for value in values if value is not None]
    if len(rows) == 1 or len(known) < len(values):
        only = rows[0]
        return Score(
            mean=_mean(values),
            std=only.std,
            iqm=_mean(values),
            ci95=only.ci95 if len(rows) == 1 else None,
            **shared,
        )
    interval = iqm_interval([known], Resampler())
    return Score(
        mean=_mean(values),
        std=float(np.std(known, ddof=1)),
        iqm=iqm(known),
        ci95=(interval.low, interval.high),
        **shared,
    )


def _best(values: Sequence[float | None], only: Any) -> BestPolicy | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    interval = only.ci95 if only is not None else tuple(iqm_interval([known], Resampler()))
    return BestPolicy(mean=_mean(known), iqm=iqm(known), ci95=interval)


def _add_baselines(
    scores: dict[str, Score],
    agents: dict[str, AgentFacts],
    evaluations: Iterable[EvaluationFile | None],
    learned: set[str],
) -> None:
    """Baselines from the evaluation that played most episodes; they are the same in every run."""
    found = [one for one in evaluations if one is not None]
    if not found:
        return
    fullest = max(found, key=lambda one: one.episodes)
    own = {name for algorithm in learned for name in (algorithm, f"{algorithm}-best")}
    for name, row in fullest.agents.items():
        if name in own:
            continue
        agents.setdefault(name, AgentFacts(kind="baseline"))
        scores[name] = Score.model_validate(
            {
                "kind": "baseline",
                "values": [row.mean],
                "mean": row.mean,
                "std": row.std,
                "iqm": row.mean,
                "ci95": row.ci95,
                "metrics": row.metrics,
                "reward_terms": row.reward_terms,
                "return": row.ret,
                "length": row.length,
                "against_best_baseline": row.against_best_baseline,
            }
        )


def _cell(scenario: str, agent: str, run: Run, evaluation: EvaluationFile | None) -> CellFacts:
    rows = evaluation.agents if evaluation else {}
    row, best = rows.get(run.algorithm), rows.get(f"{run.algorithm}-best")
    return CellFacts(
        scenario=scenario,
        agent=agent,
        seed=int(run.record["seed"]),
        status=run.status,
        value=row.mean if row else None,
        best_value=best.mean if best else None,
        seconds=run.record.get("seconds"),
        run_dir=str(run.path),
        error=run.record.get("error"),
    )


def _curves(runs: Sequence[Run], metric: str) -> AgentCurves:
    records = [read_progress(run.path / PROGRESS)[0] for run in runs]
    terms = dict.fromkeys(
        name for own in records for record in own for name in record if name.startswith("term/")
    )
    return AgentCurves.model_validate(
        {
            "training": _curve(records, metric),
            "validation": _curve(records, f"validation/{metric}"),
            "return": _curve(records, "return"),
            "terms": {name.removeprefix("term/"): _curve(records, name) for name in terms},
        }
    )


def _curve(records: Sequence[Sequence[Mapping[str, float | None]]], name: str) -> CurveFacts | None:
    """One run's curve as it is, several as their mean with a band."""
    own = [pairs for pairs in (column(run, name) for run in records) if pairs[0]]
    if not own:
        return None
    if len(own) == 1:
        steps, values = own[0]
        return CurveFacts(steps=steps, mean=values)
    mean = band(own, points=min(100, max(len(steps) for steps, _ in own)))
    if mean is None:
        return None
    return CurveFacts(
        steps=mean.steps.tolist(),
        mean=_plain(mean.mean),
        low=_plain(mean.low),
        high=_plain(mean.high),
        runs=mean.runs,
    )


def _plain(values: Any) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def _means(records: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for record in records for name in record)
    return {name: _mean([record.get(name) for record in records]) for name in names}


def _versions(runs: Sequence[Run]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = {}
    for run in runs:
        for name, version in (run.record.get("packages") or {}).items():
            found.setdefault(str(name), {})[str(version)] = None
    return {name: list(versions) for name, versions in found.items()}


def _commands(runs: Sequence[Run]) -> Iterable[str]:
    for run in runs:
        if run.record.get("command"):
            yield shlex.join(run.record["command"])
        yield f"sandbox run --from {shlex.quote(str(run.path))}"

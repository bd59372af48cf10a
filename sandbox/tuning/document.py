"""A search as a document: what is decided before it begins, and what ``tuning.json`` holds of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.records.base import strict
from sandbox.records.status import TrialState
from sandbox.records.tuning import (
    FORMAT,
    TUNING,
    BestTrial,
    BudgetRecord,
    PresetRecord,
    RangeRecord,
    TrialCounts,
    TrialRecord,
    TuningRecord,
)
from sandbox.registry.resolve import resolve
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.plan import Plan
from sandbox.tuning.spaces import Space, as_json
from sandbox.tuning.study import best_trial, importances

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial


@dataclass(frozen=True)
class Search:
    """Everything about a search, decided."""

    scenario: ResolvedScenario  # its validation seeds are tuning seeds
    original: ResolvedScenario
    plan: Plan
    space: Space
    seeds: tuple[int, ...]
    episodes: tuple[int, ...]
    folder: Path
    name: str
    trials: int


def record_of(
    search: Search, study: Study, command: Sequence[str] | None, whole: bool = True
) -> TuningRecord:
    """What ``tuning.json`` holds of a search: settings, counts, every trial, the best.

    Args:
        search: The search.
        study: Optuna's study.
        command: The command line that asked for it.
        whole: Compute the importances too, which takes seconds in long studies.
    """
    trials = [trial for trial in map(_trial, study.get_trials(deepcopy=False)) if trial is not None]
    best = best_trial(study)
    preset = None
    if best is not None:
        chosen = json.loads(best.user_attrs["hyperparameters"])
        preset = _preset(search.plan, {**search.plan.config.model_dump(mode="json"), **chosen})
    states: tuple[TrialState, ...] = ("complete", "pruned", "failed", "running")
    metric = search.scenario.metric
    return TuningRecord(
        format=FORMAT,
        scenario=search.scenario.spec.id,
        scenario_hash=search.original.hash,
        algorithm=search.plan.asked,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        folder=str(search.folder),
        study=search.name,
        command=tuple(command) if command is not None else None,
        budget=BudgetRecord(steps=search.plan.steps, seeds=search.seeds, episodes=len(search.episodes)),
        space={
            name: RangeRecord.model_validate(strict(item)) for name, item in as_json(search.space).items()
        },
        wanted=search.trials,
        counts=TrialCounts(**{state: sum(trial.state == state for trial in trials) for state in states}),
        steps_spent=sum(trial.steps for trial in trials),
        best=None if best is None else BestTrial(trial=best.number, value=best.value),
        preset=preset,
        importances=importances(study) if whole else {},
        trials=tuple(trials),
        comparison=None,
    )


_STATES: dict[str, TrialState] = {
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
}
"""Optuna's states as the record states them; a trial that waits is left out."""


def _trial(trial: FrozenTrial) -> TrialRecord | None:
    state = _STATES.get(trial.state.name)
    if state is None:
        return None
    seconds = None
    if trial.datetime_start is not None and trial.datetime_complete is not None:
        seconds = round((trial.datetime_complete - trial.datetime_start).total_seconds(), 1)
    return TrialRecord(
        number=trial.number,
        state=state,
        value=trial.value,
        values=tuple(json.loads(trial.user_attrs.get("values", "[]"))),
        hyperparameters=json.loads(trial.user_attrs.get("hyperparameters", "{}")),
        steps=int(trial.user_attrs.get("steps", 0)),
        seconds=seconds,
        error=trial.user_attrs.get("error"),
    )


def _preset(plan: Plan, settings: Mapping[str, Any]) -> PresetRecord:
    """The settings as a scenario file holds them: what differs from the algorithm's defaults."""
    model = resolve(plan.algorithm.config)
    full = model.model_validate(dict(settings)).model_dump(mode="json")
    defaults = {
        name: info.get_default(call_default_factory=True)
        for name, info in model.model_fields.items()
        if not info.is_required()
    }
    plain = json.loads(json.dumps(defaults, default=list))
    differing = {name: value for name, value in full.items() if name not in plain or plain[name] != value}
    return PresetRecord(steps=plan.steps, num_envs=plan.num_envs, hyperparameters=differing)


def write_record(folder: Path, record: TuningRecord) -> None:
    """Put ``tuning.json`` into the search's folder, whole or not at all."""
    with storage_errors(folder):
        write_atomically(folder / TUNING, record.encode(indent=1))

"""A search as a document: what is decided before it begins, and what ``tuning.json`` says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.registry.resolve import resolve
from sandbox.runs.atomic import storage_errors, write_atomically
from sandbox.runs.directory import strict
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.plan import Plan
from sandbox.tuning.spaces import Space, as_json
from sandbox.tuning.study import best_trial, importances

FORMAT = 1


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


def document_of(
    search: Search, study: Any, command: Sequence[str] | None, whole: bool = True
) -> dict[str, Any]:
    """What ``tuning.json`` holds of a search: settings, counts, every trial, the best.

    Args:
        search: The search.
        study: Optuna's study.
        command: The command line that asked for it.
        whole: Compute the importances too, which takes seconds in long studies.
    """
    trials = [_described(trial) for trial in study.get_trials(deepcopy=False)]
    trials = [trial for trial in trials if trial["state"] != "waiting"]
    best = best_trial(study)
    preset = None
    if best is not None:
        chosen = json.loads(best.user_attrs["hyperparameters"])
        preset = _preset(search.plan, {**search.plan.config.model_dump(mode="json"), **chosen})
    counts = {
        state: sum(trial["state"] == state for trial in trials)
        for state in ("complete", "pruned", "failed", "running")
    }
    return {
        "format": FORMAT,
        "scenario": search.scenario.spec.id,
        "scenario_hash": search.original.hash,
        "algorithm": search.plan.asked,
        "metric": search.scenario.metric.name,
        "unit": search.scenario.metric.unit,
        "better": search.scenario.metric.better,
        "folder": str(search.folder),
        "study": search.name,
        "command": list(command) if command is not None else None,
        "budget": {
            "steps": search.plan.steps,
            "seeds": list(search.seeds),
            "episodes": len(search.episodes),
        },
        "space": as_json(search.space),
        "wanted": search.trials,
        "counts": counts,
        "steps_spent": sum(trial["steps"] for trial in trials),
        "best": None if best is None else {"trial": best.number, "value": best.value},
        "preset": preset,
        "importances": importances(study) if whole else {},
        "trials": trials,
        "comparison": None,
    }


def _described(trial: Any) -> dict[str, Any]:
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
    seconds = None
    if trial.datetime_start is not None and trial.datetime_complete is not None:
        seconds = round((trial.datetime_complete - trial.datetime_start).total_seconds(), 1)
    return {
        "number": trial.number,
        "state": names.get(trial.state.name, "waiting"),
        "value": trial.value,
        "values": json.loads(trial.user_attrs.get("values", "[]")),
        "hyperparameters": json.loads(trial.user_attrs.get("hyperparameters", "{}")),
        "steps": int(trial.user_attrs.get("steps", 0)),
        "seconds": seconds,
        "error": trial.user_attrs.get("error"),
    }


def _preset(plan: Plan, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as a scenario file holds them: what differs from the algorithm's defaults."""
    model = resolve(plan.algorithm.config)
    full = model.model_validate(dict(settings)).model_dump(mode="json")
    defaults = {
        name: info.get_default(call_default_factory=True)
        for name, info in model.model_fields.items()
        if not info.is_required()
    }
    plain = json.loads(json.dumps(defaults, default=list))
    changed = {name: value for name, value in full.items() if name not in plain or plain[name] != value}
    return {"steps": plan.steps, "num_envs": plan.num_envs, "hyperparameters": changed}


def write_document(folder: Path, document: Mapping[str, Any]) -> None:
    """Put ``tuning.json`` into the search's folder, whole or not at all."""
    text = json.dumps(strict(document), indent=1, allow_nan=False)
    with storage_errors(folder):
        write_atomically(folder / "tuning.json", f"{text}\n".encode())

"""The settings of a run as flat names and values: for tables, columns and differences."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.records.run import RunRecord

Setting = str | int | float | bool | None
Settings = dict[str, Setting]
"""Values by name; names are as they are typed: ``config.demand``, ``hp.learning_rate``, ``reward.queue``."""


def settings_of(record: RunRecord) -> Settings:
    """All that was asked of a run, its seed included."""
    named = ("algorithm", "seed", "steps", "num_envs", "init_from", "expert")
    flat: Settings = {name: getattr(record, name) for name in named if getattr(record, name) is not None}
    if record.data is not None:
        flat["data"] = record.data.path
    groups = {"hp": record.hyperparameters, **_groups_of_problem(record)}
    return flat | {
        f"{group}.{name}": _plain(value) for group, of in groups.items() for name, value in of.items()
    }


def problem_settings(record: RunRecord) -> Settings:
    """What makes the problem that a run was trained on: parameters, reward, and how it is tested."""
    flat = {
        f"{group}.{name}": _plain(value)
        for group, of in _groups_of_problem(record).items()
        for name, value in of.items()
    }
    metric = record.metric.name if record.metric is not None else record.scenario.metric
    return flat | {"task version": record.task_version, "metric": metric}


def differing(settings: Sequence[Mapping[str, Setting]]) -> list[str]:
    """Names whose values are not the same in all; one that is missing somewhere differs."""
    names = dict.fromkeys(name for of in settings for name in of)
    return [name for name in names if len({_key(of.get(name, _MISSING)) for of in settings}) > 1]


def worded(settings: Mapping[str, Setting], names: Sequence[str], most: int = 4) -> str:
    """Settings in a line: ``config.demand 1.5, reward.queue -1``."""
    shown = [f"{name} {_word(settings.get(name))}" for name in names[:most]]
    return ", ".join(shown + (["…"] if len(names) > most else []))


_MISSING = "\0"
_EVALUATION = ("config", "seeds")


def _groups_of_problem(record: RunRecord) -> dict[str, Mapping[str, Any]]:
    spec = record.scenario.to_json()
    evaluation = spec.get("evaluation")
    tested = evaluation if isinstance(evaluation, dict) else {}
    return {
        "config": record.config,
        "reward": record.reward,
        "evaluation": {name: tested[name] for name in _EVALUATION if tested.get(name)},
        "scenario": {name: spec[name] for name in ("observe",) if spec.get(name)},
    }


def _plain(value: Any) -> Setting:
    return value if value is None or isinstance(value, str | int | float | bool) else json.dumps(value)


def _key(value: Setting) -> tuple[str, Setting]:
    # 1 and 1.0 are one value, 1 and True are two.
    return ("bool" if isinstance(value, bool) else "value", value)


def _word(value: Setting) -> str:
    if value is None:
        return "none"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"

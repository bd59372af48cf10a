"""What ``--set`` and suites change of a scenario, put where it belongs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import InvalidValueError, UnknownNameError
from sandbox.registry.resolve import resolve
from sandbox.scenarios.files import input_fields, located, named_files
from sandbox.scenarios.overrides import merged, shorten
from sandbox.scenarios.paths import absolute_path

if TYPE_CHECKING:
    from sandbox.api.domain import Task
    from sandbox.api.types import Json


def apply(raw: Json, assignments: Mapping[str, Any], task: Task, folder: Path) -> None:
    """Put ``--set`` pairs where they belong, refusing keys that nothing knows.

    Args:
        raw: The scenario as plain values; changed.
        assignments: The pairs.
        task: The scenario's task.
        folder: Where relative paths start.
    """
    model = resolve(task.config)
    fields, files = set(model.model_fields), input_fields(model)
    for key, given in assignments.items():
        plain = key.removeprefix("config.")
        first = plain.partition(".")[0]
        value = given
        if first in files:
            value = located(given, files[first], partial(absolute_path, folder, what=f"--set {key}"))
        if first in fields:
            raw["config"] = merged(raw["config"], {plain: value})
            # The command means every episode, also where the file's evaluation says otherwise.
            raw["evaluation"]["config"].pop(plain, None)
        elif key.startswith("evaluation."):
            raw["evaluation"] = merged(raw["evaluation"], {key.removeprefix("evaluation."): value})
        elif key in ("metric", "steps", "observe"):
            raw[key] = value
        else:
            known = [*fields, "metric", "steps", "observe", "evaluation.episodes"]
            raise UnknownNameError("setting", shorten(key), known)


def apply_stated(raw: Json, stated: Mapping[str, Any], task: Task, file: Path | None) -> None:
    """Apply what another file changes; the input files that it names lie beside or below it.

    Raises:
        InvalidValueError: If it names an input file elsewhere.
    """
    before = {name: dict(section) for name, section in _sections(raw).items()}
    folder = (file.parent if file is not None else Path.cwd()).resolve()
    apply(raw, stated, task, folder)
    if file is None:
        return
    for section, values in _sections(raw).items():
        for name, mark in input_fields(resolve(task.config)).items():
            value = values.get(name)
            if value == before[section].get(name):
                continue
            locate = partial(_inside, folder, file, f"{section}.{name}")
            for text in named_files(value, mark):
                locate(text)
            if value:
                values[name] = located(value, mark, locate)


def _inside(folder: Path, file: Path, key: str, text: str) -> Path:
    path = absolute_path(folder, text, f"{file}: {key}")
    if not path.is_relative_to(folder):
        raise InvalidValueError(
            f"{file}: {key} is '{shorten(text)}', outside the file's folder.",
            f"A suite may name files beside and below it; --set {key}=PATH any file.",
        )
    return path


def _sections(raw: Json) -> dict[str, Json]:
    return {"config": raw["config"], "evaluation.config": raw["evaluation"]["config"]}

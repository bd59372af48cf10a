"""The lock file: what an episode of each task was like at each version, so that no change goes unsaid."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api.errors import BrokenFileError, InvalidValueError
from sandbox.api.types import Json
from sandbox.records.base import encode_json
from sandbox.registry.discover import registry
from sandbox.runs.code import LOCK
from sandbox.testing.causes import parameters_with_effect, without_effect
from sandbox.testing.play import COMPARED, Answer, Chooser, steps
from sandbox.testing.subjects import Subject
from sandbox.testing.survey import LONGEST, SEEDS
from sandbox.testing.verdicts import NotApplicable, Violation

STEPS = 300
"""Most steps of an episode that take part."""

DIGITS = 5
"""Significant digits that take part: libraries of other machines round the last ones differently."""


def locked(subject: Subject) -> None:
    """An episode and what parameters affect are as in the lock file, unless the version was raised since."""
    known = _read(lock_file(subject)).get(subject.name)
    if known is None:
        raise NotApplicable(f"{LOCK} does not list it: plugin check {subject.domain.name} --lock does")
    if known["version"] != subject.task.version:
        raise Violation(
            f"{LOCK} is of version {known['version']}, the task of {subject.task.version}: plugin check "
            f"{subject.domain.name} --lock brings it up to date"
        )
    present = episode(subject)
    if known.get("instance") != present["instance"]:
        raise Violation(
            f"{LOCK} is of another small instance, so nothing can be said of changes: where parameters or "
            f"scenarios were meant to change, plugin check {subject.domain.name} --lock brings it up to date"
        )
    parted = [name for name, value in present["parts"].items() if known["parts"].get(name) != value]
    parted += [name for name in known["parts"] if name not in present["parts"]]
    if parted:
        raise Violation(
            f"{', '.join(parted)} of the episode with seed {SEEDS[0]} differ from those in {LOCK}, but the "
            f"task is still of version {known['version']}: raise Task.version, or take the change back"
        )
    if silent := without_effect(subject, known.get("effective", ())):
        raise Violation(
            f"config.{', config.'.join(silent)} has no effect any more, as it had when {LOCK} was written, "
            f"but the task is of version {known['version']} still: raise Task.version, or take it back"
        )


def episode(subject: Subject) -> Json:
    """A digest of each part of what an episode of random play answers, as a lock file holds it."""
    sums: dict[str, Any] = {}
    with subject.env() as env:
        choose = Chooser(env, seed=0)
        # Whatever time it takes: a shorter episode has another digest.
        for _, answer in steps(env, choose, SEEDS[0], min(STEPS, LONGEST), math.inf):
            for name, value in _parts(answer).items():
                _feed(sums.setdefault(name, hashlib.sha256()), value)
    instance = json.dumps(subject.scenario.config.model_dump(mode="json"), sort_keys=True, default=str)
    return {
        "version": subject.task.version,
        "instance": hashlib.sha256(instance.encode()).hexdigest()[:16],
        "parts": {name: total.hexdigest()[:16] for name, total in sorted(sums.items())},
    }


def lock_file(subject: Subject) -> Path:
    """Where a domain's lock file lies: beside its ``plugin.py``."""
    known, name = registry().domains, subject.domain.name
    file = known.source(name).module_file() if name in known.names() else None
    if file is None:
        raise NotApplicable("the plugin has no file beside which a lock file could lie")
    return file.parent / LOCK


def write_lock(chosen: list[Subject]) -> Path:
    """Write the episodes of a domain's tasks into its lock file.

    Raises:
        InvalidValueError: If it cannot be written.
    """
    path = lock_file(chosen[0])
    entries = {
        subject.name: episode(subject) | {"effective": parameters_with_effect(subject)}
        for subject in chosen
        if not subject.missing
    }
    content = encode_json({**_read(path), **entries}, indent=2)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InvalidValueError(f"{path} cannot be written: {error.strerror}.") from error
    return path


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenFileError(path, f"cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise BrokenFileError(path, "is not a lock file")
    return document


def _parts(answer: Answer) -> dict[str, Any]:
    parts = {
        "observation": answer.observation,
        "reward": answer.reward,
        "ends": [bool(answer.terminated), bool(answer.truncated)],
    }
    return parts | {name: answer.info[name] for name in COMPARED if name in answer.info}


def _feed(total: Any, value: object) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            total.update(f"{key}\0".encode())
            _feed(total, value[key])
        return
    if isinstance(value, list | tuple):
        for item in value:
            _feed(total, item)
        return
    array = np.asarray(value)
    if array.dtype.kind == "f":
        text = ",".join(f"{number + 0.0:.{DIGITS}g}" for number in array.ravel().tolist())
    else:
        text = repr(array.tolist())
    total.update(text.encode())

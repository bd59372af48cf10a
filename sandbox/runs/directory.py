"""The run directory: layout, atomic writes, reading back.

Every file is written beside its place, flushed to the disk and moved in, so that a process that dies
at any instant leaves each file either whole or absent.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.api.errors import BrokenFileError, DamagedRunError
from sandbox.runs.artifacts import (
    listed_sums,
    read_artifact,
)
from sandbox.runs.checksums import (
    is_sealed,
    unchain,
    unseal,
)
from sandbox.runs.process import _alive

FORMAT = 2
"""Version of the run directory's layout. Version 1 had no sums and is still read."""

READABLE = (1, 2)

RECORD = "run.json"
PROGRESS = "progress.jsonl"
POLICY = "policy"
BEST = "policy/best"


@dataclass(frozen=True)
class Run:
    """A run directory.

    Attributes:
        path: The directory.
        record: Content of ``run.json`` when it was opened.
    """

    path: Path
    record: dict[str, Any] = field(repr=False)

    @staticmethod
    def open(path: str | Path) -> Run:
        """Read a run directory.

        Raises:
            DamagedRunError: If it is not one, is damaged, or was made by another version.
        """
        folder = Path(path)
        file = folder / RECORD
        if not folder.is_dir() or not file.is_file():
            raise DamagedRunError(
                f"'{folder}' is not a run directory: it has no {RECORD}.", "See sandbox runs."
            )
        try:
            content = file.read_bytes()
            record = unseal(content) if is_sealed(content) else json.loads(content)
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedRunError(f"{file} cannot be read: {error}.") from error
        if not isinstance(record, dict) or not isinstance(record.get("format"), int):
            raise DamagedRunError(f"{file} is not the record of a run.")
        if record["format"] not in READABLE:
            packages = record.get("packages")
            maker = packages.get("sandbox-rl") if isinstance(packages, dict) else None
            raise DamagedRunError(
                f"'{folder}' has run format {record['format']}, this version reads format {FORMAT}.",
                f"It was made by sandbox-rl {maker}." if isinstance(maker, str) else "",
            )
        if record["format"] > 1 and not is_sealed(content):
            raise DamagedRunError(f"{file} is damaged: it does not end with its sum.")
        complaint = _complaint(record)
        if complaint:
            raise DamagedRunError(f"{file} is damaged: {complaint}.")
        return Run(folder, record)

    @property
    def algorithm(self) -> str:
        """The algorithm as it was asked for."""
        return str(self.record["algorithm"])

    @property
    def scenario(self) -> Any:
        """The `sandbox.scenarios.resolve.Problem` that the run was trained on."""
        from sandbox.scenarios.resolve import from_record

        return from_record(self.record["scenario"], Path(self.record.get("folder", ".")))

    @property
    def status(self) -> str:
        """One of running, done, failed, interrupted; dead for a run whose process is gone."""
        status = str(self.record["status"])
        return "dead" if status == "running" and not _alive(self.record.get("process", {})) else status

    def policy_folder(self, which: str = "final") -> Path:
        """Where the final or the best-validation policy lies.

        Raises:
            DamagedRunError: If the run has no such policy (yet).
        """
        folder = self.path / (BEST if which == "best" else POLICY)
        if not (folder / "policy.json").is_file():
            raise DamagedRunError(
                f"The run '{self.path}' has no {which} policy; its status is {self.status}.",
                "Training must end before its policy can be used.",
            )
        return folder

    @property
    def policy(self) -> Any:
        """The final policy, ready to act."""
        from sandbox.registry.policies import load_policy

        return load_policy(self.policy_folder())


def runs(root: str | Path) -> Iterator[Run | BrokenFileError]:
    """Every run below a directory, oldest first; a damaged one as the error that says why."""
    folders = [file.parent for file in Path(root).glob(f"*/*/*/*/{RECORD}")]
    for folder in sorted(folders, key=lambda path: (path / RECORD).stat().st_mtime):
        try:
            yield Run.open(folder)
        except DamagedRunError as error:
            yield BrokenFileError(folder, error.message)


def progress(run: Run) -> list[dict[str, Any]]:
    """The records of ``progress.jsonl``; an unfinished last line is left out.

    Raises:
        DamagedRunError: If a line is not what was written.
    """
    file = run.path / PROGRESS
    if not file.is_file():
        if PROGRESS in listed_sums(run.path):
            raise DamagedRunError(f"{file} is missing.")
        return []
    if PROGRESS in listed_sums(run.path):
        read_artifact(run.path, PROGRESS)
    records: list[dict[str, Any]] = []
    total = 0
    try:
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        for line in lines:
            if run.record["format"] == 1:
                records.append(json.loads(line))
                continue
            record, total = unchain(total, line)
            records.append(record)
    except UnicodeDecodeError as error:
        raise DamagedRunError(f"{file} is damaged: {error}.") from error
    except ValueError as error:
        raise DamagedRunError(f"{file}, line {len(records) + 1} is damaged: {error}.") from error
    return records


def strict(value: Any) -> Any:
    """``value`` as strict JSON can hold it: NaN and infinities become null, NumPy scalars plain ones."""
    if isinstance(value, Mapping):
        return {str(key): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


_ENTRIES: dict[str, Any] = {
    "scenario_id": str,
    "scenario": dict,
    "algorithm": str,
    "seed": int,
    "status": str,
    "scenario_hash": str,
    "scenario_file": str | None,
    "folder": str,
    "hyperparameters": dict,
    "reward": dict,
    "packages": dict,
    "process": dict,
    "steps": int,
    "steps_done": int,
    "num_envs": int,
    "init_from": str | None,
    "command": list | None,
    "started": str,
    "error": str,
    "seconds": int | float,
    "train_seconds": int | float,
    "steps_per_second": int | float,
    "best": dict | None,
    "evaluate": int | None,
    "checkpoint_every": int | float,
    "resumed": list,
}
"""Types of what a record holds; more may be there."""

_REQUIRED = ("scenario", "algorithm", "seed", "status", "scenario_id")


def _complaint(record: Mapping[str, Any]) -> str | None:
    """What is wrong with a record; None where it can be relied on."""
    for name in _REQUIRED:
        if name not in record:
            return f"'{name}' is missing"
    for name, kind in _ENTRIES.items():
        value = record.get(name)
        if name in record and (not isinstance(value, kind) or isinstance(value, bool)):
            return f"'{name}' is of the wrong type"
    if not all(isinstance(word, str) for word in record.get("command") or ()):
        return "'command' holds something that is no text"
    best = record.get("best")
    if best is not None and not (
        type(best.get("steps")) is int and type(best.get("metric", "")) in (int, float, type(None))
    ):
        return "'best' must hold steps and metric"
    return None

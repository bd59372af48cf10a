"""Stops a training at a checkpoint as if the process had died, and compares what comes of going on."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from sandbox.api import read_state
from sandbox.evaluation.progress import Silent
from sandbox.runs.directory import Run, progress
from sandbox.runs.writer import RunWriter
from sandbox.training.train import train
from sandbox.workflow import resume


class Killed(BaseException):
    """Stands for the end of the process."""


class Heard(Silent):
    """Keeps the messages."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def message(self, text: str) -> None:
        self.messages.append(text)


@contextmanager
def killed_at(checkpoint: int) -> Iterator[None]:
    """The process dies right after it has written this many checkpoints."""
    real, written = RunWriter.checkpoint, 0

    def write(self: RunWriter, *arguments: Any) -> Path:
        nonlocal written
        path = real(self, *arguments)
        written += 1
        if written == checkpoint:
            raise Killed
        return path

    def nothing(*arguments: Any, **more: Any) -> None:
        return None

    with (
        mock.patch.object(RunWriter, "checkpoint", write),
        mock.patch("sandbox.training.train._Training._record_failure", nothing),
    ):
        yield


@contextmanager
def checkpoints_kept() -> Iterator[None]:
    """A finished run keeps its last checkpoints, to be looked into."""
    with mock.patch.object(RunWriter, "drop_checkpoints"):
        yield


def uninterrupted(tmp_path: Path, scenario: str, algo: str, **arguments: Any) -> Run:
    """A run without a stop, its last checkpoints kept."""
    with checkpoints_kept():
        return train(scenario, algo, runs_dir=tmp_path / "whole", **{"checkpoint_every": 1e9, **arguments})


def interrupted(tmp_path: Path, scenario: str, algo: str, at: int, **arguments: Any) -> Path:
    """The directory of a run that died after its checkpoint number ``at``; each validation writes one."""
    try:
        with killed_at(at):
            train(scenario, algo, runs_dir=tmp_path / "cut", **{"checkpoint_every": 1e9, **arguments})
    except Killed:
        pass
    else:
        raise AssertionError(f"the run ended before its checkpoint number {at}")
    (path,) = (record.parent for record in (tmp_path / "cut").rglob("run.json"))
    return path


def go_on(path: Path, heard: Heard | None = None) -> Run:
    """Resume after everything that a new process would not know has been spoilt."""
    random.seed(12345)
    np.random.seed(12345)
    torch.manual_seed(12345)
    with checkpoints_kept():
        return resume(path, progress=heard or Heard())


def require_same(one: Run, other: Run) -> None:
    """Both runs have learned and recorded the same, bit by bit."""
    for name in ("policy", "policy/best"):
        for file in (one.path / name).glob("*.safetensors"):
            assert file.read_bytes() == (other.path / name / file.name).read_bytes(), f"{name} differs"
    first, second = (sorted((run.path / "checkpoints").iterdir()) for run in (one, other))
    assert [path.name for path in first] == [path.name for path in second]
    for a, b in zip(first, second, strict=True):
        for file in sorted((a / "state").glob("*.json")):
            where = differs(read_state(a / "state", file.stem), read_state(b / "state", file.stem))
            assert where is None, f"{file.stem} of checkpoint {a.name} differs at {where}"
        replay = [sorted(path.glob("state/replay-*")) for path in (a, b)]
        assert contents(replay[0]) == contents(replay[1])
        mine, theirs = (read_state(path, "training") for path in (a, b))
        for key in ("validated", "best", "returns", "metrics", "terms", "sums", "environments"):
            assert differs(mine[key], theirs[key]) is None, f"{key} differs"
    assert one.record.best == other.record.best
    assert validations(one) == validations(other)


def validations(run: Run) -> list[tuple[int, dict[str, Any]]]:
    """Steps and figures of every validation, as recorded."""
    return [
        (record["steps"], {key: value for key, value in record.items() if key.startswith("validation/")})
        for record in progress(run)
        if any(key.startswith("validation/") for key in record)
    ]


def contents(pieces: list[Path]) -> dict[str, list[Any]]:
    """All transitions of a replay buffer in order, however they lie in pieces."""
    found: dict[str, list[Any]] = {}
    for path in pieces:
        with np.load(path, allow_pickle=False) as piece:
            for name in piece.files:
                found.setdefault(name, []).extend(piece[name].tolist())
    return found


def differs(one: Any, other: Any, where: str = "") -> str | None:
    """Where two trees differ, or None; the wall time of episodes does not count."""
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
        return None if same else where
    if isinstance(one, Mapping):
        if set(one) != set(other):
            return f"{where}: {set(one) ^ set(other)}"
        parts = [(f"{where}.{key}", one[key], other[key]) for key in one if key != "t"]
    elif isinstance(one, list):
        if len(one) != len(other):
            return f"{where}: {len(one)} and {len(other)} items"
        parts = [(f"{where}[{index}]", a, b) for index, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return None if repr(one) == repr(other) else f"{where}: {one} and {other}"
    return next(filter(None, (differs(a, b, place) for place, a, b in parts)), None)

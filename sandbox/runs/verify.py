"""Whether every byte of a run directory is what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.api.errors import DamagedRunError, SandboxError
from sandbox.api.state import read_state
from sandbox.registry.policies import check_policy
from sandbox.runs import checkpoints
from sandbox.runs.artifacts import ABSENT, listed_sums, read_artifact
from sandbox.runs.directory import (
    BEST,
    POLICY,
    PROGRESS,
    Run,
    progress,
)


def find_damages(path: Path) -> list[str]:
    """What is damaged in a run directory, one sentence each; empty if every byte is what was written.

    The logs of a run that has not ended are checked as far as they go.
    """
    try:
        run = Run.open(path)
    except DamagedRunError as error:
        return [error.message]
    found: list[str] = []

    def attempt(check: Callable[[], Any]) -> None:
        try:
            check()
        except SandboxError as error:
            found.append(error.message)

    attempt(lambda: progress(run))
    try:
        listed = listed_sums(path)
    except DamagedRunError as error:
        found.append(error.message)
        listed = {}
    for name, sums in listed.items():
        if ABSENT in sums and not (path / name).exists():
            continue
        attempt(lambda name=name: read_artifact(path, name))  # type: ignore[misc]
    for name in (POLICY, BEST):
        if (path / name).is_dir():
            attempt(lambda name=name: check_policy(path / name))  # type: ignore[misc]
    for checkpoint in checkpoints.whole_checkpoints(
        path / checkpoints.FOLDER, lambda folder, why: found.append(f"{folder} is damaged: {why}.")
    ):
        attempt(lambda checkpoint=checkpoint: _check_mark(run, checkpoint))  # type: ignore[misc]
    if run.record["status"] == "done" and not (path / POLICY / "policy.json").is_file():
        found.append(f"{path / POLICY} is missing, though the run is done.")
    return list(dict.fromkeys(found))


def _check_mark(run: Run, checkpoint: checkpoints.Checkpoint) -> None:
    """Make sure that the log reaches as far as it did when a checkpoint was written."""
    if not (checkpoint.path / "training.json").is_file():
        return
    mark = read_state(checkpoint.path, "training")["progress"]
    file = run.path / PROGRESS
    size = file.stat().st_size if file.is_file() else 0
    whole = size >= mark["bytes"]
    if whole and size:
        with file.open("rb") as log:
            head = log.read(mark["bytes"])
        whole = head.endswith(b"\n") if head else True
    if not whole:
        raise DamagedRunError(f"{file} is damaged: it does not reach as far as {checkpoint.path} says.")

"""Whether every byte of a run directory is what was written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from sandbox.api.errors import DamagedRunError, SandboxError
from sandbox.records.sums import ABSENT
from sandbox.registry.policies import check_policy
from sandbox.runs import checkpoints
from sandbox.runs.checksums import listed_sums, read_artifact
from sandbox.runs.directory import BEST, POLICY, PROGRESS, Run, progress
from sandbox.runs.labels import read_labels
from sandbox.runs.policies import kept_policies


def find_damages(path: Path) -> list[str]:
    """What is damaged in a run directory, one sentence each; empty if every byte is what was written.

    The logs of a run that has not ended are checked as far as they go.
    """
    try:
        run = Run.open(path)
    except DamagedRunError as error:
        return [error.message]
    damages: list[str] = []
    for check in _checks(run, damages):
        try:
            check()
        except SandboxError as error:
            damages.append(error.message)
    if run.record.status == "done" and not (path / POLICY / "policy.json").is_file():
        damages.append(f"{path / POLICY} is missing, though the run is done.")
    return list(dict.fromkeys(damages))


def _checks(run: Run, damages: list[str]) -> Iterator[Callable[[], object]]:
    """Everything of a run that can be read, as calls that raise; damaged checkpoints are added directly."""
    path = run.path
    yield partial(progress, run)
    yield run.evaluation
    yield partial(read_labels, path)
    try:
        listed = listed_sums(path)
    except DamagedRunError as error:
        damages.append(error.message)
        listed = {}
    for name, sums in listed.items():
        if ABSENT not in sums or (path / name).exists():
            yield partial(read_artifact, path, name)
    for folder in (path / POLICY, path / BEST, *kept_policies(path).values()):
        if folder.is_dir():
            yield partial(check_policy, folder)

    def on_damaged(folder: Path, why: str) -> None:
        damages.append(f"{folder} is damaged: {why}.")

    for checkpoint in checkpoints.whole_checkpoints(path / checkpoints.FOLDER, on_damaged):
        if checkpoint.state is not None:
            yield partial(_check_mark, run, checkpoint)


def _check_mark(run: Run, checkpoint: checkpoints.Checkpoint) -> None:
    """Make sure that the log reaches as far as it did when a checkpoint was written."""
    mark = checkpoint.training().progress
    file = run.path / PROGRESS
    size = file.stat().st_size if file.is_file() else 0
    whole = size >= mark.bytes
    if whole and size:
        with file.open("rb") as log:
            head = log.read(mark.bytes)
        whole = head.endswith(b"\n") if head else True
    if not whole:
        raise DamagedRunError(f"{file} is damaged: it does not reach as far as {checkpoint.path} says.")

"""Where a stopped training goes on, and whether the result is exactly that of a run without a stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sandbox.api.errors import SandboxError
from sandbox.envs.vector import restorable
from sandbox.records import code
from sandbox.records.checkpoint import TrainingState
from sandbox.runs.checkpoints import FOLDER, Checkpoint, whole_checkpoints
from sandbox.runs.code import code_of
from sandbox.runs.provenance import differences, packages
from sandbox.runs.writer import RunWriter
from sandbox.training.plan import Plan


@dataclass(frozen=True)
class RestorePoint:
    """A checkpoint to go on from, and the run's own state in it."""

    checkpoint: Checkpoint
    state: TrainingState


def newest_restore_point(writer: RunWriter, on_message: Callable[[str], None]) -> RestorePoint | None:
    """The newest whole checkpoint that has training state; says which ones are left out."""

    def on_damaged(path: Path, why: str) -> None:
        on_message(f"The checkpoint {path} is damaged and left out: {why}.")

    for checkpoint in whole_checkpoints(writer.path / FOLDER, on_damaged):
        if checkpoint.state is None:
            continue
        try:
            return RestorePoint(checkpoint, checkpoint.training())
        except SandboxError as error:
            on_message(f"The checkpoint {checkpoint.path} is left out: {error.message}")
    return None


def is_exact(plan: Plan, writer: RunWriter, on_message: Callable[[str], None]) -> bool:
    """Whether going on gives what would have come without the stop; says why where it does not."""
    exact = True
    version = writer.record.algorithm_version or 1
    if version != plan.algorithm.version:
        exact = False
        on_message(
            f"The run was begun with version {version} of {plan.algorithm.name} and goes on with version "
            f"{plan.algorithm.version}: the result is not that of a run without a stop."
        )
    if plan.algorithm.capabilities.data == "online" and not restorable(plan.scenario):
        exact = False
        on_message(
            f"The task {plan.scenario.spec.task} cannot restore its environments: the episodes that "
            "were being played are dropped and new ones begin. All else is restored, but the result is "
            "not exactly that of a run without a stop."
        )
    elif not plan.algorithm.capabilities.exact_resume:
        exact = False
        on_message(
            f"{plan.algorithm.name} restores what it has learned, but not all that it was playing: the "
            "result is not exactly that of a run without a stop."
        )
    now = packages(plan.scenario.domain, plan.algorithm)
    made_by = code.differences(writer.record.code, code_of(plan.scenario, plan.algorithm))
    if made_by:
        exact = False
        on_message(
            f"The run goes on with other code: {'; '.join(made_by)}. The result is not that of a run "
            "without a stop."
        )
    for name, before, present in differences(writer.record.packages, now):
        exact = False
        on_message(
            f"The run was begun with {name} {before or '(not installed)'} and goes on with "
            f"{present or '(not installed)'}: its numbers may not be exactly those of a run "
            "without a stop."
        )
    return exact

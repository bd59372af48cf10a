"""Checkpoints of a run: complete or absent, rolling, every byte accounted for.

::

    checkpoints/000000012000/
      manifest.json      the steps, and the SHA-256 sum of every other file; ends with its own
      policy.json …      the policy of that moment; the folder is an agent's folder
      best/…             the best policy so far on the validation seeds, where there is one
      state/…            what the algorithm needs to go on
      training.json/npz  what the run needs to go on: environments, counters, place in the log

Files are written once and never changed, so a checkpoint shares those that still hold with the one
before by hard links: a replay buffer is written in pieces, each once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sandbox.api.state import read_state
from sandbox.records.checkpoint import TrainingState
from sandbox.runs.atomic import remove_folder, replace_folder
from sandbox.runs.checksums import ChecksumError, check_manifest, write_manifest

FOLDER = "checkpoints"
STATE = "state"
TRAINING = "training"
"""Name of the run's own state in a checkpoint; see `sandbox.api.write_state`."""

KEPT = 2

_NAME = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose every file is what was written.

    Attributes:
        path: Its folder.
        steps: Steps that had been done.
    """

    path: Path
    steps: int

    @property
    def state(self) -> Path | None:
        """The folder of the algorithm's state; None where it gave none."""
        folder = self.path / STATE
        return folder if folder.is_dir() else None

    def training(self) -> TrainingState:
        """The run's own state.

        Raises:
            DamagedRunError: If it is missing or not what it should be.
        """
        return TrainingState.check(read_state(self.path, TRAINING), self.path / f"{TRAINING}.json")


def write_checkpoint(
    root: Path, steps: int, write: Callable[[Path], None], before: Path | None = None
) -> Path:
    """Write a checkpoint, then drop all but the newest ones.

    Args:
        root: The folder of the run's checkpoints.
        steps: Steps done; the checkpoint's name.
        write: Fills a new folder.
        before: The checkpoint written before, with which files may be shared.

    Raises:
        OSError: If it cannot be written; the older ones are as they were.
    """

    def fill(folder: Path) -> None:
        write(folder)
        write_manifest(folder, steps, before)

    path = root / f"{steps:012d}"
    if path.exists():
        remove_folder(path)
    replace_folder(path, fill)
    for old in _folders(root)[KEPT:]:
        remove_folder(old)
    return path


def whole_checkpoints(root: Path, on_damaged: Callable[[Path, str], None]) -> Iterator[Checkpoint]:
    """Checkpoints that are what was written, newest first.

    Args:
        root: The folder of the run's checkpoints.
        on_damaged: Called with every other one, and what is wrong with it.
    """
    for path in _folders(root):
        try:
            manifest = check_manifest(path)
        except ChecksumError as error:
            on_damaged(path, str(error))
            continue
        yield Checkpoint(path, manifest.steps)


def checkpoint_policies(root: Path) -> dict[int, Path]:
    """Folders of checkpoints that hold a policy, by steps; nothing else of them is looked at."""
    return {int(path.name): path for path in _folders(root) if (path / "policy.json").is_file()}


def drop_newer(root: Path, steps: int) -> None:
    """Remove the checkpoints of more steps than these, whole or not."""
    for path in _folders(root):
        if int(path.name) > steps:
            remove_folder(path)


def _folders(root: Path) -> list[Path]:
    """Every checkpoint's folder, newest first."""
    if not root.is_dir():
        return []
    return sorted((path for path in root.iterdir() if _NAME.fullmatch(path.name)), reverse=True)

"""Policies that a run keeps of its training: ``policies/000000012000/``, a folder of an agent each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.runs.atomic import remove_folder, replace_folder

FOLDER = "policies"

KEPT = 10
"""Policies of training that a run keeps, where no other number is asked for."""

MAX_BYTES = 100_000_000
"""Bytes that they may take together: large policies are fewer."""

_NAME = re.compile(r"[0-9]{1,18}")


def kept_policies(run: Path) -> dict[int, Path]:
    """Folders of the policies that are kept of a run's training, by steps, in order."""
    root = run / FOLDER
    if not root.is_dir():
        return {}
    named = (path for path in root.iterdir() if _NAME.fullmatch(path.name))
    return {int(path.name): path for path in sorted(named) if (path / "policy.json").is_file()}


def keep_policy(run: Path, steps: int, write: Callable[[Path], None], most: int = KEPT) -> None:
    """Keep one more policy; where they become too many or too large, some of the older ones go.

    What stays is spread over training: the one goes whose neighbours are closest to each other.

    Args:
        run: The run directory.
        steps: Steps that it was trained for.
        write: Fills a new folder.
        most: How many are kept.

    Raises:
        OSError: If it cannot be written.
    """
    replace_folder(run / FOLDER / f"{steps:012d}", write)
    folders = kept_policies(run)
    sizes = {step: _size(folder) for step, folder in folders.items()}
    while len(sizes) > most or sum(sizes.values()) > MAX_BYTES:
        dropped = superfluous(list(sizes)) if len(sizes) > 1 else steps
        remove_folder(folders[dropped])
        del sizes[dropped]


def drop_newer_policies(run: Path, steps: int) -> None:
    """Remove the policies of more steps than these."""
    for step, folder in kept_policies(run).items():
        if step > steps:
            remove_folder(folder)


def superfluous(steps: Sequence[int]) -> int:
    """The one of at least two increasing numbers, not the last, that leaves the smallest gap."""
    gaps = [after - before for before, after in zip((0, *steps[:-2]), steps[1:], strict=True)]
    return steps[gaps.index(min(gaps))]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())

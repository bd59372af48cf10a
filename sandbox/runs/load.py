"""The run in a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.runs.directory import Run


def load(path: str | Path) -> Run:
    """The run in a directory.

    Raises:
        DamagedRunError: If it is not one.
    """
    from sandbox.runs.directory import Run

    return Run.open(path)

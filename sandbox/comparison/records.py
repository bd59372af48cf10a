"""What cells leave on disk, and reading it back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandbox.runs.atomic import write_atomically
from sandbox.runs.directory import strict

FORMAT = 1
RECORD = "cell.json"
EPISODES = "episodes.parquet"


def cell_folder(root: Path, cell: str) -> Path:
    """The folder of a cell below the runs directory."""
    return root / "cells" / cell


def read_cell(root: Path, cell: str) -> dict[str, Any] | None:
    """The record of a cell; None where there is none that can be read, so that it is made again."""
    try:
        document = json.loads((cell_folder(root, cell) / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("format") != FORMAT or document.get("id") != cell:
        return None
    if document.get("status") == "done" and not isinstance(document.get("results"), dict):
        return None
    return document


def write_cell(root: Path, cell: str, record: Mapping[str, Any]) -> None:
    """Write the record of a cell atomically."""
    text = json.dumps(strict({"format": FORMAT, "id": cell, **record}), allow_nan=False)
    write_atomically(cell_folder(root, cell) / RECORD, f"{text}\n".encode())

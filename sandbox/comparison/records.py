"""The folders of cells, and reading and writing their records."""

from __future__ import annotations

from pathlib import Path

from sandbox.api.errors import DamagedRunError
from sandbox.records.cell import CellRecord
from sandbox.runs.atomic import write_atomically

RECORD = "cell.json"


def cell_folder(root: Path, cell: str) -> Path:
    """The folder of a cell below the runs directory."""
    return root / "cells" / cell


def read_cell(root: Path, cell: str) -> CellRecord | None:
    """The record of a cell; None where there is none that can be read, so that it is made again."""
    file = cell_folder(root, cell) / RECORD
    if not file.exists():
        return None
    try:
        record = CellRecord.read(file)
    except DamagedRunError:
        return None
    return record if record.id == cell else None


def write_cell(root: Path, record: CellRecord) -> None:
    """Write the record of a cell atomically."""
    write_atomically(cell_folder(root, record.id) / RECORD, record.encode())

"""Earlier cells that have the settings of a grid, but were made by other code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sandbox.api.errors import DamagedRunError
from sandbox.comparison.cells import Cell, Grid
from sandbox.comparison.records import read_cell
from sandbox.records.cell import CellRecord
from sandbox.records.code import differences
from sandbox.records.comparison import GRID, GridRecord, OtherCode


def other_code(root: Path, grid: Grid) -> tuple[OtherCode, ...]:
    """What was made of the same settings by other code, by scenario and agent: it is never counted.

    Args:
        root: The runs directory.
        grid: The present grid.
    """
    cells = {cell.settings: cell for cell in grid.cells}
    counts: dict[tuple[str, str], int] = {}
    words: dict[tuple[str, str], dict[str, None]] = {}
    for cell, record in _earlier(root, cells):
        key = cell.scenario, cell.agent
        counts[key] = counts.get(key, 0) + 1
        words.setdefault(key, {}).update(dict.fromkeys(differences(record.code, cell.code)))
    return tuple(
        OtherCode(scenario=scenario, agent=agent, cells=count, differs=tuple(words[scenario, agent]))
        for (scenario, agent), count in counts.items()
    )


def with_unrecorded(root: Path, grid: Grid) -> Grid:
    """The grid, cells of version 0.1 taken as they are: it did not record which code made them."""
    return replace(
        grid,
        cells=tuple(
            replace(cell, id=cell.settings) if _is_unrecorded(read_cell(root, cell.settings)) else cell
            for cell in grid.cells
        ),
    )


def unrecorded(grid: Grid) -> int:
    """How many cells of a grid are of version 0.1."""
    return sum(cell.id == cell.settings for cell in grid.cells)


def _is_unrecorded(record: CellRecord | None) -> bool:
    return record is not None and not record.code


def _earlier(root: Path, cells: dict[str, Cell]) -> Iterator[tuple[Cell, CellRecord]]:
    """Finished cells of the same settings under another id, each with the present cell."""
    known: dict[str, str] = {}
    for file in sorted((root / "comparisons").glob(f"*/{GRID}")):
        try:
            listed = GridRecord.read(file).cells
        except DamagedRunError:
            continue
        known |= {cell.id: cell.settings for cell in listed if cell.settings in cells}
    for name, settings in known.items():
        if name != cells[settings].id:
            record = read_cell(root, name)
            if record is not None and record.status == "done":
                yield cells[settings], record

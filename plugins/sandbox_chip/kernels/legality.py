"""Legal cells of macros: those where the footprint lies inside the grid on free cells."""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.bitgrid import INFINITY, bit_is_set, cheapest_cell, fill, fits, legal_row
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.types import Bits, Bytes, Ints, Places


@njit
def occupy(arrays: ProblemArrays, free: Bits, macro: int, place: Ints) -> None:
    """Occupy the cells of a macro at (column, row, orientation choice)."""
    fill(
        free,
        place[0],
        place[1],
        arrays.footprint_w[place[2], macro],
        arrays.footprint_h[place[2], macro],
        True,
    )


@njit
def release(arrays: ProblemArrays, free: Bits, macro: int, place: Ints) -> None:
    """Free the cells of a macro at (column, row, orientation choice)."""
    fill(
        free,
        place[0],
        place[1],
        arrays.footprint_w[place[2], macro],
        arrays.footprint_h[place[2], macro],
        False,
    )


@njit
def free_cells(arrays: ProblemArrays, places: Places) -> Bits:
    """Cells that no fixed and no placed macro occupies, as bits."""
    free = arrays.free.copy()
    for macro in range(len(places)):
        if places[macro, 2] >= 0:
            occupy(arrays, free, macro, places[macro])
    return free


@njit
def free_for(arrays: ProblemArrays, macro: int, free: Bits) -> Bits:
    """The free cells that a macro may lie on: those of its region, where it has one."""
    region = arrays.region[macro]
    if region < 0:
        return free
    cells: Bits = free & arrays.allowed[region]
    return cells


@njit
def fits_for(
    arrays: ProblemArrays, macro: int, free: Bits, column: int, row: int, width: int, height: int
) -> bool:
    """Whether all cells of a footprint are free and of the macro's region."""
    if not fits(free, column, row, width, height):
        return False
    region = arrays.region[macro]
    return bool(region < 0 or fits(arrays.allowed[region], column, row, width, height))


@njit
def has_legal_cell(arrays: ProblemArrays, macro: int, free: Bits) -> bool:
    """Whether a macro has a legal cell in some orientation."""
    free = free_for(arrays, macro, free)
    line = np.empty(free.shape[1], np.uint64)
    for k in range(arrays.footprint_w.shape[0]):
        width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
        if width > arrays.grid:
            continue
        for row in range(arrays.grid - height + 1):
            if legal_row(free, row, width, height, free.shape[1], line):
                return True
    return False


@njit
def legal_cells(arrays: ProblemArrays, macro: int, k: int, free: Bits, line: Bits, out: Bytes) -> int:
    """Mark the legal cells of a macro's lower-left corner.

    Args:
        arrays: The problem.
        macro: The macro.
        k: Its orientation choice.
        free: Free cells.
        line: Scratch, shape ``(words,)``.
        out: Written, 0 or 1, shape ``(grid, grid)`` by row and column.

    Returns:
        Number of legal cells.
    """
    free = free_for(arrays, macro, free)
    grid, words = arrays.grid, free.shape[1]
    width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
    out[:] = 0
    count = 0
    if width > grid:
        return count
    for row in range(grid - height + 1):
        if legal_row(free, row, width, height, words, line):
            for i in range(grid - width + 1):
                if bit_is_set(line, i):
                    out[row, i] = 1
                    count += 1
    return count


@njit
def nearest_legal_cell(
    arrays: ProblemArrays, macro: int, k: int, column: int, row: int, free: Bits
) -> tuple[int, int, int]:
    """Column, row and orientation choice of the legal cell nearest (Manhattan) to one that is not legal.

    The orientation is the given one where it has a legal cell, else the next choice that has one.
    """
    free = free_for(arrays, macro, free)
    choices = arrays.footprint_w.shape[0]
    line = np.empty(free.shape[1], np.uint64)
    a, b = np.empty(arrays.grid), np.empty(arrays.grid)
    for turn in range(choices):
        choice = (k + turn) % choices
        width, height = arrays.footprint_w[choice, macro], arrays.footprint_h[choice, macro]
        columns, rows = arrays.grid - width + 1, arrays.grid - height + 1
        if columns < 1 or rows < 1:
            continue
        for i in range(columns):
            a[i] = abs(i - column)
        for j in range(rows):
            b[j] = abs(j - row)
        _, x, y = cheapest_cell(free, free.shape[1], width, height, a, columns, b, rows, line, INFINITY)
        if x >= 0:
            return x, y, choice
    raise RuntimeError("the episode should have ended before a macro without a legal cell")

"""Decoders: from an order of the macros to a placement, each macro placed on free cells in turn."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_chip.kernels.bitgrid import INFINITY, cheapest_cell, legal_row, nearest
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import free_for, occupy
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import add_to_nets, wire_mask, wirelength
from sandbox_chip.types import Bits, Floats, Ints, Places


@njit
def best_place(
    arrays: ProblemArrays,
    macro: int,
    free: Bits,
    bounds: Floats,
    scratch: Floats,
    line: Bits,
    limit: float,
    place: Ints,
) -> float:
    """The legal cell and orientation at which the wirelength grows least.

    Args:
        arrays: The problem.
        macro: The macro to place.
        free: Free cells.
        bounds: Of all nets, shape ``(N, 4)``.
        scratch: Shape ``(4, 2 · grid)``.
        line: Scratch, shape ``(words,)``.
        limit: Only a lower growth counts.
        place: Written: column, row and orientation choice, −1 if no legal cell is below the limit.

    Returns:
        The growth, ``limit`` if there is no such cell.
    """
    free = free_for(arrays, macro, free)
    words = free.shape[1]
    best = limit
    place[2] = -1
    for k in range(arrays.footprint_w.shape[0]):
        width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
        columns, rows = arrays.grid - width + 1, arrays.grid - height + 1
        if columns < 1 or rows < 1:
            continue
        constant = wire_mask(arrays, macro, k, bounds, columns, rows, scratch)
        cost, column, row = cheapest_cell(
            free, words, width, height, scratch[0], columns, scratch[1], rows, line, best - constant
        )
        if column >= 0:
            best = cost + constant
            place[0], place[1], place[2] = column, row, k
    return best


@njit
def greedy_decode(arrays: ProblemArrays, order: Ints, places: Places) -> tuple[float, int]:
    """Place macros in an order, each where the wirelength grows least.

    Args:
        arrays: The problem.
        order: Macros to place, shape ``(m,)``.
        places: Written, shape ``(n, 3)``; orientation choice −1 for a macro without a legal cell.

    Returns:
        The wirelength, and how many macros had no legal cell.
    """
    free = arrays.free.copy()
    bounds = arrays.fixed_bounds.copy()
    scratch = np.empty((4, 2 * arrays.grid))
    line = np.empty(free.shape[1], np.uint64)
    places[:, 2] = -1
    failed = 0
    for macro in order:
        place = places[macro]
        best_place(arrays, macro, free, bounds, scratch, line, INFINITY, place)
        if place[2] < 0:
            failed += 1
            continue
        occupy(arrays, free, macro, place)
        add_to_nets(arrays, macro, place, bounds)
    return wirelength(arrays, bounds), failed


@njit
def legalise(
    arrays: ProblemArrays,
    order: Ints,
    target_x: Floats,
    target_y: Floats,
    orientation: Ints,
    places: Places,
) -> int:
    """Place macros in an order, each at the legal cell nearest (Manhattan) to its target centre.

    Args:
        arrays: The problem.
        order: Macros to place, shape ``(m,)``.
        target_x: Target centres, shape ``(n,)``.
        target_y: As ``target_x``.
        orientation: Orientation choice of every macro, shape ``(n,)``.
        places: Written, shape ``(n, 3)``; orientation choice −1 for a macro without a legal cell.

    Returns:
        How many macros had no legal cell.
    """
    free = arrays.free.copy()
    line = np.empty(free.shape[1], np.uint64)
    a, b = np.empty(arrays.grid), np.empty(arrays.grid)
    places[:, 2] = -1
    failed = 0
    for macro in order:
        k = orientation[macro]
        width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
        columns, rows = arrays.grid - width + 1, arrays.grid - height + 1
        if columns < 1 or rows < 1:
            failed += 1
            continue
        for i in range(columns):
            a[i] = abs(i * arrays.cell_w + arrays.centre_x[k, macro] - target_x[macro])
        for j in range(rows):
            b[j] = abs(j * arrays.cell_h + arrays.centre_y[k, macro] - target_y[macro])
        _, column, row = cheapest_cell(
            free_for(arrays, macro, free), free.shape[1], width, height, a, columns, b, rows, line, INFINITY
        )
        if column < 0:
            failed += 1
            continue
        places[macro, 0], places[macro, 1], places[macro, 2] = column, row, k
        occupy(arrays, free, macro, places[macro])
    return failed


@njit
def pack(arrays: ProblemArrays, order: Ints, places: Places) -> int:
    """Bottom-left packing: place macros in an order, each at its lowest, then leftmost legal cell.

    Args:
        arrays: The problem.
        order: Macros to place, shape ``(m,)``.
        places: Written, shape ``(n, 3)``; orientation choice −1 for a macro without a legal cell.

    Returns:
        How many macros had no legal cell.
    """
    free = arrays.free.copy()
    line = np.empty(free.shape[1], np.uint64)
    places[:, 2] = -1
    failed = 0
    for macro in order:
        for k in range(arrays.footprint_w.shape[0]):
            column, row = _lowest_leftmost(arrays, macro, k, free, line)
            if column >= 0:
                places[macro, 0], places[macro, 1], places[macro, 2] = column, row, k
                occupy(arrays, free, macro, places[macro])
                break
        if places[macro, 2] < 0:
            failed += 1
    return failed


@njit
def _lowest_leftmost(arrays: ProblemArrays, macro: int, k: int, free: Bits, line: Bits) -> tuple[int, int]:
    """Column and row of the lowest, then leftmost legal cell; −1 and −1 if there is none."""
    free = free_for(arrays, macro, free)
    width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
    if width > arrays.grid:
        return -1, -1
    leftmost: Any = np.int64(0)  # no literal, for which Numba would compile `nearest` once more
    for row in range(arrays.grid - height + 1):
        if legal_row(free, row, width, height, free.shape[1], line):
            at_zero, above_zero = nearest(line, free.shape[1], leftmost)
            return (at_zero if at_zero >= 0 else above_zero), row
    return -1, -1

"""Spreads nodes until no bin holds more than it has room for, moving as few of them as possible.

The canvas is halved again and again. A half that would hold more than its room passes those nodes to the
other half that lie nearest to the cut; all others stay where they are. What is in one bin in the end is
moved to the nearest point of it. The idea is that of the look-ahead legalisation of SimPL (Kim, Lee and
Markov 2012).
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Floats, Ints


@njit
def spread_nodes(
    x: Floats, y: Floats, area: Floats, room: Floats, bin_w: float, bin_h: float
) -> tuple[Floats, Floats]:
    """Centres after spreading.

    Args:
        x: Centres, the canvas' lower-left corner at the origin, shape ``(n,)``.
        y: As ``x``.
        area: Of the nodes, shape ``(n,)``.
        room: Area that each bin may hold, shape ``(rows, columns)``.
        bin_w: Width of a bin.
        bin_h: Height of a bin.
    """
    rows, columns = room.shape
    table = np.zeros((rows + 1, columns + 1))
    for r in range(rows):
        for c in range(columns):
            table[r + 1, c + 1] = room[r, c] + table[r, c + 1] + table[r + 1, c] - table[r, c]
    x, y, order = x.copy(), y.copy(), np.arange(len(x))
    # First and last node in the order; first column, row, and those after the last, of what is to be halved.
    stack = np.empty((4 * (rows + columns) + 64, 6), np.int64)
    stack[0] = np.array([0, len(x), 0, 0, columns, rows])
    depth = 1
    while depth > 0:
        depth -= 1
        begin, end, c0, r0, c1, r1 = stack[depth]
        if begin == end:
            continue
        if c1 - c0 == 1 and r1 - r0 == 1:
            for node in order[begin:end]:
                x[node] = min(max(x[node], c0 * bin_w), c1 * bin_w)
                y[node] = min(max(y[node], r0 * bin_h), r1 * bin_h)
            continue
        by_column = r1 - r0 == 1 or (c1 - c0 > 1 and (c1 - c0) * bin_w >= (r1 - r0) * bin_h)
        middle_c, middle_r = (c0 + c1) // 2, (r0 + r1) // 2
        if by_column:
            first = _table_sum(table, c0, r0, middle_c, r1)
            second = _table_sum(table, middle_c, r0, c1, r1)
            split = _halve(order[begin:end], x, area, middle_c * bin_w, first, second)
            stack[depth] = np.array([begin, begin + split, c0, r0, middle_c, r1])
            stack[depth + 1] = np.array([begin + split, end, middle_c, r0, c1, r1])
        else:
            first = _table_sum(table, c0, r0, c1, middle_r)
            second = _table_sum(table, c0, middle_r, c1, r1)
            split = _halve(order[begin:end], y, area, middle_r * bin_h, first, second)
            stack[depth] = np.array([begin, begin + split, c0, r0, c1, middle_r])
            stack[depth + 1] = np.array([begin + split, end, c0, middle_r, c1, r1])
        depth += 2
    return x, y


@njit
def _table_sum(table: Floats, c0: int, r0: int, c1: int, r1: int) -> float:
    """Sum over columns c0 to c1 − 1 and rows r0 to r1 − 1, from a summed-area table."""
    return float(table[r1, c1] - table[r0, c1] - table[r1, c0] + table[r0, c0])


@njit
def _halve(order: Ints, at: Floats, area: Floats, cut: float, first: float, second: float) -> int:
    """Sort nodes along an axis and divide them between two halves with some room each; how many go first."""
    keys = at[order]
    ranks = np.argsort(keys, kind="mergesort")
    order[:] = order[ranks]
    total = 0.0
    for node in order:
        total += area[node]
    # Where there is too little room for all, both halves are overfull alike.
    scale = max(total / max(first + second, 1e-300), 1.0)
    most, least = first * scale * (1 + 1e-9), total - second * scale * (1 + 1e-9)
    taken, split = 0.0, 0
    for node in order:
        middle = taken + area[node] / 2
        if middle > most or (at[node] >= cut and middle > least):
            break
        taken += area[node]
        split += 1
    return split

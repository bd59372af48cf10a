"""Alpha-beta to a fixed depth on Connect Four, as a classical program without a solver plays it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_games.rules.lines import Lines
from sandbox_games.solver.bitboards import (
    bottom_row,
    column_cells,
    has_line,
    njit,
    playable,
    popcount,
    winning_cells,
)
from sandbox_games.solver.connect_four import bits
from sandbox_games.solver.search import cell_order

THREAT = 0.01
"""What an empty winning cell is worth at the end of the search."""


def root_values(position: Any, rules: Lines, depth: int) -> dict[int, float]:
    """The value of every legal column for the player to move, -1 to 1; sooner wins are worth slightly more."""
    own, mask = bits(position, rules.rows, rules.columns)
    values = np.full(rules.columns, np.nan)
    _root(own, mask, depth, rules.rows, rules.columns, values)
    return {column: float(value) for column, value in enumerate(values) if not np.isnan(value)}


@njit
def _root(own, mask, depth, rows, columns, values):  # type: ignore[no-untyped-def]
    bottom = bottom_row(rows, columns)
    cells = bottom * ((1 << rows) - 1)
    order = cell_order(rows, columns)
    possible = playable(mask, bottom, cells)
    for column in range(columns):
        move = possible & column_cells(rows, column)
        if move:
            values[column] = -_value(
                own ^ mask, mask | move, depth - 1, -2.0, 2.0, rows, columns, bottom, cells, order
            )


@njit
def _value(own, mask, depth, alpha, beta, rows, columns, bottom, cells, order):  # type: ignore[no-untyped-def]
    if has_line(own ^ mask, rows):
        return -1.0 - 0.001 * depth
    possible = playable(mask, bottom, cells)
    if possible == 0:
        return 0.0
    if depth <= 0:
        mine = popcount(winning_cells(own, mask, rows, cells))
        theirs = popcount(winning_cells(own ^ mask, mask, rows, cells))
        return 0.01 * (mine - theirs)
    best = -2.0
    for index in range(columns):
        move = possible & column_cells(rows, order[index])
        if move == 0:
            continue
        value = -_value(
            own ^ mask, mask | move, depth - 1, -beta, -alpha, rows, columns, bottom, cells, order
        )
        best = max(best, value)
        alpha = max(alpha, best)
        if alpha >= beta:
            break
    return best

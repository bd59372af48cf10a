"""Alpha-beta to a fixed depth on Connect Four, as a classical program without a solver plays it."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_games.rules.lines import Lines
from sandbox_games.solver.bitboards import column_cells, has_line, njit, playable, popcount, winning_cells
from sandbox_games.solver.connect_four import bits
from sandbox_games.solver.search import board_of


def root_values(position: Any, rules: Lines, depth: int) -> dict[int, float]:
    """The value of every legal column for the player to move; sooner wins are worth slightly more than 1."""
    stones_of_mover, mask = bits(position, rules.rows, rules.columns)
    values = np.full(rules.columns, np.nan)
    _root(stones_of_mover, mask, depth, rules.rows, rules.columns, values)
    return {column: float(value) for column, value in enumerate(values) if not np.isnan(value)}


@njit
def _root(stones_of_mover, mask, depth, rows, columns, values):  # type: ignore[no-untyped-def]
    board = board_of(rows, columns)
    possible = playable(mask, board.bottom, board.cells)
    for column in range(columns):
        move = possible & column_cells(rows, column)
        if move:
            values[column] = -_value(stones_of_mover ^ mask, mask | move, depth - 1, -2.0, 2.0, board)


@njit
def _value(stones_of_mover, mask, depth, alpha, beta, board):  # type: ignore[no-untyped-def]
    if has_line(stones_of_mover ^ mask, board.rows):
        return -1.0 - 0.001 * depth
    possible = playable(mask, board.bottom, board.cells)
    if possible == 0:
        return 0.0
    if depth <= 0:  # the difference of winning cells that are still empty
        mine = popcount(winning_cells(stones_of_mover, mask, board.rows, board.cells))
        theirs = popcount(winning_cells(stones_of_mover ^ mask, mask, board.rows, board.cells))
        return 0.01 * (mine - theirs)
    best = -2.0
    for index in range(board.columns):
        move = possible & column_cells(board.rows, board.order[index])
        if move == 0:
            continue
        best = max(best, -_value(stones_of_mover ^ mask, mask | move, depth - 1, -beta, -alpha, board))
        alpha = max(alpha, best)
        if alpha >= beta:
            break
    return best

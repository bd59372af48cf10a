"""Exact values of Connect Four positions: negamax with alpha-beta, a transposition table and move ordering.

The score of a position, for the player to move: 0 for a draw; otherwise half the number of stones that the
winner could still have placed, rounded up, counting the winning stone, negative if the opponent wins. A win
with the last own stone scores 1, an earlier one more (Pons). Only the sign matters for a game's result.

Source: Pascal Pons, Solving Connect 4: how to build a perfect AI; Knuth & Moore 1975 on alpha-beta.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox_games.solver.bitboards import (
    bottom_row,
    column_cells,
    njit,
    playable,
    popcount,
    winning_cells,
)

TABLE_SIZE = (1 << 23) + 9
"""Entries of the transposition table: prime, so that keys spread."""


class Table:
    """A transposition table: the bound of a position under its whole key, newest entry wins.

    Args:
        size: Entries, 9 bytes each.
    """

    def __init__(self, size: int = TABLE_SIZE) -> None:
        self.keys: NDArray[np.int64] = np.zeros(size, np.int64)
        self.bounds: NDArray[np.int8] = np.zeros(size, np.int8)


class Board(NamedTuple):
    """What does not change in a search."""

    rows: int
    columns: int
    bottom: int
    cells: int
    order: Any


@njit
def board_of(rows, columns):  # type: ignore[no-untyped-def]
    """A board; columns near the middle are tried first."""
    bottom = bottom_row(rows, columns)
    order = np.empty(columns, np.int64)
    for index in range(columns):
        order[index] = columns // 2 + (1 - 2 * (index % 2)) * (index + 1) // 2
    return Board(rows, columns, bottom, bottom * ((1 << rows) - 1), order)


@njit
def safe_moves(mine, mask, board):  # type: ignore[no-untyped-def]
    """Cells to play that do not lose at once; 0 if there are none. The player to move has no winning move."""
    theirs = mine ^ mask
    possible = playable(mask, board.bottom, board.cells)
    threats = winning_cells(theirs, mask, board.rows, board.cells)
    forced = possible & threats
    if forced:
        if forced & (forced - 1):  # two threats at once cannot both be answered
            return 0
        possible = forced
    return possible & ~(threats >> 1)  # never below a winning cell of theirs


@njit
def sorted_moves(mine, mask, possible, board, moves):  # type: ignore[no-untyped-def]
    """Fill ``moves``, those that make the most winning cells first; returns how many there are."""
    scores = np.empty(board.columns, np.int64)
    count = 0
    for position in range(board.columns):
        move = possible & column_cells(board.rows, board.order[position])
        if move == 0:
            continue
        score = popcount(winning_cells(mine | move, mask, board.rows, board.cells))
        index = count
        while index > 0 and scores[index - 1] < score:
            moves[index], scores[index] = moves[index - 1], scores[index - 1]
            index -= 1
        moves[index], scores[index] = move, score
        count += 1
    return count


@njit
def negamax(mine, mask, alpha, beta, board, keys, bounds, visited):  # type: ignore[no-untyped-def]
    """The score if it lies between ``alpha`` and ``beta``, else a bound of it on the same side.

    The player to move must have no winning move. ``visited[0]`` counts positions. In the table odd bounds are
    twice an upper bound of the score plus 1, even ones twice a lower bound.
    """
    visited[0] += 1
    left = board.rows * board.columns - popcount(mask)
    possible = safe_moves(mine, mask, board)
    if possible == 0:
        return -(left // 2)
    if left <= 2:
        return 0
    key = mine + mask + board.bottom
    slot = key % len(keys)
    alpha = max(alpha, -((left - 2) // 2))
    beta = min(beta, (left - 1) // 2)
    if keys[slot] == key:
        if bounds[slot] & 1:
            beta = min(beta, bounds[slot] >> 1)
        else:
            alpha = max(alpha, bounds[slot] >> 1)
    if alpha >= beta:
        return alpha
    moves = np.empty(board.columns, np.int64)
    count = sorted_moves(mine, mask, possible, board, moves)
    for index in range(count):
        score = -negamax(mine ^ mask, mask | moves[index], -beta, -alpha, board, keys, bounds, visited)
        if score >= beta:
            keys[slot], bounds[slot] = key, np.int8(score << 1)
            return score
        alpha = max(alpha, score)
    keys[slot], bounds[slot] = key, np.int8((alpha << 1) | 1)
    return alpha


@njit
def solve(mine, mask, weak, rows, columns, keys, bounds, visited):  # type: ignore[no-untyped-def]
    """The score of a position whose last move did not win; its sign alone (-1, 0 or 1) if ``weak``."""
    board = board_of(rows, columns)
    left = rows * columns - popcount(mask)
    if left == 0:
        return 0
    if winning_cells(mine, mask, rows, board.cells) & playable(mask, board.bottom, board.cells):
        return 1 if weak else (left + 1) // 2
    low, high = -(left // 2), (left + 1) // 2
    if weak:
        low, high = -1, 1
    while low < high:
        middle = low + (high - low) // 2
        if middle <= 0 and low // 2 < middle:
            middle = low // 2
        elif middle >= 0 and high // 2 > middle:
            middle = high // 2
        bound = negamax(mine, mask, middle, middle + 1, board, keys, bounds, visited)
        if bound <= middle:
            high = bound
        else:
            low = bound
    if weak:
        return max(-1, min(1, low))
    return low

"""Exact values of Connect Four positions: negamax with alpha-beta, a transposition table and move ordering.

The score of a position, for the player to move: 0 for a draw; otherwise half the number of stones that the winner
could still have placed, rounded up, counting the winning stone, negative if the opponent wins. A win with the last
own stone scores 1, an earlier one more (Pons). Only the sign matters for the result of the game.

Source: Pascal Pons, Solving Connect 4: how to build a perfect AI; Knuth & Moore 1975 on alpha-beta.
"""

from __future__ import annotations

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


@njit
def cell_order(rows, columns):  # type: ignore[no-untyped-def]
    """Columns from the middle outwards."""
    order = np.empty(columns, np.int64)
    for index in range(columns):
        order[index] = columns // 2 + (1 - 2 * (index % 2)) * (index + 1) // 2
    return order


@njit
def negamax(own, mask, alpha, beta, rows, columns, bottom, cells, order, keys, bounds, visited):  # type: ignore[no-untyped-def]
    """The score if it lies between ``alpha`` and ``beta``, else a bound of it on the same side.

    The player to move must have no winning move. ``visited[0]`` counts positions.
    """
    visited[0] += 1
    theirs = own ^ mask
    possible = playable(mask, bottom, cells)
    threats = winning_cells(theirs, mask, rows, cells)
    forced = possible & threats
    stones = popcount(mask)
    if forced:
        if forced & (forced - 1):  # two threats at once cannot both be answered
            return -((rows * columns - stones) // 2)
        possible = forced
    possible &= ~(threats >> 1)  # never below a winning cell of theirs
    if possible == 0:
        return -((rows * columns - stones) // 2)
    if stones >= rows * columns - 2:
        return 0
    low = -((rows * columns - 2 - stones) // 2)
    if alpha < low:
        alpha = low
        if alpha >= beta:
            return alpha
    high = (rows * columns - 1 - stones) // 2
    # Odd bounds are upper bounds of the score, even ones lower bounds; 0 is an empty entry.
    key = own + mask + bottom
    slot = key % len(keys)
    if keys[slot] == key:
        bound = bounds[slot] >> 1
        if bounds[slot] & 1:
            if bound < high:
                high = bound
        elif bound > alpha:
            alpha = bound
            if alpha >= beta:
                return alpha
    if beta > high:
        beta = high
        if alpha >= beta:
            return beta
    # Insertion sort: most new winning cells first, columns near the middle first among equals.
    moves = np.empty(columns, np.int64)
    scores = np.empty(columns, np.int64)
    count = 0
    for position in range(columns):
        move = possible & column_cells(rows, order[position])
        if move == 0:
            continue
        score = popcount(winning_cells(own | move, mask, rows, cells))
        index = count
        while index > 0 and scores[index - 1] < score:
            moves[index], scores[index] = moves[index - 1], scores[index - 1]
            index -= 1
        moves[index], scores[index] = move, score
        count += 1
    for index in range(count):
        score = -negamax(
            theirs,
            mask | moves[index],
            -beta,
            -alpha,
            rows,
            columns,
            bottom,
            cells,
            order,
            keys,
            bounds,
            visited,
        )
        if score >= beta:
            keys[slot], bounds[slot] = key, np.int8(score << 1)
            return score
        if score > alpha:
            alpha = score
    keys[slot], bounds[slot] = key, np.int8((alpha << 1) | 1)
    return alpha


@njit
def solve(own, mask, weak, rows, columns, keys, bounds, visited):  # type: ignore[no-untyped-def]
    """The score of a position whose last move did not win; its sign alone (-1, 0 or 1) if ``weak``."""
    bottom = bottom_row(rows, columns)
    cells = bottom * ((1 << rows) - 1)
    order = cell_order(rows, columns)
    stones = popcount(mask)
    if stones == rows * columns:
        return 0
    if winning_cells(own, mask, rows, cells) & playable(mask, bottom, cells):
        return 1 if weak else (rows * columns + 1 - stones) // 2
    low, high = -((rows * columns - stones) // 2), (rows * columns + 1 - stones) // 2
    if weak:
        low, high = -1, 1
    while low < high:
        middle = low + (high - low) // 2
        if middle <= 0 and low // 2 < middle:
            middle = low // 2
        elif middle >= 0 and high // 2 > middle:
            middle = high // 2
        bound = negamax(
            own, mask, middle, middle + 1, rows, columns, bottom, cells, order, keys, bounds, visited
        )
        if bound <= middle:
            high = bound
        else:
            low = bound
    if weak:
        return max(-1, min(1, low))
    return low

"""Games in which the first line of k stones wins: tic-tac-toe, and Connect Four with its gravity.

A position is a row of int8: the cells row by row (0 empty, 1 and 2 the players' stones), the player to move
(0 or 1), and the result (0 still played, 1 or 2 won by that player, 3 drawn). With gravity row 0 is the
bottom one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import ObservationField
from sandbox.api.game import Status, Symmetry
from sandbox.api.kernels import compiled

njit: Any = compiled


class Lines:
    """Rules, see `sandbox.api.game.Game`.

    - **Observation**: three planes: own stones, the other's stones, and 1 everywhere if it is one's move.
    - **Action**: with gravity the column; without, the cell, row by row.

    Args:
        rows: Rows of the board.
        columns: Columns of the board.
        length: Stones in a line that win.
        gravity: Whether stones fall to the lowest empty cell of their column.
    """

    def __init__(self, rows: int, columns: int, length: int, gravity: bool) -> None:
        self.rows, self.columns, self.length, self.gravity = rows, columns, length, gravity
        self.max_length = rows * columns
        self.num_actions = columns if gravity else self.max_length
        self.observation_shape = (3, rows, columns)
        self.name = f"lines({rows}x{columns},{length},{'drop' if gravity else 'place'})"
        self.symmetries = _symmetries(rows, columns, gravity)

    def start(self, count: int) -> NDArray[np.int8]:
        """Empty boards."""
        return np.zeros((count, self.rows * self.columns + 2), np.int8)

    def play(self, positions: NDArray[np.int8], actions: NDArray[np.int64]) -> NDArray[np.int8]:
        """The positions after one legal move in each."""
        after = positions.copy()
        _play(after, np.asarray(actions, np.int64), self.rows, self.columns, self.length, self.gravity)
        return after

    def status(self, positions: NDArray[np.int8]) -> Status:
        """Who is to move, what has ended, and how."""
        result = positions[:, -1]
        outcome = (result == 1).astype(np.float32) - (result == 2).astype(np.float32)
        return Status(positions[:, -2].copy(), result != 0, outcome)

    def legal(self, positions: NDArray[np.int8]) -> NDArray[np.bool_]:
        """Empty cells, or columns that are not full."""
        cells = self.rows * self.columns
        first = cells - self.columns if self.gravity else 0
        mask: NDArray[np.bool_] = (positions[:, first:cells] == 0) & (positions[:, -1:] == 0)
        return mask

    def fields(self) -> list[ObservationField]:
        """What the planes show; rows count from the lowest on."""
        board = (self.rows, self.columns)
        return [
            ObservationField("own stones", "1", "1 where a stone of one's own lies", shape=board),
            ObservationField("the other's stones", "1", "1 where a stone of the other lies", shape=board),
            ObservationField("one's move", "1", "1 everywhere if it is one's move", shape=board),
        ]

    def observe(self, positions: NDArray[np.int8], players: NDArray[np.int8]) -> NDArray[np.float32]:
        """Own stones, the other's, and whose move it is."""
        board = positions[:, :-2].reshape(-1, 1, self.rows, self.columns)
        mine = (np.asarray(players, np.int8) + 1).reshape(-1, 1, 1, 1)
        to_move = (positions[:, -2] == players) & (positions[:, -1] == 0)
        planes: NDArray[np.float32] = np.empty((len(positions), *self.observation_shape), np.float32)
        planes[:, :1] = board == mine
        planes[:, 1:2] = board == 3 - mine
        planes[:, 2] = to_move.reshape(-1, 1, 1)
        return planes


@njit
def _play(positions, actions, rows, columns, length, gravity):  # type: ignore[no-untyped-def]
    for index in range(len(positions)):
        position = positions[index]
        if position[-1] != 0:
            continue
        cell = actions[index]
        if gravity:
            while position[cell] != 0:
                cell += columns
        stone = position[-2] + 1
        position[cell] = stone
        if _wins(position, cell, stone, rows, columns, length):
            position[-1] = stone
        elif _is_full(position, rows * columns):
            position[-1] = 3
        position[-2] = 1 - position[-2]


@njit
def _wins(position, cell, stone, rows, columns, length):  # type: ignore[no-untyped-def]
    """Whether the stone just placed completes a line."""
    row, column = cell // columns, cell % columns
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        count = 1
        for sign in (1, -1):
            r, c = row + sign * down, column + sign * right
            while 0 <= r < rows and 0 <= c < columns and position[r * columns + c] == stone:
                count += 1
                r += sign * down
                c += sign * right
        if count >= length:
            return True
    return False


@njit
def _is_full(position, cells):  # type: ignore[no-untyped-def]
    return np.all(position[:cells] != 0)


def _symmetries(rows: int, columns: int, gravity: bool) -> tuple[Symmetry, ...]:
    """The mirror image; without gravity all of the rectangle's or the square's."""
    board = np.arange(rows * columns).reshape(rows, columns)
    if gravity:
        return (Symmetry(board[:, ::-1].ravel().copy(), np.arange(columns)[::-1].copy()),)
    turns = range(4) if rows == columns else (0, 2)
    images = [np.rot90(side, turn).ravel() for side in (board, board[:, ::-1]) for turn in turns]
    return tuple(Symmetry(image.copy(), image.copy()) for image in images[1:])


TIC_TAC_TOE = Lines(3, 3, 3, gravity=False)
CONNECT_FOUR = Lines(6, 7, 4, gravity=True)

"""Exact values of Connect Four positions and moves, with a book for the openings."""

from __future__ import annotations

import threading
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_games.rules.lines import Lines
from sandbox_games.solver.bitboards import MAX_BITS, bottom_row, has_line, mirrored, njit
from sandbox_games.solver.search import TABLE_SIZE, Table, solve

STRICT_FROM = 12
"""Stones from which on scores, not results alone, are searched for: before, they would take minutes."""

BOOK = "connect_four_book.npz"


class ConnectFourSolver:
    """Values by search; the transposition table is kept from one question to the next.

    Args:
        rules: The board; lines of four with gravity.
        table_size: Entries of the transposition table, 9 bytes each.
        book: Results of openings, by canonical key; None for none.

    Raises:
        ValueError: For a board that does not fit into 62 bits.
    """

    def __init__(
        self, rules: Lines, table_size: int = TABLE_SIZE, book: dict[int, int] | None = None
    ) -> None:
        if not rules.gravity or rules.length != 4 or (rules.rows + 1) * rules.columns > MAX_BITS:
            raise ValueError(f"{rules.name} is no Connect Four that fits into {MAX_BITS} bits")
        self.rules = rules
        self.book = book or {}
        self.visited: NDArray[np.int64] = np.zeros(1, np.int64)
        self._scores, self._results = Table(table_size), Table(table_size)
        self._lock = threading.Lock()

    def key(self, position: NDArray[np.int8]) -> int:
        """The same for a position and its mirror image."""
        mine, mask = bits(position, self.rules.rows, self.rules.columns)
        return int(canonical(mine, mask, self.rules.rows, self.rules.columns))

    def score(self, position: NDArray[np.int8]) -> int:
        """The score of a position that is not over; see `sandbox_games.solver.search`."""
        return self._solve(position, weak=False)

    def result(self, position: NDArray[np.int8]) -> int:
        """1 if the player to move wins with perfect play, 0 if it is a draw, -1 if the other wins."""
        if self.book and (known := self.book.get(self.key(position))) is not None:
            return known
        return self._solve(position, weak=True)

    def move_scores(self, position: NDArray[np.int8], strict: bool) -> NDArray[np.int64]:
        """The value of every column for the player to move.

        Args:
            position: Not over.
            strict: Scores; otherwise results.

        Returns:
            Shape ``(columns,)``; `NO_MOVE` where the column is full.
        """
        values = np.full(self.rules.columns, NO_MOVE, np.int64)
        for column in np.flatnonzero(self.rules.legal(position[None])[0]).tolist():
            values[column] = self.move_score(position, column, strict)
        return values

    def move_score(self, position: NDArray[np.int8], column: int, strict: bool) -> int:
        """The value of one legal column; see `move_scores`."""
        after = self.rules.play(position[None], np.array([column]))
        if after[0, -1] != 0:
            won = after[0, -1] != 3
            stones = int(np.count_nonzero(position[:-2]))
            return int(won) * ((self.rules.max_length + 1 - stones) // 2 if strict else 1)
        return -(self.score(after[0]) if strict else self.result(after[0]))

    def best_move(self, position: NDArray[np.int8]) -> int:
        """A move that keeps the result; from `STRICT_FROM` stones on also the soonest win or latest loss."""
        order = self.order(position)
        if np.count_nonzero(position[:-2]) >= STRICT_FROM:
            values = self.move_scores(position, strict=True)
            return max(order, key=lambda column: values[column])
        goal = self.result(position)
        legal = self.rules.legal(position[None])[0]
        return next(c for c in order if legal[c] and self.move_score(position, c, strict=False) == goal)

    def order(self, position: NDArray[np.int8]) -> list[int]:
        """Columns from the middle outwards; in the mirror image of a position the images of the same ones."""
        rows, columns = self.rules.rows, self.rules.columns
        mine, mask = bits(position, rows, columns)
        side = 1 if mine + mask + bottom_row(rows, columns) == self.key(position) else -1
        return sorted(range(columns), key=lambda column: (abs(2 * column - columns + 1), side * column))

    def _solve(self, position: NDArray[np.int8], weak: bool) -> int:
        rows, columns = self.rules.rows, self.rules.columns
        mine, mask = bits(position, rows, columns)
        table = self._results if weak else self._scores
        with self._lock:
            return int(solve(mine, mask, weak, rows, columns, table.keys, table.bounds, self.visited))


NO_MOVE = -(1 << 20)
"""The value of a column that is full."""


@njit
def bits(position, rows, columns):  # type: ignore[no-untyped-def]
    """A position of `sandbox_games.rules.lines` as bitboards: stones of the player to move, all stones."""
    mine = 0
    mask = 0
    stone = position[-2] + 1
    for row in range(rows):
        for column in range(columns):
            cell = position[row * columns + column]
            if cell != 0:
                bit = 1 << (column * (rows + 1) + row)
                mask |= bit
                if cell == stone:
                    mine |= bit
    return mine, mask


@njit
def canonical(mine, mask, rows, columns):  # type: ignore[no-untyped-def]
    """The smaller of a position's key and its mirror image's."""
    bottom = bottom_row(rows, columns)
    image = mirrored(mine, rows, columns) + mirrored(mask, rows, columns) + bottom
    return min(mine + mask + bottom, image)


@njit
def won(mine, mask, rows):  # type: ignore[no-untyped-def]
    """Whether the player who is not to move has a line."""
    return has_line(mine ^ mask, rows)


@lru_cache(maxsize=1)
def read_book() -> dict[int, int]:
    """The book that is shipped: results by canonical key; made by ``python -m sandbox_games.solver.book``."""
    source = files("sandbox_games").joinpath("data", BOOK)
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        keys: Any = np.cumsum(archive["steps"]).tolist()
        return dict(zip(keys, archive["results"].tolist(), strict=True))

"""Makes the book of Connect Four openings: ``python -m sandbox_games.solver.book``.

The book holds the result of every position that `ConnectFourSolver.best_move` asks for as long as fewer than
`STRICT_FROM` stones lie on the board, when it plays either colour against any moves, also after any two first
moves. The results are read from the database of the package ``bitbully-databases`` (MIT licence), which knows
positions with up to twelve stones, by ``bitbully``; neither is needed to use the book. To search for them
with this package's own search (``--own-search``) takes hours of one core even for seven stones.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_games.rules.lines import CONNECT_FOUR
from sandbox_games.solver.connect_four import BOOK, STRICT_FROM, ConnectFourSolver

PLACE = Path(__file__).resolve().parent.parent / "data" / BOOK
FREE = 2
"""First moves that are anybody's: ladders begin with as many random ones."""


class DatabaseSolver(ConnectFourSolver):
    """A solver whose results come from BitBully's database."""

    def __init__(self) -> None:
        import bitbully

        super().__init__(CONNECT_FOUR, table_size=1009)
        self._board: Any = bitbully.Board
        self._database: Any = bitbully.BitBully(opening_book="12-ply-dist")

    def _solve(self, position: NDArray[np.int8], weak: bool) -> int:
        rows = position[:-2].reshape(CONNECT_FOUR.rows, CONNECT_FOUR.columns)[::-1]
        score = int(self._database.mtdf(self._board(rows.astype(int).tolist())))
        return int(np.sign(score)) if weak else score


def fill(solver: ConnectFourSolver, stones: int, seat: int) -> None:
    """Put into the book what a perfect player in a seat asks, with up to so many stones on the board."""
    rules = solver.rules
    level = {solver.key(position): position for position in rules.start(1)}
    for ply in range(stones + 1):
        following = {}
        for position in level.values():
            moves = np.flatnonzero(rules.legal(position[None])[0])
            if ply % 2 == seat:
                best = remember(solver, position)
                moves = moves if ply < FREE else np.array([best])
            for move in moves:
                after = rules.play(position[None], np.array([move]))[0]
                if after[-1] == 0:
                    following[solver.key(after)] = after
        level = following
        save(solver.book)


def remember(solver: ConnectFourSolver, position: NDArray[np.int8]) -> int:
    """Put into the book what `best_move` asks in a position, and give its move."""
    rules = solver.rules
    solver.book.setdefault(solver.key(position), solver.result(position))
    move = solver.best_move(position)
    order = solver.order(position)
    for column in order[: order.index(move) + 1]:
        if rules.legal(position[None])[0, column]:
            after = rules.play(position[None], np.array([column]))[0]
            if after[-1] == 0:
                solver.book.setdefault(solver.key(after), solver.result(after))
    return move


def save(book: dict[int, int]) -> None:
    """Write the book beside its place and move it in."""
    keys = np.array(sorted(book), np.int64)
    results = np.array([book[key] for key in keys.tolist()], np.int8)
    temporary = PLACE.with_suffix(".tmp.npz")
    PLACE.parent.mkdir(exist_ok=True)
    # Ascending keys as differences: half the size when compressed.
    np.savez_compressed(temporary, steps=np.diff(keys, prepend=0), results=results)
    os.replace(temporary, PLACE)


def main() -> None:
    """Make the book, deeper and deeper."""
    parser = argparse.ArgumentParser(description="Make the book of Connect Four openings.")
    parser.add_argument("--stones", type=int, default=STRICT_FROM - 1)
    parser.add_argument("--own-search", action="store_true", help="search for results: hours")
    given = parser.parse_args()
    solver: ConnectFourSolver
    solver = ConnectFourSolver(CONNECT_FOUR, (1 << 26) + 15) if given.own_search else DatabaseSolver()
    began = time.process_time()
    for seat in (0, 1):
        fill(solver, given.stones, seat)
        seconds = time.process_time() - began
        print(f"seat {seat}: {len(solver.book)} results, {seconds:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

"""Makes the book of Connect Four openings: ``python -m sandbox_games.solver.book [--stones N]``.

The book holds the result of every position that `ConnectFourSolver.best_move` needs to know when it plays
either colour against any moves, as long as at most N stones lie on the board. It is written after every
position, so that a run which was stopped goes on where it was. Seven stones take hours of one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np

from sandbox_games.rules.lines import CONNECT_FOUR
from sandbox_games.solver.connect_four import BOOK, ConnectFourSolver

EMPTY_RESULT = 1
"""The player who begins wins (Allis 1988, Allen 1988): what lets the search of the first moves be skipped."""

PLACE = Path(__file__).resolve().parent.parent / "data" / BOOK


def decisions(solver: ConnectFourSolver, stones: int, seat: int) -> dict[int, np.ndarray]:
    """Positions in which a perfect player in a seat has to move, by key, up to so many stones.

    Every one that the book does not know yet is solved on the way, the deepest last.
    """
    rules = solver.rules
    level = {solver.key(position): position for position in rules.start(1)}
    for ply in range(stones + 1):
        following = {}
        for position in level.values():
            moves = np.flatnonzero(rules.legal(position[None])[0])
            if ply % 2 == seat:
                remember(solver, position)
                moves = np.array([solver.best_move(position)])
            for move in moves:
                after = rules.play(position[None], np.array([move]))[0]
                if after[-1] == 0:
                    following[solver.key(after)] = after
        level = following
    return level


def remember(solver: ConnectFourSolver, position: np.ndarray) -> None:
    """Put into the book what `best_move` asks in a position."""
    rules = solver.rules
    solver.book.setdefault(solver.key(position), solver.result(position))
    move = solver.best_move(position)
    order = sorted(range(rules.columns), key=lambda column: abs(2 * column - rules.columns + 1))
    for column in order[: order.index(move) + 1]:
        after = rules.play(position[None], np.array([column]))[0]
        if rules.legal(position[None])[0, column] and after[-1] == 0:
            solver.book.setdefault(solver.key(after), solver.result(after))
    save(solver.book)


def save(book: dict[int, int]) -> None:
    """Write the book beside its place and move it in."""
    keys = np.array(sorted(book), np.int64)
    results = np.array([book[key] for key in keys.tolist()], np.int8)
    temporary = PLACE.with_suffix(".tmp.npz")
    PLACE.parent.mkdir(exist_ok=True)
    np.savez_compressed(temporary, keys=keys, results=results)
    os.replace(temporary, PLACE)


def load() -> dict[int, int]:
    """The book so far."""
    if not PLACE.is_file():
        return {}
    with np.load(PLACE, allow_pickle=False) as archive:
        return dict(zip(archive["keys"].tolist(), archive["results"].tolist(), strict=True))


def main() -> None:
    """Make the book, deeper and deeper."""
    parser = argparse.ArgumentParser(description="Make the book of Connect Four openings.")
    parser.add_argument("--stones", type=int, default=7)
    stones = parser.parse_args().stones
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=(1 << 26) + 15, book=load())
    began = time.process_time()
    for seat in (0, 1):
        decisions(solver, stones, seat)
        print(
            f"seat {seat}: {len(solver.book)} results, {time.process_time() - began:.0f} s", file=sys.stderr
        )


if __name__ == "__main__":
    main()

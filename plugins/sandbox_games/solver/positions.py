"""Makes the held-out Connect Four positions: ``python -m sandbox_games.solver.positions``.

Positions of games in which each move is random with probability 0.3 and else that of alpha-beta, four plies
deep. Kept are positions that are not over, with at least one move that gives the result away: otherwise
every agent would be right. No position or mirror image of one occurs twice. The scores of all moves are
exact; see `sandbox_games.solver.search`. Making 1,050 takes two minutes of one core.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox_games.rules.lines import CONNECT_FOUR
from sandbox_games.solver.connect_four import NO_MOVE, ConnectFourSolver
from sandbox_games.solver.shallow import root_values

HELD_OUT = "connect_four_held_out.npz"
PLACE = Path(__file__).resolve().parent.parent / "data" / HELD_OUT
RANDOM_SHARE = 0.3
LEAST_SCORE = -21
FEWEST, MOST = 14, 34
"""Stones on the board."""


@dataclass(frozen=True)
class SolvedPositions:
    """Positions with the exact scores of their moves.

    Attributes:
        moves: Columns played, shape ``(n, 42)``; only as many of a row as there are ``stones`` count.
        stones: Stones on the board, shape ``(n,)``.
        scores: Of every column for the player to move, shape ``(n, 7)``; `NO_MOVE` where it is full.
    """

    moves: NDArray[np.int8]
    stones: NDArray[np.int64]
    scores: NDArray[np.int64]

    def positions(self) -> NDArray[np.int8]:
        """As `sandbox_games.rules.lines` has them, shape ``(n, 44)``."""
        positions = CONNECT_FOUR.start(len(self.stones))
        for ply in range(int(self.stones.max())):
            due = np.flatnonzero(self.stones > ply)
            positions[due] = CONNECT_FOUR.play(positions[due], self.moves[due, ply].astype(np.int64))
        return positions

    def keeps_result(self) -> NDArray[np.bool_]:
        """Moves after which the result is the best that can be had, shape ``(n, 7)``."""
        results = np.where(self.scores == NO_MOVE, NO_MOVE, np.sign(self.scores))
        keeps: NDArray[np.bool_] = results == results.max(1, keepdims=True)
        return keeps

    def best(self) -> NDArray[np.bool_]:
        """Moves that also win soonest or lose latest, shape ``(n, 7)``."""
        best: NDArray[np.bool_] = self.scores == self.scores.max(1, keepdims=True)
        return best


@lru_cache(maxsize=1)
def held_out() -> SolvedPositions:
    """The positions that are shipped."""
    source = files("sandbox_games").joinpath("data", HELD_OUT)
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        stones, scores = archive["stones"].astype(np.int64), archive["scores"].astype(np.int64)
        return SolvedPositions(archive["moves"], stones, np.where(scores < LEAST_SCORE, NO_MOVE, scores))


def candidates(rng: np.random.Generator, stones: int) -> Iterator[tuple[NDArray[np.int8], list[int]]]:
    """Positions with so many stones, each with the moves that led there, without end."""
    rules = CONNECT_FOUR
    while True:
        positions, moves = rules.start(1), []
        for _ in range(stones):
            legal = np.flatnonzero(rules.legal(positions)[0])
            if not len(legal):
                break
            if rng.random() < RANDOM_SHARE:
                move = rng.choice(legal)
            else:
                values = root_values(positions[0], rules, 4)
                best = max(values.values())
                move = rng.choice([column for column, value in values.items() if value >= best - 1e-9])
            positions = rules.play(positions, np.array([move]))
            moves.append(int(move))
        if positions[0, -1] == 0:
            yield positions[0], moves


def make(count: int, seed: int) -> SolvedPositions:
    """Draw and solve positions, equally many of every number of stones."""
    rng = np.random.default_rng(seed)
    solver = ConnectFourSolver(CONNECT_FOUR, table_size=(1 << 26) + 15)
    known: set[int] = set()
    moves = np.zeros((count, CONNECT_FOUR.max_length), np.int8)
    scores = np.zeros((count, CONNECT_FOUR.columns), np.int64)
    numbers = range(FEWEST, MOST + 1)
    stones_of = np.zeros(count, np.int64)
    kept = 0
    began = time.process_time()
    for index, stones in enumerate(
        reversed(numbers)
    ):  # what the deeper ones teach the table helps the others
        goal = count * (index + 1) // len(numbers)
        for position, played in candidates(rng, stones):
            if kept >= goal:
                break
            key = solver.key(position)
            if key in known:
                continue
            known.add(key)
            matched = solver.move_scores(position, strict=True)
            results = np.sign(matched[matched != NO_MOVE])
            if results.min() < results.max():
                moves[kept, :stones], stones_of[kept], scores[kept] = played, stones, matched
                kept += 1
        print(f"{stones} stones: {kept} positions, {time.process_time() - began:.0f} s", file=sys.stderr)
    return SolvedPositions(moves, stones_of, scores)


def main() -> None:
    """Make the file."""
    parser = argparse.ArgumentParser(description="Make the held-out Connect Four positions.")
    parser.add_argument("--count", type=int, default=1050)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    solved = make(arguments.count, arguments.seed)
    temporary = PLACE.with_suffix(".tmp.npz")
    PLACE.parent.mkdir(exist_ok=True)
    small = np.where(solved.scores == NO_MOVE, -128, solved.scores).astype(np.int8)
    np.savez_compressed(temporary, moves=solved.moves, stones=solved.stones.astype(np.int8), scores=small)
    os.replace(temporary, PLACE)


if __name__ == "__main__":
    main()

"""Judges the moves of a game that has ended by what the solver knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_games.match import BOTH, Match


def judged(match: Match, row: int, judge_from: int) -> dict[str, float]:
    """How many of the agent's moves were judged, and how many of them gave something away.

    A mistake is a move after which the result with perfect play is worse than it was before: a win that
    becomes a draw or a loss, or a draw that becomes a loss. Moves of the opening are not the agent's.

    Args:
        match: The games.
        row: Which one; it is over.
        judge_from: Stones on the board from which on moves are judged.
    """
    seat = int(match.seats[row])
    first = max(judge_from, int(match.first_decision[row]))
    plies = [ply for ply in range(first, int(match.plies[row])) if seat in (BOTH, ply % 2)]
    if not plies:
        return {"judged": 0.0, "mistakes": 0.0}
    from sandbox_games.solver.perfect import solver_of

    solver: Any = solver_of(match.name)
    positions = match.replayed(np.full(len(plies), row), np.array(plies))
    moves = match.history[row, plies]
    mistakes = sum(
        solver.move_score(position, int(move), strict=False) < solver.result(position)
        for position, move in zip(positions, moves, strict=True)
    )
    return {"judged": float(len(plies)), "mistakes": float(mistakes)}

"""Reward terms: pure functions of what one move changed, for each of the two players."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from sandbox.api import RewardSpec, RewardTerm


@dataclass(frozen=True, slots=True)
class Transition:
    """What a step changed; arrays of shape ``(copies, 2)``, one column a seat.

    Attributes:
        outcome: 1 for the winner and -1 for the loser of a game that just ended, 0 otherwise and after a
            draw.
        moved: 1 for a player who made a move in the step.
        forbidden: 1 for a player whose action the rules forbade, so that another move was made.
    """

    outcome: NDArray[Any]
    moved: NDArray[Any]
    forbidden: NDArray[Any]


def _spec(outcome: float = 1.0, moves: float = 0.0, forbidden: float = 0.0) -> RewardSpec:
    return RewardSpec(
        (
            RewardTerm(
                "outcome",
                lambda step: step.outcome,
                outcome,
                "1",
                "Silver et al. 2018, Science 362",
                "1 for a win, 0 for a draw, -1 for a loss, with the last move",
            ),
            RewardTerm("moves", lambda step: step.moved, moves, "moves", "", "own moves"),
            RewardTerm(
                "forbidden",
                lambda step: step.forbidden,
                forbidden,
                "moves",
                "",
                "actions that the rules forbid; the nearest legal one is played instead",
            ),
        )
    )


PRESETS = {
    "outcome": _spec(),
    "quick": _spec(moves=-0.01),
    "lawful": _spec(forbidden=-0.1),
}

"""Exact values of all tic-tac-toe positions, by going through every game."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox_games.rules.lines import TIC_TAC_TOE
from sandbox_games.solver.connect_four import NO_MOVE


class TicTacToeSolver:
    """Minimax with memory; there are 5,478 positions."""

    def __init__(self) -> None:
        self.rules = TIC_TAC_TOE
        self._known: dict[bytes, int] = {}

    def result(self, position: NDArray[np.int8]) -> int:
        """1 if the player to move wins with perfect play, 0 if it is a draw, -1 if the other wins."""
        key = position.tobytes()
        if key not in self._known:
            self._known[key] = int(self.move_scores(position, strict=False).max())
        return self._known[key]

    def move_scores(self, position: NDArray[np.int8], strict: bool) -> NDArray[np.int64]:
        """The result of every cell for the player to move; `NO_MOVE` where it is taken."""
        values = np.full(self.rules.num_actions, NO_MOVE, np.int64)
        for cell in np.flatnonzero(self.rules.legal(position[None])[0]).tolist():
            values[cell] = self.move_score(position, cell, strict)
        return values

    def move_score(self, position: NDArray[np.int8], cell: int, strict: bool) -> int:
        """The result of one legal cell; ``strict`` has no meaning here."""
        after = self.rules.play(position[None], np.array([cell]))[0]
        if after[-1] != 0:
            return int(after[-1] != 3)
        return -self.result(after)

    def best_move(self, position: NDArray[np.int8]) -> int:
        """The first move that keeps the result."""
        return int(self.move_scores(position, strict=False).argmax())

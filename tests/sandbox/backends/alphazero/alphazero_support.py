"""A game that is small enough to know by heart, networks that know nothing, and searches with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.api.game import Status, Symmetry
from sandbox.backends.alphazero.search import Found, Settings, search

PILE = 10


class Nim:
    """Take one, two or three from a pile; whoever takes the last wins. Piles of four are lost for the mover.

    A position is the pile and the player to move.
    """

    name = "nim"
    num_actions = 3
    observation_shape = (2, 1, PILE + 1)
    max_length = PILE
    symmetries: tuple[Symmetry, ...] = ()

    def start(self, count: int) -> Any:
        """Full piles."""
        return np.tile(np.array([PILE, 0], np.int64), (count, 1))

    def play(self, positions: Any, actions: Any) -> Any:
        """Take action + 1."""
        after = positions.copy()
        running = positions[:, 0] > 0
        after[running, 0] -= actions[running] + 1
        after[running, 1] = 1 - after[running, 1]
        return after

    def status(self, positions: Any) -> Status:
        """The player who cannot move has lost."""
        over = positions[:, 0] == 0
        outcome = np.where(over, np.where(positions[:, 1] == 1, 1.0, -1.0), 0.0)
        return Status(positions[:, 1].astype(np.int8), over, outcome.astype(np.float32))

    def legal(self, positions: Any) -> Any:
        """No more than there are."""
        return np.arange(1, 4) <= positions[:, :1]

    def observe(self, positions: Any, players: Any) -> Any:
        """The pile, and whose turn it is, one-hot."""
        seen = np.zeros((len(positions), *self.observation_shape), np.float32)
        seen[np.arange(len(positions)), 0, 0, positions[:, 0]] = 1.0
        seen[:, 1] = (positions[:, 1] == players)[:, None, None]
        return seen


def ignorant(planes: Any) -> tuple[Any, Any]:
    """A network for which all moves and positions are the same."""
    count = len(planes)
    return np.zeros((count, 3), np.float32), np.zeros(count, np.float32)


def searched(piles: Sequence[int], simulations: int, evaluate: Any = ignorant, c_scale: float = 0.2) -> Found:
    """A search without noise from piles, the first player to move."""
    positions = np.array([[pile, 0] for pile in piles])
    settings = Settings(simulations, considered=3, c_visit=50.0, c_scale=c_scale)
    return search(Nim(), evaluate, positions, settings, np.zeros((len(piles), 3)))

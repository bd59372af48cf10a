"""The players of the pool as baselines: the same code that plays an opponent's seat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.game import ActionValue
from sandbox_games.players import Player, player_of


class PlayerPolicy:
    """A player that reads the environment's games; implements `sandbox.api.Policy`.

    Args:
        env: An environment of `sandbox_games.env`.
        player: Chooses the moves.
    """

    def __init__(self, env: Any, player: Player) -> None:
        self._match, self._player = env.match, player
        self._rng = np.random.default_rng(0)
        self._rows: NDArray[Any] = np.zeros(0, np.int64)
        self._count = 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self._rng = np.random.default_rng(seed)

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[Any]:
        """A move for whoever is to move in each game; 0 for rows that wait."""
        match, self._count = self._match, len(observation)
        width = self._count // match.copies  # 2 where both seats are rows
        games = np.flatnonzero(~match.status.over)
        seats = match.status.player[games].astype(np.int64) if width == 2 else 0
        self._rows = games * width + seats
        actions = np.zeros(self._count, np.int64)
        seeds = self._rng.integers(2**31, size=match.copies)[games]
        actions[self._rows] = self._player.moves(
            match.positions[games], match.history[games], match.plies[games], seeds
        )
        return actions

    def explain(self) -> list[list[ActionValue]]:
        """What the player thought of the moves in the last call of `act`."""
        table: list[list[ActionValue]] = [[] for _ in range(self._count)]
        for row, figures in zip(self._rows.tolist(), self._player.figures, strict=True):
            table[row] = [ActionValue(action, dict(values)) for action, values in sorted(figures.items())]
        return table

    def save(self, directory: Path) -> None:
        """A baseline needs no file.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError


def _maker(name: str) -> Callable[[Any], PlayerPolicy]:
    def make(env: Any) -> PlayerPolicy:
        return PlayerPolicy(env, player_of(name, env.match.name))

    return make


alpha_beta_4 = _maker("alpha-beta-4")
mcts_100 = _maker("mcts-100")
mcts_1000 = _maker("mcts-1000")
mcts_10000 = _maker("mcts-10000")
perfect = _maker("perfect")

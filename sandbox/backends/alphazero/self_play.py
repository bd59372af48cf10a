"""Plays games of the network against itself through the task's environments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.game import Game, game_env
from sandbox.backends.alphazero.config import AlphaZeroConfig
from sandbox.backends.alphazero.replay import Samples
from sandbox.backends.alphazero.search import Evaluate, Found, Searchers, Settings

Array = NDArray[Any]


class SelfPlay:
    """Games in progress, and what has been recorded of each.

    Args:
        envs: Copies of the task whose two seats are rows.
        config: How to search and how games begin.
        rng: Draws Gumbel noise and random openings.

    Raises:
        MisfitError: If somebody else plays one of the seats.
    """

    def __init__(
        self, envs: VectorEnv[Any, Any, Any], config: AlphaZeroConfig, rng: np.random.Generator
    ) -> None:
        base = game_env(envs)
        if base is None:
            raise MisfitError(
                "alphazero searches with the rules of a game, which these environments do not give."
            )
        self._envs, self._base, self._config, self._rng = envs, base, config, rng
        self.game: Game = base.game
        self._copies = envs.num_envs // 2
        length, game = self.game.max_length, self.game
        self._planes: Array = np.zeros((self._copies, length, *game.observation_shape), np.float32)
        self._policies: Array = np.zeros((self._copies, length, game.num_actions), np.float32)
        self._legal: Array = np.zeros((self._copies, length, game.num_actions), np.bool_)
        self._values: Array = np.zeros((self._copies, length), np.float32)
        self._proven: Array = np.zeros((self._copies, length), np.bool_)
        self._players: Array = np.zeros((self._copies, length), np.int8)
        self._recorded: Array = np.zeros(self._copies, np.int64)
        self._random_left: Array = np.zeros(self._copies, np.int64)
        self._settings = Settings(
            config.simulations, config.considered, config.c_visit, config.c_scale, config.decisive_moves
        )

    def begin(self) -> None:
        """Start a game in every copy.

        Raises:
            MisfitError: If somebody else plays one of the seats.
        """
        _, info = self._envs.reset()
        if not np.all(info.get("active", True)):
            raise MisfitError(
                "alphazero plays both seats itself, but this scenario has an opponent.",
                "Train with --set config.opponent=self; what evaluation plays against is evaluation.config.",
            )
        self._open(np.arange(self._copies))

    def play(self, evaluate: Evaluate, searchers: Searchers, moves: int) -> tuple[Samples, dict[str, float]]:
        """Make moves in every game.

        Args:
            evaluate: The network.
            searchers: Search the positions.
            moves: In each game.

        Returns:
            The positions of games that ended, and figures of the search.
        """
        ended: list[Samples] = []
        figures: list[dict[str, float]] = []
        for _ in range(moves):
            positions = self._base.positions.copy()
            gumbel = self._rng.gumbel(size=(len(positions), self.game.num_actions))
            searched = searchers.run(self.game, evaluate, positions, self._settings, gumbel)
            status = self.game.status(positions)
            self._record(positions, status.player, searched)
            actions = self._with_openings(searched.actions, positions)
            ended += self._step(positions, status.player, actions)
            figures.append(_figures(searched))
        empty = self._samples(0, 0, 0.0)
        joined = Samples(*(np.concatenate([getattr(s, f) for s in [empty, *ended]]) for f in _FIELDS))
        return joined, {name: float(np.mean([one[name] for one in figures])) for name in figures[0]}

    def get_state(self) -> dict[str, Any]:
        """What has been recorded of the games in progress."""
        return {name: getattr(self, name).copy() for name in _STATE}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, over environments that are as they were then."""
        for name in _STATE:
            setattr(self, name, np.array(state[name]))

    def _record(self, positions: Array, players: Array, searched: Found) -> None:
        """Keep what was seen and found, but in random openings, whose moves say nothing of the outcome."""
        rows = np.flatnonzero(self._random_left == 0)
        at = self._recorded[rows]
        self._planes[rows, at] = self.game.observe(positions, players)[rows]
        self._policies[rows, at] = searched.policies[rows]
        self._legal[rows, at] = self.game.legal(positions)[rows]
        self._values[rows, at] = searched.values[rows]
        self._proven[rows, at] = searched.proven[rows]
        self._players[rows, at] = players[rows]
        self._recorded[rows] += 1

    def _with_openings(self, actions: Array, positions: Array) -> Array:
        chosen = actions.copy()
        rows = np.flatnonzero(self._random_left > 0)
        if len(rows):
            legal = self.game.legal(positions[rows])
            chosen[rows] = np.where(legal, self._rng.random(legal.shape), -1.0).argmax(1)
            self._random_left[rows] -= 1
        return chosen

    def _step(self, positions: Array, players: Array, actions: Array) -> list[Samples]:
        """Make the moves; the samples of games that ended."""
        copies = np.arange(self._copies)
        after = self.game.status(self.game.play(positions, actions))
        rows = np.zeros(self._envs.num_envs, np.int64)
        rows[copies * 2 + players] = actions
        self._envs.step(rows)
        over = np.flatnonzero(after.over)
        samples = [
            self._samples(row, int(self._recorded[row]), float(after.outcome[row])) for row in over.tolist()
        ]
        self._recorded[over] = 0
        self._open(over)
        return samples

    def _samples(self, row: int, count: int, outcome: float) -> Samples:
        mix = self._config.value_mix
        mine = np.where(self._players[row, :count] == 0, outcome, -outcome)
        searched = self._values[row, :count]
        values = np.where(self._proven[row, :count], searched, (1 - mix) * mine + mix * searched).astype(
            np.float32
        )
        return Samples(
            self._planes[row, :count].copy(),
            self._policies[row, :count].copy(),
            self._legal[row, :count].copy(),
            values,
        )

    def _open(self, rows: Array) -> None:
        """Decide how many random moves new games begin with."""
        random = self._rng.random(len(rows)) < self._config.random_openings
        moves = (
            self._rng.integers(1, self._config.random_moves + 1, len(rows))
            if self._config.random_moves
            else 0
        )
        self._random_left[rows] = np.where(random, moves, 0)


_FIELDS = ("planes", "policies", "legal", "values")
_STATE = ("_planes", "_policies", "_legal", "_values", "_proven", "_players", "_recorded", "_random_left")


def _figures(searched: Found) -> dict[str, float]:
    """How sharp the policies are before and after search (nats), and how sure the values."""
    return {
        "prior_entropy": _entropy(searched.priors),
        "search_entropy": _entropy(searched.policies),
        "value_size": float(np.abs(searched.values).mean()),
        "proven": float(searched.proven.mean()),
    }


def _entropy(policies: Array) -> float:
    return float(-(policies * np.log(np.maximum(policies, 1e-12))).sum(1).mean())

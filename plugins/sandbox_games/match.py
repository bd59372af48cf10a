"""A batch of games between two seats, with an opponent in one of them or agents in both."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_games.games import game_of
from sandbox_games.players import Player, player_of
from sandbox_games.reward import Transition

BOTH = -1
"""The seat of a copy in which both players are agents."""

Array = NDArray[Any]


class Match:
    """``copies`` games at once; all that an environment of games knows.

    Args:
        game: Name of the game.
        opponent: Who plays the seat that is no agent's; ``self``: both are agents'.
        seat: ``alternate``, ``first`` or ``second``: the agent's seat against an opponent.
        opening: Random moves before the first decision.
        copies: How many games.

    Attributes:
        positions: Of all games.
        history: Actions so far, shape ``(copies, max_length)``; only the first ``plies`` of a row count.
        plies: Moves so far, shape ``(copies,)``.
        seats: The agent's seat of each copy, or `BOTH`.
    """

    def __init__(self, game: str, opponent: str, seat: str, opening: int, copies: int) -> None:
        self.name, self.game, self.copies = game, game_of(game), copies
        self.opponent: Player | None = None if opponent == "self" else player_of(opponent, game)
        self.seat, self.opening = seat, opening
        self.positions: Array = self.game.start(copies)
        self.history: Array = np.zeros((copies, self.game.max_length), np.int16)
        self.plies: Array = np.zeros(copies, np.int64)
        self.seats: Array = np.full(copies, BOTH, np.int8)
        self.begun = np.zeros(copies, np.bool_)
        self._last_seat: Array = np.ones(copies, np.int8)
        self.forbidden: Array = np.zeros((copies, 2), np.int64)
        self.first_decision: Array = np.zeros(copies, np.int64)
        self.refresh()

    def refresh(self) -> None:
        """Look at the positions again."""
        self.status = self.game.status(self.positions)

    def begin(self, rows: Array, rngs: list[np.random.Generator], seeds: list[int | None]) -> None:
        """Start new games.

        Args:
            rows: Which copies, indices.
            rngs: A generator for every copy.
            seeds: The episode's seed of every copy where there is one: it decides on an alternating seat.
        """
        rows = np.asarray(rows, np.int64)
        self.positions[rows] = self.game.start(len(rows))
        self.plies[rows], self.forbidden[rows], self.begun[rows] = 0, 0, True
        for row in rows.tolist():
            self.seats[row] = self._next_seat(row, seeds[row])
        self.refresh()
        for _ in range(self.opening):
            self._random_moves(rows, rngs)
        self.first_decision[rows] = self.plies[rows]
        self._answer(rngs)

    def play(self, actions: Array, rngs: list[np.random.Generator]) -> Transition:
        """One move in every game, and the opponent's answer.

        Args:
            actions: Shape ``(copies, 2)``; only the mover's counts. A forbidden one is replaced by the next
                legal action in cyclic order.
            rngs: As for `begin`.
        """
        everyone = np.arange(self.copies)
        before = self.status
        running = ~before.over
        mover = before.player.astype(np.int64)
        chosen = np.asarray(actions)[everyone, mover].astype(np.int64)
        legal = self.game.legal(self.positions)
        allowed = legal[everyone, np.clip(chosen, 0, self.game.num_actions - 1)]
        wrong = running & ~allowed
        if wrong.any():
            chosen[wrong] = _next_legal(legal[wrong], chosen[wrong])
        moved, forbidden = np.zeros((self.copies, 2)), np.zeros((self.copies, 2))
        moved[everyone[running], mover[running]] = 1.0
        forbidden[everyone[wrong], mover[wrong]] = 1.0
        self.forbidden[everyone[wrong], mover[wrong]] += 1
        self._move(everyone[running], chosen[running])
        self._answer(rngs)
        ended = running & self.status.over
        outcome = np.zeros((self.copies, 2))
        outcome[:, 0] = np.where(ended, self.status.outcome, 0.0)
        outcome[:, 1] = -outcome[:, 0]
        return Transition(outcome, moved, forbidden)

    def masks(self) -> Array:
        """Allowed actions of both seats, shape ``(copies, 2, actions)``; who waits has action 0 alone."""
        masks = np.zeros((self.copies, 2, self.game.num_actions), np.bool_)
        masks[:, :, 0] = True
        rows = np.flatnonzero(~self.status.over)
        masks[rows, self.status.player[rows]] = self.game.legal(self.positions)[rows]
        return masks

    def observations(self) -> Array:
        """What both seats see, shape ``(copies, 2, *observation_shape)``; zeros for an opponent's."""
        seen: Array = np.stack(
            [self.game.observe(self.positions, np.full(self.copies, player, np.int8)) for player in (0, 1)], 1
        )
        seen[~self.present()] = 0.0
        return seen

    def present(self) -> Array:
        """Which seats are agents', shape ``(copies, 2)``."""
        here: Array = (self.seats[:, None] == BOTH) | (self.seats[:, None] == np.arange(2))
        return here

    def metrics(self, row: int) -> dict[str, float]:
        """What is reported of a game that has ended; in self-play for the player who began."""
        seat = max(int(self.seats[row]), 0)
        outcome = float(self.status.outcome[row]) * (1 - 2 * seat)
        return {
            "score": (1.0 + outcome) / 2.0,
            "won": float(outcome > 0),
            "drawn": float(outcome == 0),
            "length": float(self.plies[row]),
            "forbidden": float(self.forbidden[row].sum()),
        }

    def get_state(self) -> dict[str, Any]:
        """All that the future depends on but the generators; positions are rebuilt from the moves."""
        names = ("history", "plies", "seats", "begun", "_last_seat", "forbidden", "first_decision")
        return {name: getattr(self, name).copy() for name in names}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        for name, value in state.items():
            setattr(self, name, np.array(value))
        self.positions = self.replayed(np.arange(self.copies), self.plies)
        self.refresh()

    def replayed(self, rows: Array, plies: Array) -> Array:
        """The positions of some games after so many of their moves."""
        rows, plies = np.asarray(rows), np.asarray(plies)
        positions: Array = self.game.start(len(rows))
        for ply in range(int(plies.max(initial=0))):
            due = np.flatnonzero(plies > ply)
            positions[due] = self.game.play(positions[due], self.history[rows[due], ply].astype(np.int64))
        return positions

    def _next_seat(self, row: int, seed: int | None) -> int:
        if self.opponent is None:
            return BOTH
        if self.seat != "alternate":
            return int(self.seat == "second")
        seat = int(seed) % 2 if seed is not None else 1 - int(self._last_seat[row])
        self._last_seat[row] = seat
        return seat

    def _random_moves(self, rows: Array, rngs: list[np.random.Generator]) -> None:
        """A random move in each of these games that is not over."""
        running = rows[~self.status.over[rows]]
        legal = self.game.legal(self.positions)
        # A move that ends the game is taken back: an opening leaves something to play.
        chosen = np.array([int(rngs[row].choice(np.flatnonzero(legal[row]))) for row in running], np.int64)
        ends = self.game.status(self.game.play(self.positions[running], chosen)).over
        self._move(running[~ends], chosen[~ends])

    def _answer(self, rngs: list[np.random.Generator]) -> None:
        """Let the opponent move wherever it is its turn, until it is nowhere."""
        while self.opponent is not None:
            mine = self.begun & ~self.status.over & (self.status.player != self.seats)
            rows = np.flatnonzero(mine)
            if not len(rows):
                return
            seeds = np.array([int(rngs[row].integers(2**31)) for row in rows], np.int64)
            moves = self.opponent.moves(self.positions[rows], self.history[rows], self.plies[rows], seeds)
            self._move(rows, moves)

    def _move(self, rows: Array, actions: Array) -> None:
        if not len(rows):
            return
        self.positions[rows] = self.game.play(self.positions[rows], actions)
        self.history[rows, self.plies[rows]] = actions
        self.plies[rows] += 1
        self.refresh()


def _next_legal(legal: Array, chosen: Array) -> Array:
    """The first legal action at or after each chosen one, in cyclic order."""
    count = legal.shape[1]
    order = (chosen[:, None] + np.arange(count)) % count
    first = np.take_along_axis(legal, order, 1).argmax(1)
    nearest: Array = order[np.arange(len(order)), first]
    return nearest

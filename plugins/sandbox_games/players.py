"""Who plays without learning: at random, by alpha-beta, by OpenSpiel's MCTS, perfectly."""

from __future__ import annotations

import re
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, UnknownNameError
from sandbox_games.games import game_of, openspiel_of

Array = NDArray[Any]
Figures = list[dict[int, dict[str, float]]]

MAX_DEPTH = 42
MAX_SIMULATIONS = 10_000_000
UCT_C = 2.0
"""Exploration constant of OpenSpiel's examples."""


class Player(Protocol):
    """Chooses moves for a batch of positions.

    Attributes:
        figures: What it thought of the moves in the last call: by position, then by action.
    """

    figures: Figures

    def moves(self, positions: Array, history: Array, plies: Array, seeds: Array) -> Array:
        """One legal action for every position.

        Args:
            positions: Not over.
            history: The actions that led there, shape ``(count, max_length)``.
            plies: How many of them count, shape ``(count,)``.
            seeds: What is drawn at random depends on these alone, shape ``(count,)``.
        """
        ...


def player_of(name: str, game: str) -> Player:
    """A player by name, as the parameter ``opponent`` takes it.

    Raises:
        UnknownNameError: If there is no such player.
        InvalidValueError: If it cannot play the game, or its number is out of range.
    """
    if name == "random":
        return RandomPlayer(game)
    if name == "perfect":
        return PerfectPlayer(game)
    kind, _, number = name.rpartition("-")
    if kind in ("alpha-beta", "mcts") and re.fullmatch(r"[1-9][0-9]{0,7}", number):
        most = MAX_DEPTH if kind == "alpha-beta" else MAX_SIMULATIONS
        if int(number) > most:
            raise InvalidValueError(
                f"The opponent '{name}' asks for too much.", f"Allowed: {kind}-1 to -{most}."
            )
        return AlphaBetaPlayer(game, int(number)) if kind == "alpha-beta" else MctsPlayer(game, int(number))
    known = ["random", "alpha-beta-4", "mcts-100", "mcts-1000", "mcts-10000", "perfect"]
    raise UnknownNameError("opponent", name, known)


class RandomPlayer:
    """Uniform among the legal actions."""

    def __init__(self, game: str) -> None:
        self._game = game_of(game)
        self.figures: Figures = []

    def moves(self, positions: Array, history: Array, plies: Array, seeds: Array) -> Array:
        """See `Player.moves`."""
        legal = self._game.legal(positions)
        self.figures = [{} for _ in positions]
        return np.array(
            [
                int(np.random.default_rng(seed).choice(np.flatnonzero(row)))
                for row, seed in zip(legal, seeds.tolist(), strict=True)
            ],
            np.int64,
        )


class PerfectPlayer:
    """Keeps the result of the game, whatever it is; draws lots among equally good moves where all are known.

    Raises:
        InvalidValueError: For a game that is not solved here.
    """

    def __init__(self, game: str) -> None:
        from sandbox_games.solver.perfect import solver_of

        self._solver: Any = solver_of(game)
        self.figures: Figures = []

    def moves(self, positions: Array, history: Array, plies: Array, seeds: Array) -> Array:
        """See `Player.moves`; the seeds have no meaning here."""
        self.figures = [{} for _ in positions]
        return np.array([self._solver.best_move(position) for position in positions], np.int64)


class MctsPlayer:
    """OpenSpiel's Monte-Carlo tree search: UCT with random rollouts, proven results backed up.

    Args:
        game: Name of the game.
        simulations: Simulations a move.
    """

    def __init__(self, game: str, simulations: int) -> None:
        self._rules = openspiel_of(game)
        self._simulations = simulations
        self.figures: Figures = []

    def moves(self, positions: Array, history: Array, plies: Array, seeds: Array) -> Array:
        """See `Player.moves`."""
        import pyspiel

        chosen, self.figures = [], []
        for row in range(len(positions)):
            seed = int(seeds[row])
            evaluator = pyspiel.RandomRolloutEvaluator(1, seed)
            bot = pyspiel.MCTSBot(self._rules, evaluator, UCT_C, self._simulations, 1000, True, seed, False)
            state = self._rules.new_initial_state()
            for action in history[row, : plies[row]].tolist():
                state.apply_action(action)
            root = bot.mcts_search(state)
            chosen.append(int(root.best_child().action))
            self.figures.append(
                {
                    int(child.action): {
                        "visits": float(child.explore_count),
                        "value": float(child.total_reward / max(child.explore_count, 1)),
                    }
                    for child in root.children
                }
            )
        return np.array(chosen, np.int64)


class AlphaBetaPlayer:
    """Full-width search to a fixed depth; draws lots among the best moves.

    A position at the end of the search is worth, in Connect Four, the difference of the players' empty
    winning cells over 100, in other games nothing.

    Args:
        game: Name of the game.
        depth: Plies.
    """

    def __init__(self, game: str, depth: int) -> None:
        self._name, self._game, self._depth = game, game_of(game), depth
        self.figures: Figures = []

    def moves(self, positions: Array, history: Array, plies: Array, seeds: Array) -> Array:
        """See `Player.moves`."""
        chosen, self.figures = [], []
        for row, position in enumerate(positions):
            values = self._values(position, history[row], int(plies[row]))
            best = max(values.values())
            equal = [action for action, value in values.items() if value >= best - 1e-9]
            chosen.append(int(np.random.default_rng(int(seeds[row])).choice(equal)))
            self.figures.append({action: {"value": value} for action, value in values.items()})
        return np.array(chosen, np.int64)

    def _values(self, position: Any, history: Array, plies: int) -> dict[int, float]:
        if self._name == "connect-four":
            from sandbox_games.solver.shallow import root_values

            return root_values(position, self._game, self._depth)
        state = openspiel_of(self._name).new_initial_state()
        for action in history[:plies].tolist():
            state.apply_action(action)
        values, alpha = {}, -2.0
        for action in state.legal_actions():
            # Equal moves must get their exact value, so that lots are drawn among them alone.
            values[action] = -_negamax(
                state.child(action), self._depth - 1, -2.0, -alpha + 1e-9, state.current_player()
            )
            alpha = max(alpha, values[action])
        return values


def _negamax(state: Any, depth: int, alpha: float, beta: float, mover: int) -> float:
    """Value of a state for the opponent of ``mover``, who made the last move."""
    if state.is_terminal():
        return float(np.sign(state.player_return(1 - mover)))
    if depth == 0:
        return 0.0
    player = state.current_player()
    sign = 1.0 if player != mover else -1.0  # in some games the same player moves twice
    best = -2.0
    low, high = (alpha, beta) if sign > 0 else (-beta, -alpha)
    for action in state.legal_actions():
        best = max(best, -_negamax(state.child(action), depth - 1, -high, -low, player))
        low = max(low, best)
        if low >= high:
            break
    return sign * best

"""Which solver knows a game."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sandbox.api import InvalidValueError


@lru_cache(maxsize=4)
def solver_of(game: str) -> Any:
    """The solver of a game: ``result``, ``move_scores``, ``move_score`` and ``best_move``.

    Raises:
        InvalidValueError: If there is none.
    """
    if game == "tic-tac-toe":
        from sandbox_games.solver.tic_tac_toe import TicTacToeSolver

        return TicTacToeSolver()
    if game == "connect-four":
        from sandbox_games.rules.lines import CONNECT_FOUR
        from sandbox_games.solver.connect_four import ConnectFourSolver, read_book

        return ConnectFourSolver(CONNECT_FOUR, book=read_book())
    raise InvalidValueError(f"'{game}' is not solved here.", "Solved are connect-four and tic-tac-toe.")

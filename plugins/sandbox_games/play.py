"""Games played by a person; see `sandbox.api.hand`."""

from __future__ import annotations

from typing import Any

from sandbox.api.hand import Choice, Scene
from sandbox_games.boards import SIGNS, drawing, text_of
from sandbox_games.env import AGENTS
from sandbox_games.match import Match


class HandGame:
    """One game of an environment, seen from a seat.

    Args:
        match: The games; the first is played.
    """

    seats = AGENTS

    def __init__(self, match: Match) -> None:
        self._match = match

    def scene(self, seat: int) -> Scene:
        """The board, and the moves if it is one's turn."""
        match = self._match
        drawn = drawing(match)
        fallback = str(match.positions[0]).rstrip()
        text = text_of(drawn.board, fallback)
        board = drawn.board if drawn.board.cells else None
        if match.status.over[0]:
            return Scene(text, self._result(seat), (), board)
        mover = int(match.status.player[0])
        if mover != seat:
            return Scene(text, f"The {AGENTS[mover]} player ({SIGNS[mover]}) is to move.", (), board)
        legal = match.game.legal(match.positions)[0].nonzero()[0].tolist()
        choices = tuple(Choice(drawn.labels[action], action, drawn.cells.get(action)) for action in legal)
        return Scene(text, f"Your move: you are the {AGENTS[seat]} player ({SIGNS[seat]}).", choices, board)

    def label(self, action: Any) -> str:
        """A move as it is typed; where only the game's own words tell, those of the present position."""
        return drawing(self._match).labels.get(int(action)) or str(int(action))

    def _result(self, seat: int) -> str:
        outcome = float(self._match.status.outcome[0]) * (1 - 2 * seat)
        plies = int(self._match.plies[0])
        if outcome == 0:
            return f"A draw after {plies} moves."
        return f"{'You have won' if outcome > 0 else 'You have lost'} after {plies} moves."


class HandVersus(HandGame):
    """The task with one agent, who sits where the episode's seed says."""

    seats = ("agent",)  # type: ignore[assignment]

    def scene(self, seat: int) -> Scene:
        """As `HandGame.scene` from the agent's seat."""
        return super().scene(int(self._match.seats[0]))


def by_hand(env: Any) -> HandGame:
    """What `sandbox.api.Task.play` asks for."""
    return HandGame(env.match) if hasattr(env, "possible_agents") else HandVersus(env.match)

"""Games by name, and what is known of each beyond its rules."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sandbox_games.rules.lines import CONNECT_FOUR, TIC_TAC_TOE, Lines

NATIVE: dict[str, tuple[Lines, str]] = {
    "tic-tac-toe": (TIC_TAC_TOE, "tic_tac_toe"),
    "connect-four": (CONNECT_FOUR, "connect_four"),
}
"""Games with compiled rules, each with OpenSpiel's name for it."""


@lru_cache(maxsize=32)
def game_of(name: str) -> Any:
    """The rules of a game.

    Args:
        name: A key of `NATIVE`, or a game as OpenSpiel takes it.

    Raises:
        InvalidValueError: For a game that is not there or not of this kind.
    """
    if name in NATIVE:
        return NATIVE[name][0]
    from sandbox_games.rules.openspiel import OpenSpielGame

    return OpenSpielGame(name)


@lru_cache(maxsize=32)
def openspiel_of(name: str) -> Any:
    """OpenSpiel's game with the same actions."""
    from sandbox_games.rules.openspiel import load

    return load(NATIVE[name][1] if name in NATIVE else name)

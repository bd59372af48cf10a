"""Parameters of the tasks, with units and bounds."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Seat = Literal["alternate", "first", "second"]


class GamesConfig(BaseModel):
    """What all games have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    seat: Seat = Field(
        "alternate", description="who the agent is against an opponent; alternate: even episode seeds begin"
    )
    opening: int = Field(
        0, ge=0, le=30, description="moves that are made at random before the first decision, plies"
    )


class SolvedConfig(GamesConfig):
    """A game whose exact values are known."""

    game: Literal["connect-four", "tic-tac-toe"] = Field("connect-four", description="what is played")
    opponent: str = Field(
        "self",
        max_length=40,
        description="who plays the other seat: self (both seats are agents), random, alpha-beta-N "
        "(N plies deep), mcts-N (N simulations a move), perfect",
    )
    judge_from: int = Field(
        100,
        ge=0,
        le=100,
        description="stones on the board from which on the solver judges the agent's moves of a game, "
        "1; at 100 none",
    )


class BoardConfig(GamesConfig):
    """A game by OpenSpiel's rules."""

    game: str = Field(
        "breakthrough(rows=5,columns=5)",
        min_length=1,
        max_length=200,
        description="name and parameters as OpenSpiel takes them: two in turn, no chance, nothing hidden",
    )
    opponent: str = Field(
        "self",
        max_length=40,
        description="who plays the other seat: self (both seats are agents), random, alpha-beta-N "
        "(N plies deep), mcts-N (N simulations a move)",
    )


class VersusConfig(GamesConfig):
    """One agent against a fixed opponent."""

    game: str = Field(
        "connect-four",
        min_length=1,
        max_length=200,
        description="connect-four, tic-tac-toe, or a game as OpenSpiel takes it",
    )
    opponent: str = Field(
        "mcts-100",
        max_length=40,
        description="who plays the other seat: random, alpha-beta-N (N plies deep), mcts-N "
        "(N simulations a move), perfect (solved games)",
    )

"""Two-player games that take turns: rules that algorithms search with, and boards that people play on.

A task with ``game=True`` has environments with the attributes of `GameEnv`, besides everything else that
an environment offers. Algorithms with the capability ``search`` and saved policies that search find them with
`game_env`, whatever is wrapped around.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Positions = "NDArray[Any]"
"""A batch of positions: an array whose first axis is the batch. What a row holds is the game's own affair."""


@dataclass(frozen=True)
class Symmetry:
    """A relabelling of the board under which the game is the same.

    Attributes:
        cells: The cell that each cell of the image shows, both counted row by row; shape ``(H·W,)``.
        actions: The action that each action of the image stands for; shape ``(num_actions,)``.
    """

    cells: NDArray[np.int64]
    actions: NDArray[np.int64]


@dataclass(frozen=True)
class Status:
    """Who is to move and what the result is; arrays over a batch of positions.

    Attributes:
        player: 0 for the player who began, 1 for the other; int8. Of no meaning where the game is over.
        over: Whether the game has ended; bool.
        outcome: Of ended games for player 0: 1 won, 0 drawn, -1 lost; float32. 0 for others.
    """

    player: NDArray[np.int8]
    over: NDArray[np.bool_]
    outcome: NDArray[np.float32]


class Game(Protocol):
    """Rules of a zero-sum game for two with perfect information, over batches of positions.

    Attributes:
        name: For messages and saved policies; with it and the parameters in it the game is the same.
        num_actions: Actions are 0 to this number less one in every position.
        observation_shape: ``(planes, height, width)`` of `observe`.
        max_length: No game has more moves.
        symmetries: All but the identity.
    """

    name: str
    num_actions: int
    observation_shape: tuple[int, int, int]
    max_length: int
    symmetries: tuple[Symmetry, ...]

    def start(self, count: int) -> Any:
        """``count`` games before the first move."""
        ...

    def play(self, positions: Any, actions: NDArray[np.int64]) -> Any:
        """New positions after a legal action in each; games that are over stay as they are."""
        ...

    def status(self, positions: Any) -> Status:
        """Who is to move, what has ended, and how."""
        ...

    def legal(self, positions: Any) -> NDArray[np.bool_]:
        """Shape ``(count, num_actions)``; all false where the game is over."""
        ...

    def observe(self, positions: Any, players: NDArray[np.int8]) -> NDArray[np.float32]:
        """What each of the given players sees; shape ``(count, *observation_shape)``."""
        ...


@runtime_checkable
class GameEnv(Protocol):
    """What searching algorithms and policies read of an environment.

    Attributes:
        game: The rules.
        positions: The present positions, one row a copy of the environment.
    """

    game: Game
    positions: Any


def game_env(env: Any) -> GameEnv | None:
    """The environment of a game behind whatever wraps it, or None; the core of one made by `batched`.

    Args:
        env: A single environment, a vector environment, or one whose agents are rows.
    """
    for _ in range(16):
        if isinstance(env, GameEnv):
            return env
        inside = (getattr(env, name, None) for name in ("joint_envs", "parallel", "env", "core", "unwrapped"))
        inner = next((matched for matched in inside if matched is not None), None)
        if inner is None or inner is env:
            return None
        env = inner
    return None


@dataclass(frozen=True)
class ActionValue:
    """What a policy thought of one action in its last choice.

    Attributes:
        action: The action.
        figures: By name, for example ``prior`` (probability before search), ``visits`` and ``value``
            (expected outcome for the player to move, -1 to 1).
    """

    action: int
    figures: dict[str, float]


@runtime_checkable
class Explains(Protocol):
    """A policy that can say why it acted as it did."""

    def explain(self) -> list[list[ActionValue]]:
        """Figures of the last call of ``act``: one list a row, empty for rows that did not choose."""
        ...

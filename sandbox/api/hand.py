"""How a person plays a task: what is seen, and what may be chosen; see `sandbox.api.Task.play`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Choice:
    """Something that the person may do.

    Attributes:
        label: What is typed for it; unique in a scene, without spaces.
        action: What the environment is given.
        cell: Row and column of the board that stand for it, from 0, where there are such.
    """

    label: str
    action: Any
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class Board:
    """A grid of signs, for a page to draw.

    Attributes:
        cells: Rows from the top, each from the left: a sign of ``signs``, or nothing.
        signs: Every sign that may occur, each with its meaning.
        column_names: Shown below, one a column; may be empty.
        row_names: Shown at the left, one a row; may be empty.
        last: Row and column of what was done last.
    """

    cells: tuple[tuple[str, ...], ...]
    signs: tuple[tuple[str, str], ...]
    column_names: tuple[str, ...] = ()
    row_names: tuple[str, ...] = ()
    last: tuple[int, int] | None = None


@dataclass(frozen=True)
class Scene:
    """One moment of an episode, as a person sees it.

    Attributes:
        text: For the terminal, of several lines.
        message: One sentence: whose turn it is, or how it ended.
        choices: What the person may do now; nothing while others act, and at the end.
        board: The same for a page, where the task is played on a board.
    """

    text: str
    message: str
    choices: tuple[Choice, ...]
    board: Board | None = None


class ByHand(Protocol):
    """What `Task.play` gives for an environment.

    Attributes:
        seats: Who there is to play, in the order of the environment's agents.
    """

    seats: tuple[str, ...]

    def scene(self, seat: int) -> Scene:
        """The present moment as the person in a seat sees it."""
        ...

    def label(self, action: Any) -> str:
        """An action in the words of a choice, whoever's it is."""
        ...

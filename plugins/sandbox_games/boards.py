"""Boards as signs: for the terminal, the web page and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api.hand import Board
from sandbox_games.match import Match
from sandbox_games.rules.lines import Lines

SIGNS = ("x", "o")
"""Of the player who began and of the other."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True)
class Drawing:
    """A board to draw.

    Attributes:
        board: Signs by cell.
        cells: The cell that stands for an action, where there is one.
        labels: What an action is called.
    """

    board: Board
    cells: dict[int, tuple[int, int]]
    labels: dict[int, str]


def drawing(match: Match, row: int = 0) -> Drawing:
    """The board of one game as it stands."""
    if isinstance(match.game, Lines):
        return _lines(match, row)
    return _openspiel(match, row)


def text_of(board: Board, fallback: str = "") -> str:
    """The board as lines of text, with the names of rows and columns.

    Args:
        board: To write.
        fallback: What stands for a board without cells.
    """
    if not board.cells:
        return fallback
    margin = max((len(name) for name in board.row_names), default=0)
    width = max(1, *(len(name) for name in board.column_names)) if board.column_names else 1
    lines = []
    for index, cells in enumerate(board.cells):
        name = board.row_names[index] if board.row_names else ""
        signs = " ".join((sign or ".").rjust(width) for sign in cells)
        lines.append(f"{name.rjust(margin)} {signs}".rstrip())
    if board.column_names:
        lines.append(f"{' ' * margin} {' '.join(name.rjust(width) for name in board.column_names)}")
    return "\n".join(lines)


def _lines(match: Match, row: int) -> Drawing:
    game: Any = match.game
    rows, columns = game.rows, game.columns
    cells = match.positions[row][:-2].reshape(rows, columns)
    down = np.arange(rows)[::-1] if game.gravity else np.arange(rows)  # rows from the top
    signs = tuple(tuple("" if cell == 0 else SIGNS[cell - 1] for cell in cells[r]) for r in down)
    columns_named = tuple(LETTERS[:columns])
    last = None
    if match.plies[row]:
        action = int(match.history[row, match.plies[row] - 1])
        last = _top(cells, action, rows) if game.gravity else divmod(action, columns)
    if game.gravity:
        labels = {action: LETTERS[action] for action in range(columns)}
        places = {action: (_height_row(cells, action, rows), action) for action in range(columns)}
        rows_named: tuple[str, ...] = ()
    else:
        labels = {a: f"{LETTERS[a % columns]}{rows - a // columns}" for a in range(rows * columns)}
        places = {a: divmod(a, columns) for a in range(rows * columns)}
        rows_named = tuple(str(rows - r) for r in range(rows))
    meaning = tuple((sign, f"{who} player") for sign, who in zip(SIGNS, ("first", "second"), strict=True))
    return Drawing(Board(signs, meaning, columns_named, rows_named, last), places, labels)


def _top(cells: Any, column: int, rows: int) -> tuple[int, int]:
    """The highest stone of a column, rows counted from the top."""
    height = int(np.count_nonzero(cells[:, column]))
    return rows - height, column


def _height_row(cells: Any, column: int, rows: int) -> int:
    """The row into which a stone would fall, counted from the top; the top one where the column is full."""
    return max(rows - 1 - int(np.count_nonzero(cells[:, column])), 0)


def _openspiel(match: Match, row: int) -> Drawing:
    """OpenSpiel's own text; signs of cells where its actions are cells of a board."""
    state = match.positions[row]
    labels = {}
    if not state.is_terminal():
        player = state.current_player()
        labels = {a: _label(state, player, a) for a in state.legal_actions()}
    if match.plies[row]:
        labels.setdefault(int(match.history[row, match.plies[row] - 1]), "")
    return Drawing(Board((), ()), {}, labels)


def _label(state: Any, player: int, action: int) -> str:
    """OpenSpiel's own name of an action; its number where the board is larger than its names reach."""
    try:
        return "".join(state.action_to_string(player, action).split())
    except UnicodeDecodeError:
        return str(action)

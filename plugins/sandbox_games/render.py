"""Pictures of boards, drawn with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.hand import Board
from sandbox_games.boards import drawing
from sandbox_games.match import Match

COLOURS = {"x": "#d94f3d", "o": "#f2b83b"}
EMPTY, FIELD, TEXT = "#f4f6fa", "#2f5d8a", "#1c2733"


def canvas(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, list[Any]]:
    """A figure without pyplot, and its axes row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(np.asarray(figure.subplots(rows, columns))).ravel())


def to_array(figure: Any) -> NDArray[np.uint8]:
    """The figure's pixels, shape ``(height, width, 3)``."""
    figure.canvas.draw()
    pixels: NDArray[np.uint8] = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    return pixels


def frame(match: Match, row: int = 0) -> NDArray[np.uint8]:
    """The board of one game as a picture."""
    figure, axes = canvas(1, 1, (3.6, 3.6))
    draw_match(axes[0], match, row)
    return to_array(figure)


def draw_match(axes: Any, match: Match, row: int = 0, numbered: bool = False) -> None:
    """The board of one game; ``numbered`` writes on every stone which move it was, where stones stay."""
    drawn = drawing(match, row)
    axes.set_axis_off()
    if not drawn.board.cells:
        text = str(match.positions[row]).rstrip()
        axes.text(
            0.02, 0.98, text, family="monospace", fontsize=10, color=TEXT, va="top", transform=axes.transAxes
        )
        return
    draw_board(axes, drawn.board, _numbers(match, row) if numbered else {})


def draw_board(axes: Any, board: Board, numbers: dict[tuple[int, int], int]) -> None:
    """Discs on a field; the last move has a ring."""
    from matplotlib.patches import Circle, Rectangle

    rows, columns = len(board.cells), len(board.cells[0])
    axes.add_patch(Rectangle((-0.5, -0.5), columns, rows, color=FIELD, zorder=0))
    for r, cells in enumerate(board.cells):
        for c, sign in enumerate(cells):
            axes.add_patch(Circle((c, r), 0.42, color=COLOURS.get(sign, EMPTY), zorder=1))
            if (r, c) in numbers:
                axes.text(
                    c, r, str(numbers[r, c]), ha="center", va="center", fontsize=8, color=TEXT, zorder=3
                )
    if board.last is not None:
        axes.add_patch(Circle(board.last[::-1], 0.3, fill=False, linewidth=2, color=TEXT, zorder=2))
    for c, name in enumerate(board.column_names):
        axes.text(c, rows - 0.35, name, ha="center", va="top", fontsize=9, color=TEXT)
    for r, name in enumerate(board.row_names):
        axes.text(-0.65, r, name, ha="right", va="center", fontsize=9, color=TEXT)
    axes.set_xlim(-1.0, columns - 0.3)
    axes.set_ylim(rows + 0.1, -0.7)
    axes.set_aspect("equal")


def _numbers(match: Match, row: int) -> dict[tuple[int, int], int]:
    """Which move each stone was; every move puts down one stone that stays."""
    places: dict[tuple[int, int], int] = {}
    rows, columns = match.game.rows, match.game.columns
    height = [0] * columns
    for ply, action in enumerate(match.history[row, : match.plies[row]].tolist(), 1):
        if match.game.gravity:
            places[rows - 1 - height[action], action] = ply
            height[action] += 1
        else:
            places[divmod(action, columns)] = ply
    return places

"""Area that blocks cover: of each cell, and of each other."""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Floats


@njit
def shared_length(low: float, high: float, index: int, size: float) -> float:
    """Length of [low, high] inside cell ``index`` of cells of one size; negative if they are apart."""
    return min(high, (index + 1) * size) - max(low, index * size)


@njit
def cell_density(
    x: Floats,
    y: Floats,
    block_w: Floats,
    block_h: Floats,
    width: float,
    height: float,
    columns: int,
    rows: int,
) -> Floats:
    """Share of each cell that blocks cover, above 1 where they overlap, shape ``(rows, columns)``.

    Args:
        x: Centres of the blocks, the canvas' lower-left corner at the origin.
        y: As ``x``.
        block_w: Widths.
        block_h: Heights.
        width: Of the canvas.
        height: Of the canvas.
        columns: Cells along x.
        rows: Cells along y.
    """
    cell_w, cell_h = width / columns, height / rows
    area = np.zeros((rows, columns))
    for block in range(len(x)):
        cover_cells(area, x[block], y[block], block_w[block], block_h[block], cell_w, cell_h, 1.0)
    cells: Floats = area / (cell_w * cell_h)
    return cells


@njit
def cover_cells(
    area: Floats, x: float, y: float, width: float, height: float, cell_w: float, cell_h: float, by: float
) -> None:
    """Add a block's area in each cell, times ``by``, to ``area``, shape ``(rows, columns)``."""
    rows, columns = area.shape
    left, right = x - width / 2, x + width / 2
    bottom, top = y - height / 2, y + height / 2
    first_c, last_c = max(int(np.floor(left / cell_w)), 0), min(int(np.floor(right / cell_w)), columns - 1)
    first_r, last_r = max(int(np.floor(bottom / cell_h)), 0), min(int(np.floor(top / cell_h)), rows - 1)
    for r in range(first_r, last_r + 1):
        dy = shared_length(bottom, top, r, cell_h)
        for c in range(first_c, last_c + 1):
            dx = shared_length(left, right, c, cell_w)
            if dx > 0 and dy > 0:
                area[r, c] += by * (dx * dy)


@njit
def overlap_area(x: Floats, y: Floats, block_w: Floats, block_h: Floats) -> float:
    """Sum over all pairs of blocks of the area that the two share."""
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            dx = min(x[i] + block_w[i] / 2, x[j] + block_w[j] / 2) - max(
                x[i] - block_w[i] / 2, x[j] - block_w[j] / 2
            )
            dy = min(y[i] + block_h[i] / 2, y[j] + block_h[j] / 2) - max(
                y[i] - block_h[i] / 2, y[j] - block_h[j] / 2
            )
            if dx > 1e-9 and dy > 1e-9:
                total += dx * dy
    return total

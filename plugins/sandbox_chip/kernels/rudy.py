"""RUDY, a fast estimate of routing demand: each net's wire spread evenly over its bounding box.

Source: Spindler and Johannes 2007, Fast and Accurate Routing Demand Estimation for Efficient
Routability-driven Placement.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Floats, Ints


@njit
def rudy_map(bounds: Floats, net_weight: Floats, width: float, height: float, grid: int) -> Floats:
    """Each net adds weight · (1/Δx + 1/Δy) over its box; mean over each cell, shape ``(grid, grid)``.

    A side shorter than a cell counts as one cell around its middle. A box is the outer product of two
    trapezoids, so its second difference has at most sixteen entries: O(nets + grid²).

    Args:
        bounds: Box of each net, shape ``(N, 4)``; x₀ > x₁ for a net without pins.
        net_weight: Shape ``(N,)``.
        width: Of the canvas.
        height: Of the canvas.
        grid: Columns and rows.
    """
    cell_w, cell_h = width / grid, height / grid
    out = np.zeros((grid + 2, grid + 2))
    at_x, by_x = np.empty(4, np.int64), np.empty(4)
    at_y, by_y = np.empty(4, np.int64), np.empty(4)
    for net in range(len(net_weight)):
        if bounds[net, 0] > bounds[net, 1]:
            continue
        dx = max(bounds[net, 1] - bounds[net, 0], cell_w)
        dy = max(bounds[net, 3] - bounds[net, 2], cell_h)
        middle_x = (bounds[net, 0] + bounds[net, 1]) / 2
        middle_y = (bounds[net, 2] + bounds[net, 3]) / 2
        _differences((middle_x - dx / 2) / cell_w, (middle_x + dx / 2) / cell_w, grid, at_x, by_x)
        _differences((middle_y - dy / 2) / cell_h, (middle_y + dy / 2) / cell_h, grid, at_y, by_y)
        amount = net_weight[net] * (1.0 / dx + 1.0 / dy)
        for j in range(4):
            if by_y[j] != 0.0:
                for i in range(4):
                    out[at_y[j], at_x[i]] += amount * by_y[j] * by_x[i]
    for j in range(grid + 2):
        for i in range(1, grid + 2):
            out[j, i] += out[j, i - 1]
    for j in range(1, grid + 2):
        for i in range(grid + 2):
            out[j, i] += out[j - 1, i]
    return out[:grid, :grid].copy()


@njit
def _differences(low: float, high: float, grid: int, at: Ints, by: Floats) -> None:
    """First differences of the share of each cell that lies in [low, high], all in cells.

    Written: the cells in which the share changes, and by how much, shape ``(4,)`` each.
    """
    low, high = min(max(low, 0.0), float(grid)), min(max(high, 0.0), float(grid))
    first, last = int(low), int(high)
    at[0], by[0] = first, 1.0 - (low - first)
    at[1], by[1] = min(first + 1, grid), low - first
    at[2], by[2] = last, -(1.0 - (high - last))
    at[3], by[3] = min(last + 1, grid), -(high - last)


@njit
def mean_of_greatest(values: Floats, count: int) -> float:
    """Mean of the ``count`` greatest values, which are moved to the end (Hoare's selection)."""
    low, high, at = 0, len(values) - 1, len(values) - count
    while low < high:
        pivot = values[(low + high) // 2]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if at <= j:
            high = j
        elif at >= i:
            low = i
        else:
            break
    total = 0.0
    for i in range(at, len(values)):
        total += values[i]
    return total / count


@njit
def relative_rudy(
    bounds: Floats, net_weight: Floats, width: float, height: float, grid: int, scale: float
) -> tuple[Floats, float]:
    """RUDY in units of its mean over the canvas for nets that all span it, and its peak.

    Args:
        bounds: Box of each net, shape ``(N, 4)``.
        net_weight: Shape ``(N,)``.
        width: Of the canvas.
        height: Of the canvas.
        grid: Columns and rows.
        scale: Σ weight · (width + height) of the canvas over all nets.

    Returns:
        The map, shape ``(grid, grid)``, and the mean of the greatest tenth of its cells.
    """
    cells = rudy_map(bounds, net_weight, width, height, grid)
    unit = width * height / scale
    for j in range(grid):
        for i in range(grid):
            cells[j, i] *= unit
    flat = np.empty(grid * grid)
    for j in range(grid):
        for i in range(grid):
            # Summing up differences may leave a cell a rounding error below zero.
            cells[j, i] = max(cells[j, i], 0.0)
            flat[j * grid + i] = cells[j, i]
    return cells, mean_of_greatest(flat, max(flat.size // 10, 1))

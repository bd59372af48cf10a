"""circuit_training's proxy cost for searches: density and congestion from scratch in one compiled call."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sandbox_chip.kernels.congestion import blocked_routes, routes, spread
from sandbox_chip.kernels.density import cell_density
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.rudy import mean_of_greatest
from sandbox_chip.types import Floats, Ints


class ProxyArrays(NamedTuple):
    """What density and congestion depend on besides the places of the n macros; lengths in µm.

    Attributes:
        net_start: First of each net's pins, shape ``(N + 1,)``.
        net_pins: Pins by net, each net's source first.
        net_weight: Shape ``(N,)``.
        macro_start: Macro m has the pins ``macro_pins[macro_start[m]:macro_start[m + 1]]``.
        macro_pins: Pins by macro.
        turned_x: Offset of every pin from its macro's centre in each orientation choice, shape ``(K, P)``.
        turned_y: As ``turned_x``.
        width: Of the canvas.
        height: Of the canvas.
        columns: Cells of the cost grid along x.
        rows: Cells along y.
        capacity_h: Horizontal routes of a cell.
        capacity_v: Vertical routes of a cell.
        blocked_h: Horizontal routes that a macro takes, 1/µm.
        blocked_v: Vertical routes that a macro takes, 1/µm.
        smoothing: Neighbours on each side over which routes are spread.
        scale: Σ weight · (width + height) over all nets.
    """

    net_start: Ints
    net_pins: Ints
    net_weight: Floats
    macro_start: Ints
    macro_pins: Ints
    turned_x: Floats
    turned_y: Floats
    width: float
    height: float
    columns: int
    rows: int
    capacity_h: float
    capacity_v: float
    blocked_h: float
    blocked_v: float
    smoothing: int
    scale: float


class Blocks(NamedTuple):
    """Blocks and pins of a placement, the canvas' lower-left corner at the origin.

    Attributes:
        x: Centres: of the n macros, then of fixed macros, then of soft ones, shape ``(B,)``.
        y: As ``x``.
        width: As they are turned.
        height: As ``width``.
        hard: How many of them block routes: all but the soft ones.
        pin_x: Positions of all pins, shape ``(P,)``.
        pin_y: As ``pin_x``.
    """

    x: Floats
    y: Floats
    width: Floats
    height: Floats
    hard: int
    pin_x: Floats
    pin_y: Floats


@njit
def move_block(
    proxy: ProxyArrays, blocks: Blocks, macro: int, k: int, x: float, y: float, half_w: float, half_h: float
) -> None:
    """Put a macro and its pins somewhere; ``blocks`` is changed."""
    blocks.x[macro], blocks.y[macro] = x, y
    blocks.width[macro], blocks.height[macro] = 2 * half_w, 2 * half_h
    for at in range(proxy.macro_start[macro], proxy.macro_start[macro + 1]):
        pin = proxy.macro_pins[at]
        blocks.pin_x[pin], blocks.pin_y[pin] = x + proxy.turned_x[k, pin], y + proxy.turned_y[k, pin]


@njit
def density_and_congestion(proxy: ProxyArrays, blocks: Blocks) -> tuple[float, float]:
    """Density and congestion cost; see `sandbox_chip.costs`."""
    columns, rows = proxy.columns, proxy.rows
    cell_w, cell_h = proxy.width / columns, proxy.height / rows
    covered = cell_density(
        blocks.x, blocks.y, blocks.width, blocks.height, proxy.width, proxy.height, columns, rows
    )
    routes_h, routes_v = routes(
        proxy.net_start,
        proxy.net_pins,
        proxy.net_weight,
        blocks.pin_x,
        blocks.pin_y,
        cell_w,
        cell_h,
        columns,
        rows,
    )
    hard = blocks.hard
    blocked_h, blocked_v = blocked_routes(
        blocks.x[:hard],
        blocks.y[:hard],
        blocks.width[:hard],
        blocks.height[:hard],
        cell_w,
        cell_h,
        columns,
        rows,
        proxy.blocked_h,
        proxy.blocked_v,
    )
    horizontal = spread(routes_h.T / proxy.capacity_h, proxy.smoothing).T + blocked_h / proxy.capacity_h
    vertical = spread(routes_v / proxy.capacity_v, proxy.smoothing) + blocked_v / proxy.capacity_v
    both = np.empty(2 * rows * columns)
    for r in range(rows):
        for c in range(columns):
            both[r * columns + c] = horizontal[r, c]
            both[(rows + r) * columns + c] = vertical[r, c]
    return 0.5 * _top_mean(covered.copy().ravel(), 0.1), _top_mean(both, 0.05)


@njit
def _top_mean(values: Floats, share: float) -> float:
    """As `sandbox_chip.costs.top_mean`; the order of ``values`` is changed."""
    if len(values) >= 10:
        return mean_of_greatest(values, max(int(len(values) * share), 1))
    total, count = 0.0, 0
    for value in values:
        if value != 0.0:
            total += value
            count += 1
    return total / count if count else 0.0

"""circuit_training's proxy cost for searches, kept up to date as a few macros at a time move."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sandbox_chip.kernels.congestion import block_routes, route_net, routes, spread
from sandbox_chip.kernels.density import cover_cells
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.rudy import mean_of_greatest
from sandbox_chip.kernels.wirelength import half_perimeter, pins_box
from sandbox_chip.types import Floats, Ints

AREA, ROUTES_H, ROUTES_V, BLOCKED_H, BLOCKED_V = range(5)
"""Maps over the cost grid: area that blocks cover, routes of nets, and routes that hard macros take."""


class ProxyArrays(NamedTuple):
    """What density and congestion depend on besides the places of the n macros; lengths in µm.

    Attributes:
        net_start: First of each net's pins, shape ``(N + 1,)``.
        net_pins: Pins by net, each net's source first.
        net_weight: Shape ``(N,)``.
        macro_start: Macro m has the pins ``macro_pins[macro_start[m]:macro_start[m + 1]]``.
        macro_pins: Pins by macro.
        net_starts: Macro m has the nets ``macro_nets[net_starts[m]:net_starts[m + 1]]``, each once.
        macro_nets: Nets by macro.
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
    net_starts: Ints
    macro_nets: Ints
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


def copied(blocks: Blocks) -> Blocks:
    """A copy in memory of its own."""
    x, y, width, height, hard, pin_x, pin_y = blocks
    return Blocks(x.copy(), y.copy(), width.copy(), height.copy(), hard, pin_x.copy(), pin_y.copy())


class Scratch(NamedTuple):
    """Memory of `count_macros`.

    Attributes:
        marks: Last stamp of every net, shape ``(N,)``; at first 0.
        stamp: The last stamp, shape ``(1,)``; at first 0.
        cells: A row for each pin of the largest net, shape ``(…, 2)``.
    """

    marks: Ints
    stamp: Ints
    cells: Ints


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
def new_maps(proxy: ProxyArrays, blocks: Blocks) -> Floats:
    """What density and congestion are made of, from scratch, shape ``(5, rows, columns)``.

    See `AREA` and the names beside it.
    """
    columns, rows = proxy.columns, proxy.rows
    cell_w, cell_h = proxy.width / columns, proxy.height / rows
    maps = np.zeros((5, rows, columns))
    for block in range(len(blocks.x)):
        _cover(proxy, blocks, block, maps, 1.0)
    maps[ROUTES_H], maps[ROUTES_V] = routes(
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
    return maps


@njit
def _cover(proxy: ProxyArrays, blocks: Blocks, block: int, maps: Floats, by: float) -> None:
    """Add a block's area and the routes that it blocks to ``maps``, times ``by``: 1, or −1 to take it out."""
    cell_w, cell_h = proxy.width / proxy.columns, proxy.height / proxy.rows
    x, y, width, height = blocks.x[block], blocks.y[block], blocks.width[block], blocks.height[block]
    cover_cells(maps[AREA], x, y, width, height, cell_w, cell_h, by)
    if block < blocks.hard:
        rate_h, rate_v = by * proxy.blocked_h, by * proxy.blocked_v
        block_routes(maps[BLOCKED_H], maps[BLOCKED_V], x, y, width, height, cell_w, cell_h, rate_h, rate_v)


@njit
def count_macros(
    proxy: ProxyArrays, blocks: Blocks, macros: Ints, size: int, maps: Floats, scratch: Scratch, by: float
) -> float:
    """Add the first ``size`` of ``macros`` and all their nets to ``maps``, or take them out.

    Args:
        proxy: The design.
        blocks: Where all blocks and pins are.
        macros: Numbers of macros.
        size: How many of them.
        maps: Written; see `new_maps`. Not touched if it has no cells.
        scratch: See `Scratch`.
        by: 1 to add, −1 to take out.

    Returns:
        Weighted half-perimeters of the nets, in the netlist's unit.
    """
    scratch.stamp[0] += 1
    cell_w, cell_h = proxy.width / proxy.columns, proxy.height / proxy.rows
    length = 0.0
    for index in range(size):
        macro = macros[index]
        if maps.size > 0:
            _cover(proxy, blocks, macro, maps, by)
        for at in range(proxy.net_starts[macro], proxy.net_starts[macro + 1]):
            net = proxy.macro_nets[at]
            if scratch.marks[net] == scratch.stamp[0]:
                continue
            scratch.marks[net] = scratch.stamp[0]
            pins = proxy.net_pins[proxy.net_start[net] : proxy.net_start[net + 1]]
            weight = proxy.net_weight[net]
            length += weight * half_perimeter(pins_box(pins, blocks.pin_x, blocks.pin_y))
            if maps.size > 0:
                route_net(
                    maps[ROUTES_H],
                    maps[ROUTES_V],
                    pins,
                    blocks.pin_x,
                    blocks.pin_y,
                    cell_w,
                    cell_h,
                    by * weight,
                    scratch.cells,
                )
    return length


@njit
def density_and_congestion(proxy: ProxyArrays, maps: Floats) -> tuple[float, float]:
    """Density and congestion cost from `new_maps`; see `sandbox_chip.costs`."""
    columns, rows = proxy.columns, proxy.rows
    cell_area = (proxy.width / columns) * (proxy.height / rows)
    covered = np.empty(rows * columns)
    horizontal = spread(maps[ROUTES_H].T / proxy.capacity_h, proxy.smoothing)
    vertical = spread(maps[ROUTES_V] / proxy.capacity_v, proxy.smoothing)
    both = np.empty(2 * rows * columns)
    for r in range(rows):
        for c in range(columns):
            at = r * columns + c
            covered[at] = maps[AREA, r, c] / cell_area
            both[at] = horizontal[c, r] + maps[BLOCKED_H, r, c] / proxy.capacity_h
            both[rows * columns + at] = vertical[r, c] + maps[BLOCKED_V, r, c] / proxy.capacity_v
    return 0.5 * _top_mean(covered, 0.1), _top_mean(both, 0.05)


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

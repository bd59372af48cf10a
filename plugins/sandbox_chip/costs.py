"""Costs of a placement, from scratch: half perimeters, circuit_training's three costs, RUDY, overlap.

Formulas as the published descriptions and the asserted figures of circuit_training give them:

- wirelength cost: Σ w·HPWL / (Σ w · (W + H)) over all nets;
- density cost: half the mean of the densest tenth of the cells, soft macros included;
- congestion cost: routes over capacity in each cell and direction, spread over neighbours, plus what
  macros block; the mean of the worst twentieth of both directions together.

Sources: Mirhoseini et al. 2021; google-research/circuit_training; TILOS MacroPlacement, whose open
re-implementation describes the routing rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from sandbox_chip.netlist import MACRO, SOFT, Floats, Netlist

njit: Any = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Technology:
    """What the costs need to know beside the netlist.

    Attributes:
        columns: Cells of the cost grid along x.
        rows: Cells along y.
        routes_h: Horizontal routes per µm.
        routes_v: Vertical routes per µm.
        blocked_h: Horizontal routes per µm that a macro takes.
        blocked_v: Vertical routes per µm that a macro takes.
        smoothing: Neighbours on each side over which routes are spread.
    """

    columns: int = 32
    rows: int = 32
    routes_h: float = 70.33
    routes_v: float = 74.51
    blocked_h: float = 51.79
    blocked_v: float = 51.79
    smoothing: int = 2


@dataclass(frozen=True, slots=True)
class Costs:
    """circuit_training's costs; each is a pure number.

    Attributes:
        hpwl: Σ weight · half perimeter, µm.
        wirelength: ``hpwl`` over Σ weight · (width + height of the canvas).
        density: Half the mean of the densest tenth of the cells.
        congestion: Mean of the worst twentieth of the cells' congestions.
    """

    hpwl: float
    wirelength: float
    density: float
    congestion: float

    @property
    def proxy(self) -> float:
        """wirelength + ½·density + ½·congestion."""
        return self.wirelength + 0.5 * self.density + 0.5 * self.congestion


def evaluate(
    netlist: Netlist,
    technology: Technology,
    x: Floats | None = None,
    y: Floats | None = None,
    orientation: NDArray[np.int8] | None = None,
) -> Costs:
    """All costs of a placement; nodes without a position (NaN) and their pins count nowhere.

    Args:
        netlist: Nodes and nets; each net's source is its first pin.
        technology: Cost grid and routing resources.
        x: Centres; the file's placement if absent.
        y: Centres.
        orientation: Index into `ORIENTATIONS`.
    """
    x, y = (netlist.x if x is None else x), (netlist.y if y is None else y)
    orientation = netlist.orientation if orientation is None else orientation
    left, bottom = netlist.canvas[:2]
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    pin_x, pin_y = pin_x - left, pin_y - bottom
    total = float(_half_perimeters(netlist.net_start, netlist.net_pins, netlist.net_weight, pin_x, pin_y))
    width, height = netlist.size
    scale = float(netlist.net_weight.sum()) * (width + height)
    wide, high = _turned_sizes(netlist, orientation)
    block = (np.isin(netlist.kind, (MACRO, SOFT))) & np.isfinite(x)
    cells = _density(
        x[block] - left,
        y[block] - bottom,
        wide[block],
        high[block],
        width,
        height,
        technology.columns,
        technology.rows,
    )
    hard = (netlist.kind == MACRO) & np.isfinite(x)
    horizontal, vertical = congestion_maps(
        netlist, technology, (pin_x, pin_y), (x[hard] - left, y[hard] - bottom, wide[hard], high[hard])
    )
    return Costs(
        total,
        total / scale if scale else 0.0,
        0.5 * top_mean(cells, 0.1),
        top_mean(np.concatenate((horizontal.ravel(), vertical.ravel())), 0.05),
    )


def hpwl(netlist: Netlist, x: Floats, y: Floats, orientation: NDArray[np.int8] | None = None) -> float:
    """Σ weight · [(max x − min x) + (max y − min y)] over the pins of each net, µm."""
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    return float(_half_perimeters(netlist.net_start, netlist.net_pins, netlist.net_weight, pin_x, pin_y))


def _turned_sizes(netlist: Netlist, orientation: NDArray[np.int8]) -> tuple[Floats, Floats]:
    from sandbox_chip.netlist import ORIENTATIONS, swaps_sides

    swapped = np.array([swaps_sides(k) for k in range(len(ORIENTATIONS))])[orientation]
    return (
        np.where(swapped, netlist.height, netlist.width),
        np.where(swapped, netlist.width, netlist.height),
    )


@njit
def _half_perimeters(net_start, net_pins, weight, pin_x, pin_y):  # type: ignore[no-untyped-def]
    total = 0.0
    for net in range(len(weight)):
        lo_x, hi_x, lo_y, hi_y = np.inf, -np.inf, np.inf, -np.inf
        for at in range(net_start[net], net_start[net + 1]):
            x, y = pin_x[net_pins[at]], pin_y[net_pins[at]]
            if np.isnan(x) or np.isnan(y):
                continue
            lo_x, hi_x = min(lo_x, x), max(hi_x, x)
            lo_y, hi_y = min(lo_y, y), max(hi_y, y)
        if lo_x <= hi_x:
            total += weight[net] * ((hi_x - lo_x) + (hi_y - lo_y))
    return total


def top_mean(values: Floats, share: float) -> float:
    """Mean of the greatest ``share`` of the values, at least one; of all that are not 0 if under ten."""
    values = np.asarray(values, float).ravel()
    if len(values) < 10:
        occupied = values[values != 0]
        return float(occupied.mean()) if len(occupied) else 0.0
    count = max(int(len(values) * share), 1)
    return float(np.partition(values, len(values) - count)[-count:].mean())


@njit
def _density(x, y, wide, high, width, height, columns, rows):  # type: ignore[no-untyped-def]
    """Share of each cell that blocks cover (above 1 where they overlap), shape ``(rows, columns)``."""
    cell_w, cell_h = width / columns, height / rows
    area = np.zeros((rows, columns))
    for node in range(len(x)):
        left, right = x[node] - wide[node] / 2, x[node] + wide[node] / 2
        bottom, top = y[node] - high[node] / 2, y[node] + high[node] / 2
        first_c, last_c = (
            max(int(np.floor(left / cell_w)), 0),
            min(int(np.floor(right / cell_w)), columns - 1),
        )
        first_r, last_r = max(int(np.floor(bottom / cell_h)), 0), min(int(np.floor(top / cell_h)), rows - 1)
        for r in range(first_r, last_r + 1):
            dy = min(top, (r + 1) * cell_h) - max(bottom, r * cell_h)
            for c in range(first_c, last_c + 1):
                dx = min(right, (c + 1) * cell_w) - max(left, c * cell_w)
                if dx > 0 and dy > 0:
                    area[r, c] += dx * dy
    return area / (cell_w * cell_h)


def density_map(netlist: Netlist, technology: Technology, x: Floats, y: Floats, orientation: Any) -> Floats:
    """Share of each cell of the cost grid that macros cover, shape ``(rows, columns)``."""
    wide, high = _turned_sizes(netlist, orientation)
    block = np.isin(netlist.kind, (MACRO, SOFT)) & np.isfinite(x)
    left, bottom = netlist.canvas[:2]
    cells: Floats = _density(
        x[block] - left,
        y[block] - bottom,
        wide[block],
        high[block],
        *netlist.size,
        technology.columns,
        technology.rows,
    )
    return cells


def congestion_of(
    netlist: Netlist, technology: Technology, x: Floats, y: Floats, orientation: NDArray[np.int8]
) -> tuple[Floats, Floats]:
    """Horizontal and vertical congestion of a placement, shape ``(rows, columns)`` each."""
    left, bottom = netlist.canvas[:2]
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    wide, high = _turned_sizes(netlist, orientation)
    hard = (netlist.kind == MACRO) & np.isfinite(x)
    macros = (x[hard] - left, y[hard] - bottom, wide[hard], high[hard])
    return congestion_maps(netlist, technology, (pin_x - left, pin_y - bottom), macros)


def congestion_maps(
    netlist: Netlist, technology: Technology, pins: tuple[Floats, Floats], macros: tuple[Floats, ...]
) -> tuple[Floats, Floats]:
    """Horizontal and vertical congestion of every cell, shape ``(rows, columns)`` each.

    Args:
        netlist: The nets.
        technology: Cost grid and routing resources.
        pins: Positions of all pins, the canvas' lower-left corner at the origin.
        macros: Centres and sizes of the hard macros, likewise.
    """
    width, height = netlist.size
    cell_w, cell_h = width / technology.columns, height / technology.rows
    routes_h, routes_v = _routes(
        netlist.net_start,
        netlist.net_pins,
        netlist.net_weight,
        *pins,
        cell_w,
        cell_h,
        technology.columns,
        technology.rows,
    )
    capacity_h, capacity_v = cell_h * technology.routes_h, cell_w * technology.routes_v
    blocked_h, blocked_v = _blockage(
        *macros,
        cell_w,
        cell_h,
        technology.columns,
        technology.rows,
        technology.blocked_h,
        technology.blocked_v,
    )
    # Horizontal routes shift up and down to relieve each other, vertical ones left and right.
    horizontal = _spread(routes_h.T / capacity_h, technology.smoothing).T + blocked_h / capacity_h
    vertical = _spread(routes_v / capacity_v, technology.smoothing) + blocked_v / capacity_v
    return horizontal, vertical


@njit
def _two_cells(h, v, source, sink, weight):  # type: ignore[no-untyped-def]
    """An L: along the source's row, then along the sink's column."""
    for c in range(min(source[1], sink[1]), max(source[1], sink[1])):
        h[source[0], c] += weight
    for r in range(min(source[0], sink[0]), max(source[0], sink[0])):
        v[r, sink[1]] += weight


@njit
def _three_cells(h, v, cells, weight):  # type: ignore[no-untyped-def]  # noqa: PLR0912
    """Rules for three different cells, by rising column, then row."""
    order = np.argsort(cells[:3, 1] * 1_000_000 + cells[:3, 0])
    y1, x1 = cells[order[0], 0], cells[order[0], 1]
    y2, x2 = cells[order[1], 0], cells[order[1], 1]
    y3, x3 = cells[order[2], 0], cells[order[2], 1]
    if x1 < x2 < x3 and min(y1, y3) < y2 < max(y1, y3):
        for c in range(x1, x2):
            h[y1, c] += weight
        for c in range(x2, x3):
            h[y2, c] += weight
        for r in range(min(y1, y2), max(y1, y2)):
            v[r, x2] += weight
        for r in range(min(y2, y3), max(y2, y3)):
            v[r, x3] += weight
    elif x2 == x3 and x1 < x2 and y1 < min(y2, y3):
        for c in range(x1, x2):
            h[y1, c] += weight
        for r in range(y1, max(y2, y3)):
            v[r, x2] += weight
    elif y2 == y3:
        for c in range(x1, x2):
            h[y1, c] += weight
        for c in range(x2, x3):
            h[y2, c] += weight
        for r in range(min(y1, y2), max(y1, y2)):
            v[r, x2] += weight
    else:
        order = np.argsort(cells[:3, 0] * 1_000_000 + cells[:3, 1])
        y1, x1 = cells[order[0], 0], cells[order[0], 1]
        y2, x2 = cells[order[1], 0], cells[order[1], 1]
        y3, x3 = cells[order[2], 0], cells[order[2], 1]
        for c in range(min(x1, x2, x3), max(x1, x2, x3)):
            h[y2, c] += weight
        for r in range(y1, y2):
            v[r, x1] += weight
        for r in range(y2, y3):
            v[r, x3] += weight


@njit
def _routes(net_start, net_pins, weight, pin_x, pin_y, cell_w, cell_h, columns, rows):  # type: ignore[no-untyped-def]
    """Routes that cross each cell, horizontally and vertically."""
    h, v = np.zeros((rows, columns)), np.zeros((rows, columns))
    longest = 1
    for net in range(len(weight)):
        longest = max(longest, net_start[net + 1] - net_start[net])
    cells = np.empty((longest, 2), np.int64)
    for net in range(len(weight)):
        found = 0
        for at in range(net_start[net], net_start[net + 1]):
            x, y = pin_x[net_pins[at]], pin_y[net_pins[at]]
            if np.isnan(x) or np.isnan(y):
                continue
            r = min(max(int(np.floor(y / cell_h)), 0), rows - 1)
            c = min(max(int(np.floor(x / cell_w)), 0), columns - 1)
            new = True
            for other in range(found):
                if cells[other, 0] == r and cells[other, 1] == c:
                    new = False
                    break
            if new:
                cells[found, 0], cells[found, 1] = r, c
                found += 1
        if found == 3:
            _three_cells(h, v, cells, weight[net])
        elif found >= 2:
            for sink in range(1, found):
                _two_cells(h, v, cells[0], cells[sink], weight[net])
    return h, v


@njit
def _blockage(x, y, wide, high, cell_w, cell_h, columns, rows, blocked_h, blocked_v):  # type: ignore[no-untyped-def]
    """Routes that hard macros take from each cell.

    Where a macro covers its last row (or column) of cells only in part and spans more than one, that
    row blocks no vertical (that column no horizontal) routes.
    """
    h, v = np.zeros((rows, columns)), np.zeros((rows, columns))
    for node in range(len(x)):
        left, right = x[node] - wide[node] / 2, x[node] + wide[node] / 2
        bottom, top = y[node] - high[node] / 2, y[node] + high[node] / 2
        last_c, last_r = int(np.floor(right / cell_w)), int(np.floor(top / cell_h))
        if last_c < 0 or last_r < 0:
            continue
        first_c, first_r = max(int(np.floor(left / cell_w)), 0), max(int(np.floor(bottom / cell_h)), 0)
        last_c, last_r = min(last_c, columns - 1), min(last_r, rows - 1)
        part_v = part_h = False
        for r in range(first_r, last_r + 1):
            dy = min(top, (r + 1) * cell_h) - max(bottom, r * cell_h)
            for c in range(first_c, last_c + 1):
                dx = min(right, (c + 1) * cell_w) - max(left, c * cell_w)
                over_x, over_y = (dx, dy) if dx > 0 and dy > 0 else (0.0, 0.0)
                if first_r != last_r and (r in (first_r, last_r)) and abs(over_y - cell_h) > 1e-5:
                    part_v = True
                if first_c != last_c and (c in (first_c, last_c)) and abs(over_x - cell_w) > 1e-5:
                    part_h = True
                v[r, c] += over_x * blocked_v
                h[r, c] += over_y * blocked_h
        for c in range(first_c, last_c + 1):
            dx = min(right, (c + 1) * cell_w) - max(left, c * cell_w)
            dy = min(top, (last_r + 1) * cell_h) - max(bottom, last_r * cell_h)
            if part_v and dx > 0 and dy > 0:
                v[last_r, c] -= dx * blocked_v
        for r in range(first_r, last_r + 1):
            dx = min(right, (last_c + 1) * cell_w) - max(left, last_c * cell_w)
            dy = min(top, (r + 1) * cell_h) - max(bottom, r * cell_h)
            if part_h and dx > 0 and dy > 0:
                h[r, last_c] -= dy * blocked_h
    return h, v


@njit
def _spread(values, reach):  # type: ignore[no-untyped-def]
    """Each value in equal parts over itself and up to ``reach`` neighbours on each side of its row."""
    out = np.zeros(values.shape)
    rows, columns = values.shape
    for r in range(rows):
        for c in range(columns):
            first, last = max(c - reach, 0), min(c + reach, columns - 1)
            part = values[r, c] / (last - first + 1)
            for other in range(first, last + 1):
                out[r, other] += part
    return out


@njit
def rudy_map(bounds, weight, width, height, grid):  # type: ignore[no-untyped-def]
    """RUDY: every net adds weight · (1/Δx + 1/Δy) over its box; mean over each cell, shape ``(grid, grid)``.

    Sides shorter than a cell count as one cell around their middle. A box is an outer product of two
    trapezoids, so its second difference has at most sixteen entries: O(nets + grid²).
    Source: Spindler and Johannes 2007, Fast and Accurate Routing Demand Estimation.

    Args:
        bounds: Least and greatest x and y of each net, shape ``(nets, 4)``; x₀ > x₁ for an empty net.
        weight: Shape ``(nets,)``.
        width: Of the canvas.
        height: Of the canvas.
        grid: Columns and rows.
    """
    cell_w, cell_h = width / grid, height / grid
    out = np.zeros((grid + 2, grid + 2))
    at_x, by_x = np.empty(4, np.int64), np.empty(4)
    at_y, by_y = np.empty(4, np.int64), np.empty(4)
    for net in range(len(weight)):
        if bounds[net, 0] > bounds[net, 1]:
            continue
        dx = max(bounds[net, 1] - bounds[net, 0], cell_w)
        dy = max(bounds[net, 3] - bounds[net, 2], cell_h)
        middle_x = (bounds[net, 0] + bounds[net, 1]) / 2
        middle_y = (bounds[net, 2] + bounds[net, 3]) / 2
        _edges((middle_x - dx / 2) / cell_w, (middle_x + dx / 2) / cell_w, grid, at_x, by_x)
        _edges((middle_y - dy / 2) / cell_h, (middle_y + dy / 2) / cell_h, grid, at_y, by_y)
        amount = weight[net] * (1.0 / dx + 1.0 / dy)
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
def _edges(low, high, grid, at, by):  # type: ignore[no-untyped-def]
    """First differences of the share of each cell that lies within [low, high], in cells."""
    low, high = min(max(low, 0.0), float(grid)), min(max(high, 0.0), float(grid))
    first, last = int(low), int(high)
    at[0], by[0] = first, 1.0 - (low - first)
    at[1], by[1] = min(first + 1, grid), low - first
    at[2], by[2] = last, -(1.0 - (high - last))
    at[3], by[3] = min(last + 1, grid), -(high - last)


@njit
def overlap_area(x, y, wide, high):  # type: ignore[no-untyped-def]
    """Sum over pairs of blocks of the area that they share."""
    total = 0.0
    for i in range(len(x)):
        for j in range(i):
            dx = min(x[i] + wide[i] / 2, x[j] + wide[j] / 2) - max(x[i] - wide[i] / 2, x[j] - wide[j] / 2)
            dy = min(y[i] + high[i] / 2, y[j] + high[j] / 2) - max(y[i] - high[i] / 2, y[j] - high[j] / 2)
            if dx > 1e-9 and dy > 1e-9:
                total += dx * dy
    return total


def overlap(netlist: Netlist, x: Floats, y: Floats, orientation: NDArray[np.int8]) -> float:
    """Area that hard macros share in pairs, µm²; 0 for a legal placement."""
    wide, high = _turned_sizes(netlist, orientation)
    hard = (netlist.kind == MACRO) & np.isfinite(x)
    return float(overlap_area(x[hard], y[hard], wide[hard], high[hard]))

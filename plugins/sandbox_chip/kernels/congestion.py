"""Routing demand as circuit_training estimates it: fixed routes for each net, and what macros block.

A net visits the cells of its pins, each once, its source first. Two cells are joined by an L: along the
source's row, then along the sink's column. Three cells have four rules. More are a star of Ls from the
source. A route that goes from column c to column c + 1 counts in cell c, and so by rows.

Sources: google-research/circuit_training; TILOS MacroPlacement, whose open re-implementation describes the
rules.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.density import shared_length
from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Floats, Ints


@njit
def _along_row(h: Floats, row: int, first: int, last: int, weight: float) -> None:
    """A horizontal route from column ``first`` to column ``last``."""
    for c in range(first, last):
        h[row, c] += weight


@njit
def _along_column(v: Floats, column: int, first: int, last: int, weight: float) -> None:
    """A vertical route from row ``first`` to row ``last``."""
    for r in range(first, last):
        v[r, column] += weight


@njit
def _route_two(h: Floats, v: Floats, source: Ints, sink: Ints, weight: float) -> None:
    """An L: along the source's row, then along the sink's column."""
    _along_row(h, source[0], min(source[1], sink[1]), max(source[1], sink[1]), weight)
    _along_column(v, sink[1], min(source[0], sink[0]), max(source[0], sink[0]), weight)


@njit
def _route_three(h: Floats, v: Floats, cells: Ints, weight: float) -> None:
    """Rules for three different cells (row, column): first by rising column, then by rising row."""
    order = np.argsort(cells[:3, 1] * 1_000_000 + cells[:3, 0])
    y1, x1 = cells[order[0], 0], cells[order[0], 1]
    y2, x2 = cells[order[1], 0], cells[order[1], 1]
    y3, x3 = cells[order[2], 0], cells[order[2], 1]
    if x1 < x2 < x3 and min(y1, y3) < y2 < max(y1, y3):
        # A staircase: two Ls, which meet in the middle cell.
        _along_row(h, y1, x1, x2, weight)
        _along_row(h, y2, x2, x3, weight)
        _along_column(v, x2, min(y1, y2), max(y1, y2), weight)
        _along_column(v, x3, min(y2, y3), max(y2, y3), weight)
    elif x2 == x3 and x1 < x2 and y1 < min(y2, y3):
        # Two cells above each other, to the right of and above the first: one L through both.
        _along_row(h, y1, x1, x2, weight)
        _along_column(v, x2, y1, max(y2, y3), weight)
    elif y2 == y3:
        # The two cells on the right lie in one row: the trunk continues in it.
        _along_row(h, y1, x1, x2, weight)
        _along_row(h, y2, x2, x3, weight)
        _along_column(v, x2, min(y1, y2), max(y1, y2), weight)
    else:
        # A T: the trunk lies in the middle row.
        order = np.argsort(cells[:3, 0] * 1_000_000 + cells[:3, 1])
        y1, x1 = cells[order[0], 0], cells[order[0], 1]
        y2, x2 = cells[order[1], 0], cells[order[1], 1]
        y3, x3 = cells[order[2], 0], cells[order[2], 1]
        _along_row(h, y2, min(x1, x2, x3), max(x1, x2, x3), weight)
        _along_column(v, x1, y1, y2, weight)
        _along_column(v, x3, y2, y3, weight)


@njit
def _visited_cells(
    pins: Ints,
    pin_x: Floats,
    pin_y: Floats,
    cell_w: float,
    cell_h: float,
    columns: int,
    rows: int,
    cells: Ints,
) -> int:
    """The different cells of some pins in their order, as (row, column) into ``cells``; how many they are."""
    count = 0
    for pin in pins:
        x, y = pin_x[pin], pin_y[pin]
        if np.isnan(x) or np.isnan(y):
            continue
        r = min(max(int(np.floor(y / cell_h)), 0), rows - 1)
        c = min(max(int(np.floor(x / cell_w)), 0), columns - 1)
        is_new = True
        for other in range(count):
            if cells[other, 0] == r and cells[other, 1] == c:
                is_new = False
                break
        if is_new:
            cells[count, 0], cells[count, 1] = r, c
            count += 1
    return count


@njit
def routes(
    net_start: Ints,
    net_pins: Ints,
    net_weight: Floats,
    pin_x: Floats,
    pin_y: Floats,
    cell_w: float,
    cell_h: float,
    columns: int,
    rows: int,
) -> tuple[Floats, Floats]:
    """Weight of the horizontal and vertical routes that cross each cell, shape ``(rows, columns)`` each.

    Args:
        net_start: First of each net's pins, shape ``(N + 1,)``.
        net_pins: Pins by net, each net's source first.
        net_weight: Shape ``(N,)``.
        pin_x: Positions of the pins, the canvas' lower-left corner at the origin; pins at NaN do not count.
        pin_y: As ``pin_x``.
        cell_w: Width of a cell.
        cell_h: Height of a cell.
        columns: Cells along x.
        rows: Cells along y.
    """
    h, v = np.zeros((rows, columns)), np.zeros((rows, columns))
    cells = np.empty((max_degree(net_start), 2), np.int64)
    for net in range(len(net_weight)):
        pins = net_pins[net_start[net] : net_start[net + 1]]
        route_net(h, v, pins, pin_x, pin_y, cell_w, cell_h, net_weight[net], cells)
    return h, v


@njit
def max_degree(net_start: Ints) -> int:
    """Pins of the largest net, at least 1."""
    greatest = 1
    for net in range(len(net_start) - 1):
        greatest = max(greatest, net_start[net + 1] - net_start[net])
    return greatest


@njit
def route_net(
    h: Floats,
    v: Floats,
    pins: Ints,
    pin_x: Floats,
    pin_y: Floats,
    cell_w: float,
    cell_h: float,
    weight: float,
    cells: Ints,
) -> None:
    """Add ``weight`` to ``h`` and ``v`` wherever the route of one net runs.

    Args:
        h: Horizontal routes, shape ``(rows, columns)``.
        v: Vertical routes.
        pins: The net's pins, its source first.
        pin_x: See `routes`.
        pin_y: As ``pin_x``.
        cell_w: Width of a cell.
        cell_h: Height of a cell.
        weight: May be negative, to take a route out again.
        cells: Scratch, a row for each pin, shape ``(…, 2)``.
    """
    count = _visited_cells(pins, pin_x, pin_y, cell_w, cell_h, h.shape[1], h.shape[0], cells)
    if count == 3:
        _route_three(h, v, cells, weight)
    elif count >= 2:
        for sink in range(1, count):
            _route_two(h, v, cells[0], cells[sink], weight)


@njit
def blocked_routes(
    x: Floats,
    y: Floats,
    block_w: Floats,
    block_h: Floats,
    cell_w: float,
    cell_h: float,
    columns: int,
    rows: int,
    blocked_h: float,
    blocked_v: float,
) -> tuple[Floats, Floats]:
    """Horizontal and vertical routes that hard macros take from each cell, shape ``(rows, columns)`` each.

    Args:
        x: Centres of the macros, the canvas' lower-left corner at the origin.
        y: As ``x``.
        block_w: Widths.
        block_h: Heights.
        cell_w: Width of a cell.
        cell_h: Height of a cell.
        columns: Cells along x.
        rows: Cells along y.
        blocked_h: Horizontal routes that a macro takes, 1/µm.
        blocked_v: Vertical routes that a macro takes, 1/µm.
    """
    h, v = np.zeros((rows, columns)), np.zeros((rows, columns))
    for block in range(len(x)):
        block_routes(
            h, v, x[block], y[block], block_w[block], block_h[block], cell_w, cell_h, blocked_h, blocked_v
        )
    return h, v


@njit
def block_routes(
    h: Floats,
    v: Floats,
    x: float,
    y: float,
    width: float,
    height: float,
    cell_w: float,
    cell_h: float,
    blocked_h: float,
    blocked_v: float,
) -> None:
    """Add to ``h`` and ``v`` the routes that one hard macro takes; negative rates give them back.

    Args:
        h: Horizontal routes, shape ``(rows, columns)``.
        v: Vertical routes.
        x: Centre of the macro.
        y: As ``x``.
        width: Of the macro.
        height: Of the macro.
        cell_w: Width of a cell.
        cell_h: Height of a cell.
        blocked_h: Horizontal routes that it takes, 1/µm.
        blocked_v: Vertical routes that it takes, 1/µm.
    """
    rows, columns = h.shape
    left, right = x - width / 2, x + width / 2
    bottom, top = y - height / 2, y + height / 2
    last_c, last_r = int(np.floor(right / cell_w)), int(np.floor(top / cell_h))
    if last_c < 0 or last_r < 0:
        return
    first_c, first_r = max(int(np.floor(left / cell_w)), 0), max(int(np.floor(bottom / cell_h)), 0)
    last_c, last_r = min(last_c, columns - 1), min(last_r, rows - 1)
    partial_v = partial_h = False
    for r in range(first_r, last_r + 1):
        dy = shared_length(bottom, top, r, cell_h)
        for c in range(first_c, last_c + 1):
            dx = shared_length(left, right, c, cell_w)
            over_x, over_y = (dx, dy) if dx > 0 and dy > 0 else (0.0, 0.0)
            if first_r != last_r and (r in (first_r, last_r)) and abs(over_y - cell_h) > 1e-5:
                partial_v = True
            if first_c != last_c and (c in (first_c, last_c)) and abs(over_x - cell_w) > 1e-5:
                partial_h = True
            v[r, c] += over_x * blocked_v
            h[r, c] += over_y * blocked_h
    # circuit_training's rule: where a macro spans several rows and covers its first or last one only in
    # part, its last row blocks no vertical routes. Its last column blocks no horizontal ones in the same
    # case.
    for c in range(first_c, last_c + 1):
        dx = shared_length(left, right, c, cell_w)
        dy = shared_length(bottom, top, last_r, cell_h)
        if partial_v and dx > 0 and dy > 0:
            v[last_r, c] -= dx * blocked_v
    for r in range(first_r, last_r + 1):
        dx = shared_length(left, right, last_c, cell_w)
        dy = shared_length(bottom, top, r, cell_h)
        if partial_h and dx > 0 and dy > 0:
            h[r, last_c] -= dy * blocked_h


@njit
def spread(values: Floats, reach: int) -> Floats:
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

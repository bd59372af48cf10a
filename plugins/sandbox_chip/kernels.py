"""The inner loops, compiled by Numba: wire masks, legal cells, greedy decoding, full image planes.

For a macro at column i (lower-left corner at i·step) and orientation k the growth of the half-perimeter
wirelength is A[i] + B[j]: a net with bounds [lo, hi] and the macro's pins on it at offsets [p, q] adds
w·max(0, lo − x − p) + w·max(0, x + q − hi). Each summand is convex and piecewise linear, so slopes and
offsets are scattered at two breakpoints and summed once from each side: O(degree + grid), not
O(degree · grid²). Because A and B are convex, the cheapest legal cell of a row is one of the two legal
cells nearest to A's minimum, and rows are visited by rising B until none can be better; see
`sandbox_chip.cells`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sandbox_chip.cells import INFINITY, cheapest_cell, fill, legal_row, nearest, njit


class Arrays(NamedTuple):
    """A placement problem on a grid, as the kernels take it; made by `sandbox_chip.grid`.

    Shapes: K orientations, n macros, E entries (one a macro and net), N nets. Lengths in units of the
    canvas with its lower-left corner at the origin.
    """

    grid: int
    step_x: float
    step_y: float
    cells_w: Any  # (K, n) footprint in cells
    cells_h: Any
    half_w: Any  # (K, n) half of the true size
    half_h: Any
    entry_start: Any  # (n + 1,)
    entry_net: Any  # (E,)
    offsets: Any  # (K, E, 4) least and greatest pin offset from the centre, x then y
    net_start: Any  # (N + 1,)
    net_macro: Any  # (E,) by net
    net_entry: Any  # (E,) by net
    weight: Any  # (N,)
    fixed: Any  # (N, 4) bounds by fixed pins: least x, greatest x, least y, greatest y
    free: Any  # (grid, words) uint64, bit i of a row is column i


@njit
def axis_costs(arrays, macro, k, bounds, axis, half, step, count, out, slopes, marks):  # type: ignore[no-untyped-def]
    """Growth of wirelength along one axis for lower-left corners 0 … count − 1, into ``out``.

    Returns what does not depend on the position: spans of nets without any pin yet.
    """
    lo_at, hi_at = 2 * axis, 2 * axis + 1
    for i in range(count):
        out[i] = 0.0
        slopes[i] = 0.0
        marks[i] = 0.0
        slopes[count + i] = 0.0
        marks[count + i] = 0.0
    constant = 0.0
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        w = arrays.weight[net]
        p = arrays.offsets[k, entry, lo_at]
        q = arrays.offsets[k, entry, hi_at]
        lo = bounds[net, lo_at]
        hi = bounds[net, hi_at]
        if lo > hi:
            constant += w * (q - p)
            continue
        left = lo - p - half
        index = int(np.ceil(left / step))
        if index > 0:
            index = min(index, count) - 1
            slopes[index] += w
            marks[index] += w * left
        right = hi - q - half
        index = int(np.floor(right / step)) + 1
        if index < count:
            index = max(index, 0)
            slopes[count + index] += w
            marks[count + index] += w * right
    slope = 0.0
    mark = 0.0
    for i in range(count - 1, -1, -1):
        slope += slopes[i]
        mark += marks[i]
        out[i] += mark - slope * (i * step)
    slope = 0.0
    mark = 0.0
    for i in range(count):
        slope += slopes[count + i]
        mark += marks[count + i]
        out[i] += slope * (i * step) - mark
    return constant


@njit
def take(arrays, free, macro, at, occupy):  # type: ignore[no-untyped-def]
    """Take (or give back) the cells of a macro that lies at (column, row, orientation)."""
    k = at[2]
    fill(free, at[0], at[1], arrays.cells_w[k, macro], arrays.cells_h[k, macro], occupy)


@njit
def centre(arrays, macro, column, row, k):  # type: ignore[no-untyped-def]
    """Centre of a macro whose lower-left corner lies on a cell."""
    return column * arrays.step_x + arrays.half_w[k, macro], row * arrays.step_y + arrays.half_h[k, macro]


@njit
def wider(arrays, k, entry, x, y, box):  # type: ignore[no-untyped-def]
    """A box (least x, greatest x, least y, greatest y) that also holds an entry's pins round (x, y)."""
    offsets = arrays.offsets
    return (
        min(box[0], x + offsets[k, entry, 0]),
        max(box[1], x + offsets[k, entry, 1]),
        min(box[2], y + offsets[k, entry, 2]),
        max(box[3], y + offsets[k, entry, 3]),
    )


@njit
def half_perimeter(box):  # type: ignore[no-untyped-def]
    """Width plus height of a box, 0 of an empty one."""
    return (box[1] - box[0]) + (box[3] - box[2]) if box[0] <= box[1] else 0.0


@njit
def extend(arrays, macro, at, bounds):  # type: ignore[no-untyped-def]
    """Let the bounds of a macro's nets take in its pins; the growth of the wirelength."""
    x, y = centre(arrays, macro, at[0], at[1], at[2])
    growth = 0.0
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        old = bounds[net, 0], bounds[net, 1], bounds[net, 2], bounds[net, 3]
        new = wider(arrays, at[2], entry, x, y, old)
        growth += arrays.weight[net] * (half_perimeter(new) - half_perimeter(old))
        bounds[net, 0], bounds[net, 1], bounds[net, 2], bounds[net, 3] = new
    return growth


@njit
def net_box(arrays, net, places, targets, without):  # type: ignore[no-untyped-def]
    """Box of a net's fixed pins and macros.

    Args:
        arrays: The problem.
        net: The net.
        places: Column, row and orientation of every macro, −1 where not placed.
        targets: Where macros that are not placed count, shape ``(n, 2)``; nowhere if it is empty.
        without: A macro that does not count, or −1.
    """
    box = arrays.fixed[net, 0], arrays.fixed[net, 1], arrays.fixed[net, 2], arrays.fixed[net, 3]
    for index in range(arrays.net_start[net], arrays.net_start[net + 1]):
        macro = arrays.net_macro[index]
        k = places[macro, 2]
        if macro == without:
            continue
        if k >= 0:
            x, y = centre(arrays, macro, places[macro, 0], places[macro, 1], k)
            box = wider(arrays, k, arrays.net_entry[index], x, y, box)
        elif len(targets) > 0:
            x, y = targets[macro, 0], targets[macro, 1]
            box = wider(arrays, 0, arrays.net_entry[index], x, y, box)
    return box


@njit
def net_bounds(arrays, net, places, out):  # type: ignore[no-untyped-def]
    """Bounds of a net from its fixed pins and its placed macros, into ``out`` (4,)."""
    out[0], out[1], out[2], out[3] = net_box(arrays, net, places, np.empty((0, 2)), -1)


@njit
def wirelength(arrays, bounds):  # type: ignore[no-untyped-def]
    """Σ weight · half perimeter over nets with at least one placed pin."""
    total = 0.0
    for net in range(len(arrays.weight)):
        total += arrays.weight[net] * half_perimeter(bounds[net])
    return total


@njit
def all_bounds(arrays, places):  # type: ignore[no-untyped-def]
    """Bounds of every net, shape ``(N, 4)``, from scratch."""
    bounds = np.empty((len(arrays.weight), 4))
    for net in range(len(arrays.weight)):
        net_bounds(arrays, net, places, bounds[net])
    return bounds


@njit
def corner_costs(arrays, macro, k, bounds, columns, rows, scratch):  # type: ignore[no-untyped-def]
    """`axis_costs` of both axes, into the first two rows of ``scratch``, shape ``(4, 2 · grid)``."""
    a, b, slopes, marks = scratch[0], scratch[1], scratch[2], scratch[3]
    half_w, half_h = arrays.half_w[k, macro], arrays.half_h[k, macro]
    constant = axis_costs(arrays, macro, k, bounds, 0, half_w, arrays.step_x, columns, a, slopes, marks)
    return constant + axis_costs(arrays, macro, k, bounds, 1, half_h, arrays.step_y, rows, b, slopes, marks)


@njit
def best_place(arrays, macro, free, bounds, scratch, line, limit, at):  # type: ignore[no-untyped-def]
    """The cheapest legal cell and orientation of a macro, into ``at`` (orientation −1 for none); growth."""
    words = free.shape[1]
    best = limit
    at[2] = -1
    for k in range(arrays.cells_w.shape[0]):
        width, height = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
        columns, rows = arrays.grid - width + 1, arrays.grid - height + 1
        if columns < 1 or rows < 1:
            continue
        constant = corner_costs(arrays, macro, k, bounds, columns, rows, scratch)
        cost, column, row = cheapest_cell(
            free, words, width, height, scratch[0], columns, scratch[1], rows, line, best - constant
        )
        if column >= 0:
            best = cost + constant
            at[0], at[1], at[2] = column, row, k
    return best


@njit
def greedy_decode(arrays, order, places):  # type: ignore[no-untyped-def]
    """Place macros in an order, each where the wirelength grows least.

    Args:
        arrays: The problem.
        order: Macros, shape ``(n,)``.
        places: Column, row and orientation of every macro, written here, shape ``(n, 3)``.

    Returns:
        The wirelength, and how many macros found no legal cell (orientation −1).
    """
    free = arrays.free.copy()
    bounds = arrays.fixed.copy()
    scratch = np.empty((4, 2 * arrays.grid))
    line = np.empty(free.shape[1], np.uint64)
    places[:, 2] = -1
    failed = 0
    for macro in order:
        at = places[macro]
        best_place(arrays, macro, free, bounds, scratch, line, INFINITY, at)
        if at[2] < 0:
            failed += 1
            continue
        take(arrays, free, macro, at, True)
        extend(arrays, macro, at, bounds)
    return wirelength(arrays, bounds), failed


@njit
def legalise(arrays, order, target_x, target_y, orientation, places):  # type: ignore[no-untyped-def]
    """Place macros in an order, each at the legal cell nearest (Manhattan) to its target centre.

    Returns:
        How many macros found no legal cell.
    """
    free = arrays.free.copy()
    line = np.empty(free.shape[1], np.uint64)
    a, b = np.empty(arrays.grid), np.empty(arrays.grid)
    places[:, 2] = -1
    failed = 0
    for macro in order:
        k = orientation[macro]
        width, height = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
        columns, rows = arrays.grid - width + 1, arrays.grid - height + 1
        if columns < 1 or rows < 1:
            failed += 1
            continue
        for i in range(columns):
            a[i] = abs(i * arrays.step_x + arrays.half_w[k, macro] - target_x[macro])
        for j in range(rows):
            b[j] = abs(j * arrays.step_y + arrays.half_h[k, macro] - target_y[macro])
        _, column, row = cheapest_cell(
            free, free.shape[1], width, height, a, columns, b, rows, line, INFINITY
        )
        if column < 0:
            failed += 1
            continue
        places[macro, 0], places[macro, 1], places[macro, 2] = column, row, k
        fill(free, column, row, width, height, True)
    return failed


@njit
def pack(arrays, order, places):  # type: ignore[no-untyped-def]
    """Bottom-left packing: each macro at its lowest, then leftmost legal cell. How many did not fit."""
    free = arrays.free.copy()
    line = np.empty(free.shape[1], np.uint64)
    places[:, 2] = -1
    failed = 0
    for macro in order:
        found = False
        for k in range(arrays.cells_w.shape[0]):
            width, height = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
            if width > arrays.grid:
                continue
            for row in range(arrays.grid - height + 1):
                if legal_row(free, row, width, height, free.shape[1], line):
                    _, column = nearest(line, free.shape[1], np.int64(0))
                    if line[0] & np.uint64(1):
                        column = 0
                    places[macro, 0], places[macro, 1], places[macro, 2] = column, row, k
                    fill(free, column, row, width, height, True)
                    found = True
                    break
            if found:
                break
        if not found:
            failed += 1
    return failed

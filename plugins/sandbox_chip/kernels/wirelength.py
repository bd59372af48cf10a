"""Half-perimeter wirelength: of nets, of whole placements, and its growth at every cell (the wire mask).

For a macro with its lower-left corner at column i and row j the wirelength grows by A[i] + B[j]: a net with
the bounds [lo, hi] along x, on which the macro has pins at offsets p to q from its corner, adds

    w · max(0, lo − (x + p)) + w · max(0, (x + q) − hi)

to A at x = i · cell width, and the same along y to B. Each summand is convex and piecewise linear, so a
net's slope and offset are scattered at two breakpoints and summed once from each side: O(degree + grid) for
A and B, where the slice updates of MaskPlace and EfficientPlace are O(degree · grid²).
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.types import Box, Floats, Ints, Places


@njit
def half_perimeter(box: Box) -> float:
    """Width plus height of a box, 0 of an empty one."""
    return (box[1] - box[0]) + (box[3] - box[2]) if box[0] <= box[1] else 0.0


@njit
def macro_centre(arrays: ProblemArrays, macro: int, column: int, row: int, k: int) -> tuple[float, float]:
    """Centre of a macro from the column and row of its footprint's lower-left corner."""
    return column * arrays.cell_w + arrays.centre_x[k, macro], row * arrays.cell_h + arrays.centre_y[k, macro]


@njit
def box_with_entry(arrays: ProblemArrays, k: int, entry: int, x: float, y: float, box: Box) -> Box:
    """A box extended by the pins of an entry whose macro has its centre at (x, y)."""
    pin_box = arrays.pin_box
    return (
        min(box[0], x + pin_box[k, entry, 0]),
        max(box[1], x + pin_box[k, entry, 1]),
        min(box[2], y + pin_box[k, entry, 2]),
        max(box[3], y + pin_box[k, entry, 3]),
    )


@njit
def add_to_nets(arrays: ProblemArrays, macro: int, place: Ints, bounds: Floats) -> float:
    """Extend the bounds of a macro's nets by its pins.

    Args:
        arrays: The problem.
        macro: The macro.
        place: Its column, row and orientation choice.
        bounds: Of all nets, shape ``(N, 4)``; those of the macro's nets are written.

    Returns:
        Growth of the wirelength.
    """
    x, y = macro_centre(arrays, macro, place[0], place[1], place[2])
    return add_pins_at(arrays, macro, place[2], x, y, bounds)


@njit
def add_pins_at(arrays: ProblemArrays, macro: int, k: int, x: float, y: float, bounds: Floats) -> float:
    """As `add_to_nets`, for a macro with its centre at (x, y) in orientation choice k."""
    growth = 0.0
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        old = bounds[net, 0], bounds[net, 1], bounds[net, 2], bounds[net, 3]
        new = box_with_entry(arrays, k, entry, x, y, old)
        growth += arrays.net_weight[net] * (half_perimeter(new) - half_perimeter(old))
        bounds[net, 0], bounds[net, 1], bounds[net, 2], bounds[net, 3] = new
    return growth


@njit
def net_box(arrays: ProblemArrays, net: int, places: Places, targets: Floats, excluded: int) -> Box:
    """Box of a net's fixed pins and macros.

    Args:
        arrays: The problem.
        net: The net.
        places: Column, row and orientation choice of every macro, −1 where not placed.
        targets: Centres at which macros that are not placed count, shape ``(n, 2)``; if it is empty they
            do not count.
        excluded: A macro that does not count, or −1.
    """
    fixed = arrays.fixed_bounds
    box = fixed[net, 0], fixed[net, 1], fixed[net, 2], fixed[net, 3]
    for index in range(arrays.net_start[net], arrays.net_start[net + 1]):
        macro = arrays.net_macro[index]
        k = places[macro, 2]
        if macro == excluded:
            continue
        if k >= 0:
            x, y = macro_centre(arrays, macro, places[macro, 0], places[macro, 1], k)
            box = box_with_entry(arrays, k, arrays.net_entry[index], x, y, box)
        elif len(targets) > 0:
            x, y = targets[macro, 0], targets[macro, 1]
            box = box_with_entry(arrays, 0, arrays.net_entry[index], x, y, box)
    return box


@njit
def placed_box(arrays: ProblemArrays, net: int, places: Places) -> Box:
    """Box of a net's fixed pins and its placed macros: `net_box` for what local searches ask most."""
    fixed = arrays.fixed_bounds
    box = fixed[net, 0], fixed[net, 1], fixed[net, 2], fixed[net, 3]
    for index in range(arrays.net_start[net], arrays.net_start[net + 1]):
        macro = arrays.net_macro[index]
        k = places[macro, 2]
        if k >= 0:
            x, y = macro_centre(arrays, macro, places[macro, 0], places[macro, 1], k)
            box = box_with_entry(arrays, k, arrays.net_entry[index], x, y, box)
    return box


@njit
def write_net_bounds(arrays: ProblemArrays, net: int, places: Places, out: Floats) -> None:
    """Bounds of a net from its fixed pins and its placed macros, into ``out``, shape ``(4,)``."""
    out[0], out[1], out[2], out[3] = placed_box(arrays, net, places)


@njit
def all_bounds(arrays: ProblemArrays, places: Places) -> Floats:
    """Bounds of every net from its fixed pins and its placed macros, shape ``(N, 4)``."""
    bounds = np.empty((len(arrays.net_weight), 4))
    for net in range(len(arrays.net_weight)):
        write_net_bounds(arrays, net, places, bounds[net])
    return bounds


@njit
def wirelength(arrays: ProblemArrays, bounds: Floats) -> float:
    """Σ weight · half perimeter over the nets with at least one placed pin."""
    total = 0.0
    for net in range(len(arrays.net_weight)):
        total += arrays.net_weight[net] * half_perimeter(bounds[net])
    return total


@njit
def axis_growth(
    arrays: ProblemArrays,
    macro: int,
    k: int,
    bounds: Floats,
    axis: int,
    half: float,
    step: float,
    count: int,
    out: Floats,
    slopes: Floats,
    marks: Floats,
) -> float:
    """A (axis 0) or B (axis 1) of a macro for the first ``count`` columns or rows, into ``out``.

    Args:
        arrays: The problem.
        macro: The macro to place.
        k: Its orientation choice.
        bounds: Of all nets, shape ``(N, 4)``.
        axis: 0 for x, 1 for y.
        half: From the footprint's corner to the macro's centre along the axis.
        step: Size of a cell along the axis.
        count: Columns or rows that keep the footprint inside the grid.
        out: Written, at least ``count`` long.
        slopes: Scratch, at least ``2 · count`` long.
        marks: Scratch, as ``slopes``.

    Returns:
        What does not depend on the position: the spans of nets without any placed pin.
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
        w = arrays.net_weight[net]
        p = arrays.pin_box[k, entry, lo_at]
        q = arrays.pin_box[k, entry, hi_at]
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
def wire_mask(
    arrays: ProblemArrays, macro: int, k: int, bounds: Floats, columns: int, rows: int, scratch: Floats
) -> float:
    """A and B of a macro: the wirelength grows by A[i] + B[j] + the returned constant.

    Args:
        arrays: The problem.
        macro: The macro to place.
        k: Its orientation choice.
        bounds: Of all nets, shape ``(N, 4)``.
        columns: Columns that keep the footprint inside the grid.
        rows: Rows that keep it inside.
        scratch: Shape ``(4, 2 · grid)``; A is written to row 0 and B to row 1.

    Returns:
        The spans of nets without any placed pin.
    """
    a, b, slopes, marks = scratch[0], scratch[1], scratch[2], scratch[3]
    x, y = arrays.centre_x[k, macro], arrays.centre_y[k, macro]
    constant = axis_growth(arrays, macro, k, bounds, 0, x, arrays.cell_w, columns, a, slopes, marks)
    return constant + axis_growth(arrays, macro, k, bounds, 1, y, arrays.cell_h, rows, b, slopes, marks)


@njit
def pin_boxes(net_start: Ints, net_pins: Ints, pin_x: Floats, pin_y: Floats) -> Floats:
    """Box of each net's pins, shape ``(N, 4)``; pins at NaN do not count."""
    boxes = np.empty((len(net_start) - 1, 4))
    for net in range(len(boxes)):
        box = pins_box(net_pins[net_start[net] : net_start[net + 1]], pin_x, pin_y)
        boxes[net, 0], boxes[net, 1], boxes[net, 2], boxes[net, 3] = box
    return boxes


@njit
def pins_box(pins: Ints, pin_x: Floats, pin_y: Floats) -> Box:
    """Box of some pins; those at NaN do not count."""
    lo_x, hi_x, lo_y, hi_y = np.inf, -np.inf, np.inf, -np.inf
    for pin in pins:
        x, y = pin_x[pin], pin_y[pin]
        if np.isnan(x) or np.isnan(y):
            continue
        lo_x, hi_x = min(lo_x, x), max(hi_x, x)
        lo_y, hi_y = min(lo_y, y), max(hi_y, y)
    return lo_x, hi_x, lo_y, hi_y


@njit
def pin_wirelength(
    net_start: Ints, net_pins: Ints, net_weight: Floats, pin_x: Floats, pin_y: Floats
) -> float:
    """Σ weight · half perimeter of a netlist from the positions of its pins; pins at NaN do not count."""
    total = 0.0
    boxes = pin_boxes(net_start, net_pins, pin_x, pin_y)
    for net in range(len(net_weight)):
        total += net_weight[net] * half_perimeter(boxes[net])
    return total

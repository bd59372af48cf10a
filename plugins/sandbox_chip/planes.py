"""What an agent sees, as image planes and a few numbers; compiled by Numba."""

from __future__ import annotations

import numpy as np

from sandbox_chip.cells import INFINITY, cheapest_cell, fits, legal_row, njit
from sandbox_chip.costs import rudy_map
from sandbox_chip.kernels import corner_costs, extend, half_perimeter, net_box, take

SHARED = 5
"""Planes that do not depend on the orientation."""

PER_ORIENTATION = 3

FEATURES = 18

BINS = 8
"""Columns and rows of the grid on which density overflow is measured."""

MASKED = 1.0
"""What a mask shows outside the canvas: the worst cost."""


def planes_for(orientations: int) -> int:
    """How many image planes there are with so many orientations to choose from."""
    return SHARED + PER_ORIENTATION * orientations


@njit
def place(arrays, macro, k, column, row, places, free, bounds, bins):  # type: ignore[no-untyped-def]
    """Put a macro down: takes its cells, extends its nets, adds to the bins. The growth of wirelength."""
    at = places[macro]
    at[0], at[1], at[2] = column, row, k
    take(arrays, free, macro, at, True)
    left, bottom = column * arrays.step_x, row * arrays.step_y
    right, top = left + 2 * arrays.half_w[k, macro], bottom + 2 * arrays.half_h[k, macro]
    size_x, size_y = arrays.grid * arrays.step_x / BINS, arrays.grid * arrays.step_y / BINS
    for j in range(min(int(bottom / size_y), BINS - 1), min(int(top / size_y), BINS - 1) + 1):
        dy = min(top, (j + 1) * size_y) - max(bottom, j * size_y)
        for i in range(min(int(left / size_x), BINS - 1), min(int(right / size_x), BINS - 1) + 1):
            dx = min(right, (i + 1) * size_x) - max(left, i * size_x)
            if dx > 0 and dy > 0:
                bins[j, i] += dx * dy
    return extend(arrays, macro, at, bounds)


@njit
def overflow(arrays, bins, target, area):  # type: ignore[no-untyped-def]
    """Area above ``target`` times each bin's area, over the area of all macros."""
    limit = target * arrays.grid * arrays.step_x * arrays.grid * arrays.step_y / (BINS * BINS)
    total = 0.0
    for j in range(BINS):
        for i in range(BINS):
            total += max(bins[j, i] - limit, 0.0)
    return total / area


@njit
def any_legal(arrays, macro, free):  # type: ignore[no-untyped-def]
    """Whether a macro has a legal cell in some orientation."""
    line = np.empty(free.shape[1], np.uint64)
    for k in range(arrays.cells_w.shape[0]):
        width, height = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
        if width > arrays.grid:
            continue
        for row in range(arrays.grid - height + 1):
            if legal_row(free, row, width, height, free.shape[1], line):
                return True
    return False


@njit
def demand(arrays, bounds, scale):  # type: ignore[no-untyped-def]
    """RUDY over its mean for nets that all span the canvas; mean of the greatest tenth of the cells."""
    width, height = arrays.grid * arrays.step_x, arrays.grid * arrays.step_y
    cells = rudy_map(bounds, arrays.weight, width, height, arrays.grid)
    unit = width * height / scale
    for j in range(arrays.grid):
        for i in range(arrays.grid):
            cells[j, i] *= unit
    flat = np.empty(arrays.grid * arrays.grid)
    for j in range(arrays.grid):
        for i in range(arrays.grid):
            # Differences that are summed up may leave a cell a rounding error below zero.
            cells[j, i] = max(cells[j, i], 0.0)
            flat[j * arrays.grid + i] = cells[j, i]
    return cells, _mean_of_greatest(flat, max(flat.size // 10, 1))


@njit
def _mean_of_greatest(values, count):  # type: ignore[no-untyped-def]
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
def advance(arrays, macro, action, places, free, bounds, bins, target, area, scale):  # type: ignore[no-untyped-def]
    """A whole step: place a macro where an action says, or at the nearest legal cell.

    In one function, because handing the arrays over costs more than the work.

    Returns:
        Whether the action was legal, growth of wirelength, density overflow, congestion of every cell
        and its peak, and whether another macro is left that has no legal cell.
    """
    size, choices = arrays.grid, arrays.cells_w.shape[0]
    k = action // (size * size)
    row = action // size % size
    column = action % size
    wide, high = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
    legal = column + wide <= size and row + high <= size and fits(free, column, row, wide, high)
    if not legal:
        column, row, k = _nearest_legal(arrays, macro, k, column, row, free, choices)
    growth = place(arrays, macro, k, column, row, places, free, bounds, bins)
    over = overflow(arrays, bins, target, area)
    cells, peak = demand(arrays, bounds, scale)
    stuck = macro + 1 < arrays.cells_w.shape[1] and not any_legal(arrays, macro + 1, free)
    return legal, growth, over, cells, peak, stuck


@njit
def _nearest_legal(arrays, macro, k, column, row, free, choices):  # type: ignore[no-untyped-def]
    """The legal cell nearest to one that is not, in the same orientation where there is one."""
    line = np.empty(free.shape[1], np.uint64)
    a, b = np.empty(arrays.grid), np.empty(arrays.grid)
    for turn in range(choices):
        choice = (k + turn) % choices
        wide, high = arrays.cells_w[choice, macro], arrays.cells_h[choice, macro]
        columns, rows = arrays.grid - wide + 1, arrays.grid - high + 1
        if columns < 1 or rows < 1:
            continue
        for i in range(columns):
            a[i] = abs(i - column)
        for j in range(rows):
            b[j] = abs(j - row)
        _, x, y = cheapest_cell(free, free.shape[1], wide, high, a, columns, b, rows, line, INFINITY)
        if x >= 0:
            return x, y, choice
    raise RuntimeError("a macro without a legal cell ends the episode before it is asked for")


@njit
def legal_cells(arrays, macro, k, free, line, out):  # type: ignore[no-untyped-def]
    """Legal lower-left cells of a macro as 0 and 1 into ``out``, shape ``(grid, grid)``; how many."""
    grid, words = arrays.grid, free.shape[1]
    width, height = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
    out[:] = 0
    count = 0
    if width > grid:
        return count
    for row in range(grid - height + 1):
        if legal_row(free, row, width, height, words, line):
            for i in range(grid - width + 1):
                if line[i >> 6] >> np.uint64(i & 63) & np.uint64(1):
                    out[row, i] = 1
                    count += 1
    return count


@njit
def _range(values, count):  # type: ignore[no-untyped-def]
    """Least and greatest of the first values."""
    low = high = values[0]
    for i in range(1, count):
        low, high = min(low, values[i]), max(high, values[i])
    return low, high


@njit
def _mask_plane(arrays, macro, k, bounds, scratch, out):  # type: ignore[no-untyped-def]
    """Root of the wire mask over its range, into ``out``; the range."""
    grid = arrays.grid
    columns = grid - arrays.cells_w[k, macro] + 1
    rows = grid - arrays.cells_h[k, macro] + 1
    if columns < 1 or rows < 1:
        out[:] = MASKED
        return 0.0
    corner_costs(arrays, macro, k, bounds, columns, rows, scratch)
    a, b = scratch[0], scratch[1]
    low_a, high_a = _range(a, columns)
    low_b, high_b = _range(b, rows)
    least = low_a + low_b
    span = max(high_a + high_b - least, 1e-12)
    for j in range(grid):
        for i in range(grid):
            if i < columns and j < rows:
                out[j, i] = np.sqrt(min(max((a[i] + b[j] - least) / span, 0.0), 1.0))
            else:
                out[j, i] = MASKED
    return span


@njit
def _ahead(arrays, macro, places, targets, out):  # type: ignore[no-untyped-def]
    """Bounds of a macro's nets with all other macros counted: those to come where they are expected."""
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        out[net, 0], out[net, 1], out[net, 2], out[net, 3] = net_box(arrays, net, places, targets, macro)


@njit
def _expected(arrays, places, targets):  # type: ignore[no-untyped-def]
    """Wirelength with the macros to come where they are expected."""
    total = 0.0
    for net in range(len(arrays.weight)):
        total += arrays.weight[net] * half_perimeter(net_box(arrays, net, places, targets, -1))
    return total


@njit
def observe(  # type: ignore[no-untyped-def]  # noqa: PLR0912
    arrays, macro, places, free, bounds, targets, cells, so_far, scale, areas, planes, features, mask
):
    """Everything that an agent sees before it places ``macro``; see `sandbox_chip.env.ChipEnv`.

    Args:
        arrays: The problem.
        macro: The macro to place next; the number of macros if there is none left.
        places: Column, row and orientation of every macro.
        free: Free cells, as bits.
        bounds: Of the nets, from placed and fixed pins.
        targets: Expected centres, shape ``(n, 2)``.
        cells: Congestion of every cell.
        so_far: Wirelength.
        scale: Unit of wirelength cost.
        areas: Area of every macro, as a share of the canvas.
        planes: Written, shape ``(5 + 3 K, grid, grid)``.
        features: Written, shape ``(18,)``.
        mask: Written, shape ``(K · grid²,)``.
    """
    grid, count, choices = arrays.grid, arrays.cells_w.shape[1], arrays.cells_w.shape[0]
    scratch = np.empty((4, 2 * grid))
    line = np.empty(free.shape[1], np.uint64)
    planes[:] = 0.0
    features[:] = 0.0
    mask[:] = False
    top = 1e-12
    open_cells = grid * grid
    upright = np.int64(0)  # as a variable, or the functions below would be compiled twice
    for j in range(grid):
        for i in range(grid):
            if free[j, i >> 6] >> np.uint64(i & 63) & np.uint64(1) == 0:
                planes[0, j, i] = 1.0
                open_cells -= 1
            top = max(top, cells[j, i])
    for j in range(grid):
        for i in range(grid):
            planes[1, j, i] = cells[j, i] / top
    features[0] = macro / count
    features[1] = so_far / scale * 4
    features[2] = _expected(arrays, places, targets) / scale * 4
    features[3] = min(top, 4.0) / 4
    left = 0.0
    for other in range(macro, count):
        left += areas[other]
    features[4] = left
    features[5] = open_cells / (grid * grid)
    if macro >= count:
        return
    _contact(arrays, macro, planes)
    legal = np.empty((grid, grid), np.uint8)
    ahead = np.empty(bounds.shape)
    _ahead(arrays, macro, places, targets, ahead)
    for k in range(choices):
        at = SHARED + PER_ORIENTATION * k
        found = legal_cells(arrays, macro, k, free, line, legal)
        for j in range(grid):
            for i in range(grid):
                planes[at, j, i] = legal[j, i]
                mask[(k * grid + j) * grid + i] = legal[j, i] == 1
        span = _mask_plane(arrays, macro, k, bounds, scratch, planes[at + 1])
        further = _mask_plane(arrays, macro, k, ahead, scratch, planes[at + 2])
        if k == 0:
            features[6] = span / scale * count / 2
            features[7] = further / scale * count / 2
            features[8] = found / (grid * grid)
    _describe(arrays, macro, bounds, targets, features)
    if macro + 1 < count:
        legal_cells(arrays, macro + 1, upright, free, line, legal)
        for j in range(grid):
            for i in range(grid):
                planes[3, j, i] = legal[j, i]
        _mask_plane(arrays, macro + 1, upright, bounds, scratch, planes[4])
        features[15] = arrays.cells_w[0, macro + 1] / grid
        features[16] = arrays.cells_h[0, macro + 1] / grid
        features[17] = areas[macro + 1]


@njit
def _describe(arrays, macro, bounds, targets, features):  # type: ignore[no-untyped-def]
    """Size, degree and share of placed neighbours of a macro, and where it is expected."""
    degree = arrays.entry_start[macro + 1] - arrays.entry_start[macro]
    begun = 0
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        if bounds[net, 0] <= bounds[net, 1]:
            begun += 1
    features[9] = arrays.cells_w[0, macro] / arrays.grid
    features[10] = arrays.cells_h[0, macro] / arrays.grid
    features[11] = min(degree / (2.0 * len(arrays.entry_net) / arrays.cells_w.shape[1]), 2.0) / 2
    features[12] = begun / max(degree, 1)
    features[13] = targets[macro, 0] / (arrays.grid * arrays.step_x)
    features[14] = targets[macro, 1] / (arrays.grid * arrays.step_y)


@njit
def _contact(arrays, macro, planes):  # type: ignore[no-untyped-def]
    """Share of the cells round the footprint that are taken or outside: how snugly the macro would lie.

    From a summed-area table of the taken cells with a taken margin, into plane 2.
    """
    grid = arrays.grid
    width, height = arrays.cells_w[0, macro], arrays.cells_h[0, macro]
    table = np.zeros((grid + 3, grid + 3), np.int64)
    for j in range(grid + 2):
        row = 0
        for i in range(grid + 2):
            edge = j in (0, grid + 1) or i in (0, grid + 1)
            if edge or planes[0, j - 1, i - 1] > 0:
                row += 1
            table[j + 1, i + 1] = table[j, i + 1] + row
    around = 2.0 * (width + height) + 4
    for j in range(grid - height + 1):
        for i in range(grid - width + 1):
            outer = (
                table[j + height + 2, i + width + 2]
                - table[j, i + width + 2]
                - table[j + height + 2, i]
                + table[j, i]
            )
            inner = (
                table[j + height + 1, i + width + 1]
                - table[j + 1, i + width + 1]
                - table[j + height + 1, i + 1]
                + table[j + 1, i + 1]
            )
            planes[2, j, i] = (outer - inner) / around

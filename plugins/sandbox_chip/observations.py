"""What an agent sees: image planes over the grid and a few numbers, written by one compiled function.

K is the number of orientation choices. All planes lie in [0, 1], row 0 at the bottom.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import ObservationField
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import PlacementState
from sandbox_chip.kernels.bitgrid import bit_is_set
from sandbox_chip.kernels.jit import njit, vectorised
from sandbox_chip.kernels.legality import legal_cells
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import half_perimeter, net_box, wire_mask
from sandbox_chip.types import Bits, Bools, Bytes, Floats, Image, Places

OCCUPIED, RUDY, CONTACT, NEXT_LEGAL, NEXT_WIRE_MASK = range(5)
"""Planes that do not depend on the orientation."""

SHARED_PLANES = 5

LEGAL, WIRE_MASK, EXPECTED_WIRE_MASK = range(3)
"""Planes of orientation choice k, from ``SHARED_PLANES + 3 k`` on."""

PLANES_PER_ORIENTATION = 3

NUM_FEATURES = 18

PLANE_FIELDS = (
    ("occupied", "1", "1 where a macro lies"),
    ("congestion", "greatest RUDY", "RUDY of the nets so far, over its greatest value"),
    (
        "contact",
        "border",
        "share of the macro's border that would touch occupied cells or an edge",
    ),
    (
        "legal cells of the next macro",
        "1",
        "1 where the lower-left corner of the one after may lie",
    ),
    ("wire mask of the next macro", "1", "root of the growth of the wirelength as a share of its range"),
)
"""Name, unit and meaning of the planes that do not depend on the orientation."""

ORIENTED_FIELDS = (
    ("legal cells", "1", "1 where the current macro's lower-left corner may lie"),
    ("wire mask", "1", "root of the growth of the wirelength with the corner there, as a share of its range"),
    (
        "expected wire mask",
        "1",
        "the same with macros to come at their expected centres",
    ),
)
"""The same of the planes of an orientation."""

FEATURE_FIELDS = (
    ("macros placed", "macros of the design", "share of the macros that are placed"),
    (
        "wirelength so far",
        "¼ of the unit of cost",
        "of nets with placed pins, over a quarter of the unit of wirelength cost",
    ),
    ("expected wirelength", "¼ of the unit of cost", "with the macros to come at their expected centres"),
    ("worst congestion", "4 RUDY", "greatest RUDY of a cell, at most 4, over 4"),
    ("area to come", "canvas", "share of the canvas that the macros to come take"),
    ("free cells", "cells of the grid", "share of the cells that are free"),
    (
        "range of the wire mask",
        "unit of cost",
        "worst less best growth, times half the number of macros",
    ),
    (
        "range of the expected wire mask",
        "unit of cost",
        "the same with the macros to come at their expected centres",
    ),
    ("legal share", "cells of the grid", "share of cells where the current macro may lie"),
    ("width", "grid", "of the current macro's footprint"),
    ("height", "grid", "of the current macro's footprint"),
    ("degree", "4 mean degrees", "nets of the current macro over four times the mean, at most 1"),
    ("nets begun", "nets of the macro", "share of its nets that have a placed or fixed pin"),
    ("expected x", "canvas", "of the current macro's centre"),
    ("expected y", "canvas", "of the current macro's centre"),
    ("next width", "grid", "of the next macro's footprint"),
    ("next height", "grid", "of the next macro's footprint"),
    ("next area", "canvas", "share of the canvas that the next macro takes"),
)
"""Name, unit and meaning of the features; those from 6 on are 0 when the placement is over."""

OUTSIDE = 1.0
"""Value of a wire mask where the footprint would not lie inside the canvas: the worst cost."""


def num_planes(choices: int) -> int:
    """Number of image planes with ``choices`` orientations to choose from."""
    return SHARED_PLANES + PLANES_PER_ORIENTATION * choices


def fields(choices: int, grid: int) -> list[ObservationField]:
    """What the numbers of an observation are; see `observe`.

    Args:
        choices: Orientations to choose from.
        grid: Cells along a side.
    """
    oriented = [
        (f"{name}, orientation {k + 1}" if choices > 1 else name, unit, meaning)
        for k in range(choices)
        for name, unit, meaning in ORIENTED_FIELDS
    ]
    return [
        *(ObservationField(*field, part="features") for field in FEATURE_FIELDS),
        *(
            ObservationField(*field, shape=(grid, grid), part="planes")
            for field in (*PLANE_FIELDS, *oriented)
        ),
    ]


def observe(design: Design, state: PlacementState, planes: Image, features: Image, mask: Bools) -> None:
    """Write the observation and the action mask of the next macro.

    Planes, shape ``(5 + 3 K, grid, grid)``; those from ``CONTACT`` on are 0 when the placement is over:

    - ``OCCUPIED``: 1 where a macro lies;
    - ``RUDY``: congestion over its greatest value;
    - ``CONTACT``: share of the border of the current macro's footprint (choice 0, lower-left corner at the
      cell) that would touch occupied cells or the edge of the canvas;
    - ``NEXT_LEGAL``, ``NEXT_WIRE_MASK``: legal cells and wire mask of the macro after the current one, 0 if
      there is none;
    - for each choice k ``LEGAL``: legal cells of the current macro's lower-left corner; ``WIRE_MASK``: growth
      of the wirelength for that corner, as the root of its share of the range; ``EXPECTED_WIRE_MASK``: as
      before, with all other macros that are not placed counted at their expected centres.

    Features, shape ``(18,)``; those from 6 on are 0 when the placement is over:

    0. share of the macros that are placed
    1. wirelength so far, over a quarter of the unit of wirelength cost
    2. wirelength with the macros to come at their expected centres, in the same unit
    3. greatest RUDY of a cell, at most 4, over 4
    4. share of the canvas that the macros to come take
    5. share of free cells
    6. range of ``WIRE_MASK`` of choice 0, times half the number of macros, in the unit of wirelength cost
    7. range of ``EXPECTED_WIRE_MASK`` of choice 0, in the same unit
    8. share of legal cells of choice 0
    9. width of the current macro's footprint, as a share of the grid
    10. its height
    11. its degree over four times the mean degree, at most 1
    12. share of its nets that have a placed or fixed pin
    13. x of its expected centre, as a share of the canvas
    14. y of its expected centre
    15. width of the next macro's footprint, as a share of the grid
    16. its height
    17. share of the canvas that it takes

    Args:
        design: The design that is placed.
        state: The placement so far.
        planes: Written, float32.
        features: Written, float32.
        mask: Written: whether each action is legal, shape ``(K · grid²,)``; all false when the placement is
            over.
    """
    problem = design.problem
    _observe(
        problem.arrays,
        problem.num_macros if state.over else state.num_placed,
        state.places,
        state.free,
        state.bounds,
        design.targets,
        state.rudy,
        state.wirelength,
        problem.scale,
        problem.area_shares,
        planes,
        features,
        mask,
    )


@njit
def _observe(
    arrays: ProblemArrays,
    macro: int,
    places: Places,
    free: Bits,
    bounds: Floats,
    targets: Floats,
    rudy: Floats,
    wirelength: float,
    scale: float,
    area_shares: Floats,
    planes: Image,
    features: Image,
    mask: Bools,
) -> None:
    """See `observe`; ``macro`` is the next one to place, the number of macros when the placement is over."""
    grid, count = arrays.grid, arrays.footprint_w.shape[1]
    scratch = np.empty((4, 2 * grid))
    line = np.empty(free.shape[1], np.uint64)
    legal = np.empty((grid, grid), np.uint8)
    features[:] = 0.0
    num_free = _occupied_plane(arrays, free, planes[OCCUPIED])
    peak = _rudy_plane(rudy, planes[RUDY])
    features[0] = macro / count
    features[1] = wirelength / scale * 4
    features[2] = _expected_wirelength(arrays, places, targets) / scale * 4
    features[3] = min(peak, 4.0) / 4
    to_come = 0.0
    for other in range(macro, count):
        to_come += area_shares[other]
    features[4] = to_come
    features[5] = num_free / (grid * grid)
    if macro >= count:
        planes[CONTACT:] = 0.0
        mask[:] = False
        return
    _contact_plane(arrays, macro, planes)
    expected = np.empty(bounds.shape)
    _write_expected_bounds(arrays, macro, places, targets, expected)
    for k in range(arrays.footprint_w.shape[0]):
        first = SHARED_PLANES + PLANES_PER_ORIENTATION * k
        num_legal = legal_cells(arrays, macro, k, free, line, legal)
        _copy_plane(legal, planes[first + LEGAL])
        _copy_mask(legal.reshape(-1), mask[k * grid * grid : (k + 1) * grid * grid])
        span = _wire_mask_plane(arrays, macro, k, bounds, scratch, planes[first + WIRE_MASK])
        expected_span = _wire_mask_plane(
            arrays, macro, k, expected, scratch, planes[first + EXPECTED_WIRE_MASK]
        )
        if k == 0:
            features[6] = span / scale * count / 2
            features[7] = expected_span / scale * count / 2
            features[8] = num_legal / (grid * grid)
    _macro_features(arrays, macro, bounds, targets, features)
    if macro + 1 < count:
        upright: Any = np.int64(0)  # no literal, for which Numba would compile these functions once more
        legal_cells(arrays, macro + 1, upright, free, line, legal)
        _copy_plane(legal, planes[NEXT_LEGAL])
        _wire_mask_plane(arrays, macro + 1, upright, bounds, scratch, planes[NEXT_WIRE_MASK])
        features[15] = arrays.footprint_w[0, macro + 1] / grid
        features[16] = arrays.footprint_h[0, macro + 1] / grid
        features[17] = area_shares[macro + 1]
    else:
        planes[NEXT_LEGAL] = 0.0
        planes[NEXT_WIRE_MASK] = 0.0


@njit
def _occupied_plane(arrays: ProblemArrays, free: Bits, plane: Image) -> int:
    """Mark the cells that are not free; how many are free."""
    num_free = 0
    for j in range(arrays.grid):
        line = free[j]
        for i in range(arrays.grid):
            is_free = bit_is_set(line, i)
            plane[j, i] = 0.0 if is_free else 1.0
            num_free += is_free
    return num_free


@vectorised
def _rudy_plane(rudy: Floats, plane: Image) -> float:
    """RUDY over its greatest value, which is returned."""
    peak = 1e-12
    for j in range(rudy.shape[0]):
        for i in range(rudy.shape[1]):
            peak = max(peak, rudy[j, i])
    for j in range(rudy.shape[0]):
        for i in range(rudy.shape[1]):
            plane[j, i] = rudy[j, i] / peak
    return peak


@njit
def _copy_plane(values: Bytes, plane: Image) -> None:
    for j in range(values.shape[0]):
        for i in range(values.shape[1]):
            plane[j, i] = values[j, i]


@njit
def _copy_mask(values: Bytes, mask: Bools) -> None:
    for i in range(len(values)):
        mask[i] = values[i] == 1


@vectorised
def _contact_plane(arrays: ProblemArrays, macro: int, planes: Image) -> None:
    """Share of the cells around the footprint that are occupied or outside.

    Computed from a summed-area table of the occupied cells with an occupied margin.
    """
    grid = arrays.grid
    width, height = arrays.footprint_w[0, macro], arrays.footprint_h[0, macro]
    table = np.zeros((grid + 3, grid + 3), np.int32)
    for j in range(grid + 2):
        in_row = np.int32(0)
        inner = 0 < j <= grid
        before, line = table[j], table[j + 1]
        for i in range(grid + 2):
            edge = not inner or i == 0 or i == grid + 1
            in_row += np.int32(edge or planes[OCCUPIED, j - 1, i - 1] > 0)
            line[i + 1] = before[i + 1] + in_row
    border = 2.0 * (width + height) + 4
    plane = planes[CONTACT]
    plane[:] = 0.0
    columns = max(grid - width + 1, 0)
    for j in range(grid - height + 1):
        bottom, top = table[j], table[j + height + 2]
        low, high = table[j + 1], table[j + height + 1]
        line_of_plane = plane[j]
        for i in range(columns):
            around = top[i + width + 2] - bottom[i + width + 2] - top[i] + bottom[i]
            inside = high[i + width + 1] - low[i + width + 1] - high[i + 1] + low[i + 1]
            line_of_plane[i] = (around - inside) / border


@vectorised
def _wire_mask_plane(
    arrays: ProblemArrays, macro: int, k: int, bounds: Floats, scratch: Floats, plane: Image
) -> float:
    """Root of the wire mask's share of its range, `OUTSIDE` where the footprint does not fit; the range."""
    grid = arrays.grid
    columns = grid - arrays.footprint_w[k, macro] + 1
    rows = grid - arrays.footprint_h[k, macro] + 1
    if columns < 1 or rows < 1:
        plane[:] = OUTSIDE
        return 0.0
    wire_mask(arrays, macro, k, bounds, columns, rows, scratch)
    a, b = scratch[0], scratch[1]
    low_a, high_a = _range(a, columns)
    low_b, high_b = _range(b, rows)
    least = low_a + low_b
    span = max(high_a + high_b - least, 1e-12)
    for j in range(rows):
        line, level = plane[j], b[j]
        for i in range(columns):
            line[i] = np.sqrt(min(max((a[i] + level - least) / span, 0.0), 1.0))
        for i in range(columns, grid):
            line[i] = OUTSIDE
    for j in range(rows, grid):
        plane[j, :] = OUTSIDE
    return span


@njit
def _range(values: Floats, count: int) -> tuple[float, float]:
    """Least and greatest of the first ``count`` values."""
    low = high = values[0]
    for i in range(1, count):
        low, high = min(low, values[i]), max(high, values[i])
    return low, high


@njit
def _write_expected_bounds(
    arrays: ProblemArrays, macro: int, places: Places, targets: Floats, out: Floats
) -> None:
    """Bounds of a macro's nets without it, with the macros to come at their expected centres."""
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        out[net, 0], out[net, 1], out[net, 2], out[net, 3] = net_box(arrays, net, places, targets, macro)


@njit
def _expected_wirelength(arrays: ProblemArrays, places: Places, targets: Floats) -> float:
    """Wirelength with the macros to come at their expected centres."""
    total = 0.0
    for net in range(len(arrays.net_weight)):
        total += arrays.net_weight[net] * half_perimeter(net_box(arrays, net, places, targets, -1))
    return total


@njit
def _macro_features(
    arrays: ProblemArrays, macro: int, bounds: Floats, targets: Floats, features: Image
) -> None:
    """Features 9 to 14: size, degree, share of nets with a placed pin, and expected centre of a macro."""
    degree = arrays.entry_start[macro + 1] - arrays.entry_start[macro]
    begun = 0
    for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
        net = arrays.entry_net[entry]
        if bounds[net, 0] <= bounds[net, 1]:
            begun += 1
    mean_degree = max(len(arrays.entry_net), 1) / arrays.footprint_w.shape[1]
    features[9] = arrays.footprint_w[0, macro] / arrays.grid
    features[10] = arrays.footprint_h[0, macro] / arrays.grid
    features[11] = min(degree / (2.0 * mean_degree), 2.0) / 2
    features[12] = begun / max(degree, 1)
    features[13] = targets[macro, 0] / (arrays.grid * arrays.cell_w)
    features[14] = targets[macro, 1] / (arrays.grid * arrays.cell_h)

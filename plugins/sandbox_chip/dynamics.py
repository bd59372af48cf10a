"""Dynamics: one macro after another is placed, until all are placed or the next one fits nowhere.

The state is arrays, and a step is one call of a compiled function, because handing arrays over to compiled
code costs more than the work itself. Nothing here knows Gymnasium, rewards or observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip.kernels.bitgrid import fill
from sandbox_chip.kernels.density import shared_length
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import fits_for, has_legal_cell, nearest_legal_cell, occupy
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.rudy import relative_rudy
from sandbox_chip.kernels.wirelength import add_pins_at, macro_centre
from sandbox_chip.problem import Problem
from sandbox_chip.types import Bits, Floats, Ints, Places

BINS = 8
"""Columns and rows of the grid on which density overflow is measured."""


@dataclass(slots=True, eq=False)
class PlacementState:
    """A placement in progress.

    Attributes:
        places: Column, row and orientation choice of every macro, −1 where not placed, shape ``(n, 3)``;
            the nearest ones for a macro that does not lie on the grid.
        centres: Centre of every macro, the canvas' lower-left corner at the origin, NaN where not placed,
            shape ``(n, 2)``.
        free: Free cells as bits; see `sandbox_chip.kernels.bitgrid`.
        bounds: Box of every net's fixed pins and placed macros, shape ``(N, 4)``.
        bin_area: Area of macros in each bin, µm², shape ``(BINS, BINS)``.
        rudy: RUDY of every cell, in units of its mean for nets that all span the canvas, ``(grid, grid)``.
        rudy_peak: Mean of the greatest tenth of ``rudy``.
        wirelength: HPWL of all fixed pins and placed macros, µm; at a dead end with the nets of macros that
            are not placed counted as spanning the canvas.
        overflow: Area above the density target, over the area of all macros.
        num_placed: Macros that are placed: those before this index.
        dead_end: Whether the next macro has no legal cell.
    """

    places: Places
    centres: Floats
    free: Bits
    bounds: Floats
    bin_area: Floats
    rudy: Floats
    rudy_peak: float
    wirelength: float
    overflow: float = 0.0
    num_placed: int = 0
    dead_end: bool = False

    @property
    def over(self) -> bool:
        """Whether no other macro can be placed: all are, or the next one has no legal cell."""
        return self.dead_end or self.num_placed == len(self.places)


@dataclass(frozen=True, slots=True)
class Step:
    """What one placed macro changed.

    Attributes:
        legal: Whether the action was legal; if not, the macro went to the nearest legal cell.
        wirelength: Growth of `PlacementState.wirelength`, µm.
        overflow: Growth of `PlacementState.overflow`.
        rudy_peak: Growth of `PlacementState.rudy_peak`.
    """

    legal: bool
    wirelength: float
    overflow: float
    rudy_peak: float


def initial_state(problem: Problem) -> PlacementState:
    """The state before the first macro is placed."""
    arrays = problem.arrays
    rudy, rudy_peak = _rudy(arrays, arrays.fixed_bounds, problem.scale)
    return PlacementState(
        places=np.full((problem.num_macros, 3), -1, np.int64),
        centres=np.full((problem.num_macros, 2), np.nan),
        free=arrays.free.copy(),
        bounds=arrays.fixed_bounds.copy(),
        bin_area=np.zeros((BINS, BINS)),
        rudy=rudy,
        rudy_peak=rudy_peak,
        wirelength=problem.fixed_wirelength,
    )


def place_next(problem: Problem, state: PlacementState, action: int, density_target: float) -> Step:
    """Place the next macro; ``state`` is changed.

    Args:
        problem: The problem.
        state: A state that is not over.
        action: k · grid² + row · grid + column of the macro's lower-left corner. If that is not legal, the
            nearest legal cell is taken, in orientation choice k where it has one.
        density_target: Share of a bin above which its density overflows.
    """
    result = _step_on_grid(*_arguments(problem, state, density_target), action)
    return _count(problem, state, *result)


def place_at(problem: Problem, state: PlacementState, x: float, y: float, density_target: float) -> Step:
    """Place the next macro with its centre at any point, on or off the grid, in its orientation in the file.

    It may overlap others; see `place_next`, but this ends in no dead end.

    Args:
        problem: The problem.
        state: A state that is not over.
        x: Centre, the canvas' lower-left corner at the origin.
        y: As ``x``.
        density_target: Share of a bin above which its density overflows.
    """
    result = _step_anywhere(*_arguments(problem, state, density_target), x, y)
    return _count(problem, state, *result)


_Arguments = tuple[
    ProblemArrays, int, Places, Floats, Bits, Floats, Floats, float, float, float
]  # fmt: skip
"""What both compiled steps take before the place."""


def _arguments(problem: Problem, state: PlacementState, density_target: float) -> _Arguments:
    return (
        problem.arrays,
        state.num_placed,
        state.places,
        state.centres,
        state.free,
        state.bounds,
        state.bin_area,
        density_target,
        problem.macro_area,
        problem.scale,
    )


def _count(
    problem: Problem,
    state: PlacementState,
    legal: bool,
    growth: float,
    overflow: float,
    rudy: Floats,
    rudy_peak: float,
    dead_end: bool,
) -> Step:
    """Count the macro that has been placed, and what it changed."""
    state.num_placed += 1
    state.wirelength += growth
    state.rudy, state.dead_end = rudy, dead_end
    if dead_end:
        charge = unplaced_wirelength(problem, state)
        growth, state.wirelength = growth + charge, state.wirelength + charge
    step = Step(legal, growth, overflow - state.overflow, rudy_peak - state.rudy_peak)
    state.overflow, state.rudy_peak = overflow, rudy_peak
    return step


def unplaced_wirelength(problem: Problem, state: PlacementState) -> float:
    """What the nets of macros that are not placed lack to the half perimeter of the canvas, weighted, µm."""
    arrays = problem.arrays
    width, height = problem.netlist.size
    nets = np.unique(arrays.entry_net[arrays.entry_start[state.num_placed] :])
    box = state.bounds[nets]
    present = np.where(box[:, 0] <= box[:, 1], box[:, 1] - box[:, 0] + box[:, 3] - box[:, 2], 0.0)
    return float((arrays.net_weight[nets] * np.maximum(width + height - present, 0.0)).sum())


@njit
def _step_on_grid(
    arrays: ProblemArrays,
    macro: int,
    places: Places,
    centres: Floats,
    free: Bits,
    bounds: Floats,
    bin_area: Floats,
    density_target: float,
    macro_area: float,
    scale: float,
    action: int,
) -> tuple[bool, float, float, Floats, float, bool]:
    """Place a macro where an action says, or at the nearest legal cell.

    Returns:
        Whether the action was legal, growth of the wirelength, density overflow, RUDY of every cell and its
        peak, and whether the next macro has no legal cell.
    """
    grid = arrays.grid
    k = action // (grid * grid)
    row = action // grid % grid
    column = action % grid
    width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
    legal = column + width <= grid and row + height <= grid
    legal = legal and fits_for(arrays, macro, free, column, row, width, height)
    if not legal:
        column, row, k = nearest_legal_cell(arrays, macro, k, column, row, free)
    place = places[macro]
    place[0], place[1], place[2] = column, row, k
    occupy(arrays, free, macro, place)
    x, y = macro_centre(arrays, macro, column, row, k)
    centres[macro, 0], centres[macro, 1] = x, y
    _add_to_bins(arrays, macro, x, y, k, bin_area)
    growth = add_pins_at(arrays, macro, k, x, y, bounds)
    overflow = _overflow(arrays, bin_area, density_target, macro_area)
    rudy, rudy_peak = _rudy(arrays, bounds, scale)
    dead_end = macro + 1 < arrays.footprint_w.shape[1] and not has_legal_cell(arrays, macro + 1, free)
    return legal, growth, overflow, rudy, rudy_peak, dead_end


@njit
def _step_anywhere(
    arrays: ProblemArrays,
    macro: int,
    places: Places,
    centres: Floats,
    free: Bits,
    bounds: Floats,
    bin_area: Floats,
    density_target: float,
    macro_area: float,
    scale: float,
    x: float,
    y: float,
) -> tuple[bool, float, float, Floats, float, bool]:
    """As `_step_on_grid`, for a macro with its centre at (x, y) in choice 0, on all cells that it touches."""
    place, k = places[macro], macro * 0
    _nearest_place(arrays, macro, x, y, place)
    centres[macro, 0], centres[macro, 1] = x, y
    first_c, end_c = _touched_cells(x, arrays.half_w[0, macro], arrays.cell_w, arrays.grid)
    first_r, end_r = _touched_cells(y, arrays.half_h[0, macro], arrays.cell_h, arrays.grid)
    if end_c > first_c and end_r > first_r:
        fill(free, first_c, first_r, end_c - first_c, end_r - first_r, True)
    _add_to_bins(arrays, macro, x, y, k, bin_area)
    growth = add_pins_at(arrays, macro, k, x, y, bounds)
    overflow = _overflow(arrays, bin_area, density_target, macro_area)
    rudy, rudy_peak = _rudy(arrays, bounds, scale)
    return True, growth, overflow, rudy, rudy_peak, False


@njit
def _nearest_place(arrays: ProblemArrays, macro: int, x: float, y: float, place: Ints) -> None:
    """Write the place on the grid that is nearest to a centre, in choice 0."""
    column = int(np.round((x - arrays.centre_x[0, macro]) / arrays.cell_w))
    row = int(np.round((y - arrays.centre_y[0, macro]) / arrays.cell_h))
    place[0] = max(min(column, arrays.grid - arrays.footprint_w[0, macro]), 0)
    place[1] = max(min(row, arrays.grid - arrays.footprint_h[0, macro]), 0)
    place[2] = 0


@njit
def _touched_cells(centre: float, half: float, cell: float, grid: int) -> tuple[int, int]:
    """First cell, and the one after the last, that a block touches along one axis."""
    first = int(np.floor((centre - half) / cell + 1e-9))
    end = int(np.ceil((centre + half) / cell - 1e-9))
    return min(max(first, 0), grid), min(max(end, 0), grid)


@njit
def _add_to_bins(arrays: ProblemArrays, macro: int, x: float, y: float, k: int, bin_area: Floats) -> None:
    """Add a macro's area to the bins that it covers."""
    left, right = x - arrays.half_w[k, macro], x + arrays.half_w[k, macro]
    bottom, top = y - arrays.half_h[k, macro], y + arrays.half_h[k, macro]
    bin_w, bin_h = arrays.grid * arrays.cell_w / BINS, arrays.grid * arrays.cell_h / BINS
    for j in range(max(int(bottom / bin_h), 0), min(int(top / bin_h), BINS - 1) + 1):
        dy = shared_length(bottom, top, j, bin_h)
        for i in range(max(int(left / bin_w), 0), min(int(right / bin_w), BINS - 1) + 1):
            dx = shared_length(left, right, i, bin_w)
            if dx > 0 and dy > 0:
                bin_area[j, i] += dx * dy


@njit
def _overflow(arrays: ProblemArrays, bin_area: Floats, density_target: float, macro_area: float) -> float:
    """Area above ``density_target`` times each bin's area, over the area of all macros."""
    limit = density_target * arrays.grid * arrays.cell_w * arrays.grid * arrays.cell_h / (BINS * BINS)
    total = 0.0
    for j in range(BINS):
        for i in range(BINS):
            total += max(bin_area[j, i] - limit, 0.0)
    return total / macro_area


@njit
def _rudy(arrays: ProblemArrays, bounds: Floats, scale: float) -> tuple[Floats, float]:
    """RUDY of every cell and its peak; see `relative_rudy`."""
    width, height = arrays.grid * arrays.cell_w, arrays.grid * arrays.cell_h
    return relative_rudy(bounds, arrays.net_weight, width, height, arrays.grid, scale)

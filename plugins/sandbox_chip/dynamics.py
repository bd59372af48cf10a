"""Dynamics: one macro after another is placed, until all are placed or the next one fits nowhere.

The state is arrays, and a step is one call of a compiled function, because handing arrays over to compiled
code costs more than the work itself. Nothing here knows Gymnasium, rewards or observations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip.kernels.bitgrid import fits
from sandbox_chip.kernels.density import shared_length
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import has_legal_cell, nearest_legal_cell, occupy
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.rudy import relative_rudy
from sandbox_chip.kernels.wirelength import add_to_nets
from sandbox_chip.problem import Problem
from sandbox_chip.types import Bits, Floats, Places

BINS = 8
"""Columns and rows of the grid on which density overflow is measured."""


@dataclass(slots=True, eq=False)
class PlacementState:
    """A placement in progress.

    Attributes:
        places: Column, row and orientation choice of every macro, −1 where not placed, shape ``(n, 3)``.
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
    legal, growth, overflow, state.rudy, rudy_peak, dead_end = _advance(
        problem.arrays,
        state.num_placed,
        action,
        state.places,
        state.free,
        state.bounds,
        state.bin_area,
        density_target,
        problem.macro_area,
        problem.scale,
    )
    state.num_placed += 1
    state.wirelength += growth
    if dead_end:
        charge = unplaced_wirelength(problem, state)
        growth, state.wirelength = growth + charge, state.wirelength + charge
    step = Step(legal, growth, overflow - state.overflow, rudy_peak - state.rudy_peak)
    state.overflow, state.rudy_peak, state.dead_end = overflow, rudy_peak, dead_end
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
def _advance(
    arrays: ProblemArrays,
    macro: int,
    action: int,
    places: Places,
    free: Bits,
    bounds: Floats,
    bin_area: Floats,
    density_target: float,
    macro_area: float,
    scale: float,
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
    legal = column + width <= grid and row + height <= grid and fits(free, column, row, width, height)
    if not legal:
        column, row, k = nearest_legal_cell(arrays, macro, k, column, row, free)
    place = places[macro]
    place[0], place[1], place[2] = column, row, k
    occupy(arrays, free, macro, place)
    _add_to_bins(arrays, macro, column, row, k, bin_area)
    growth = add_to_nets(arrays, macro, place, bounds)
    overflow = _overflow(arrays, bin_area, density_target, macro_area)
    rudy, rudy_peak = _rudy(arrays, bounds, scale)
    dead_end = macro + 1 < arrays.footprint_w.shape[1] and not has_legal_cell(arrays, macro + 1, free)
    return legal, growth, overflow, rudy, rudy_peak, dead_end


@njit
def _add_to_bins(arrays: ProblemArrays, macro: int, column: int, row: int, k: int, bin_area: Floats) -> None:
    """Add a macro's area to the bins that it covers."""
    left, bottom = column * arrays.cell_w, row * arrays.cell_h
    right, top = left + 2 * arrays.half_w[k, macro], bottom + 2 * arrays.half_h[k, macro]
    bin_w, bin_h = arrays.grid * arrays.cell_w / BINS, arrays.grid * arrays.cell_h / BINS
    for j in range(min(int(bottom / bin_h), BINS - 1), min(int(top / bin_h), BINS - 1) + 1):
        dy = shared_length(bottom, top, j, bin_h)
        for i in range(min(int(left / bin_w), BINS - 1), min(int(right / bin_w), BINS - 1) + 1):
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

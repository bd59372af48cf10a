"""What follows the last macro: soft macros take their places, and the placement is measured."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip import costs
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import PlacementState
from sandbox_chip.kernels.rudy import relative_rudy
from sandbox_chip.netlist import SOFT
from sandbox_chip.placers.whole import WORST, WholeFigures, is_cell, whole_figures
from sandbox_chip.types import Floats, Orientations


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """A finished placement.

    Attributes:
        x: Centres of all nodes of the problem's netlist, NaN where not placed, shape ``(nodes,)``.
        y: As ``x``.
        orientation: Of all nodes.
        wirelength: HPWL of all nets, µm; at a dead end with the nets of macros that are not placed counted
            as spanning the canvas.
        rudy: RUDY of every cell of the grid, in units of its mean for nets that all span the canvas.
        rudy_peak: Mean of the greatest tenth of ``rudy``.
        whole: Figures of the whole design, standard cells included where they are placed.
    """

    x: Floats
    y: Floats
    orientation: Orientations
    wirelength: float
    rudy: Floats
    rudy_peak: float
    whole: WholeFigures


def finish(design: Design, state: PlacementState, as_filed: bool = False) -> Placement:
    """Place the soft macros and measure the wirelength of all nets.

    Args:
        design: The design.
        state: The placement of its macros, which is over.
        as_filed: Whether soft macros lie where the file puts them, where it does.
    """
    x, y, orientation = centres(design, state)
    soft = design.problem.netlist.kind == SOFT
    if state.dead_end or not soft.any():
        whole = _whole(design, state, x, y, orientation)
        return Placement(x, y, orientation, state.wirelength, state.rudy, state.rudy_peak, whole)
    filed = design.filed
    if as_filed and filed is not None and np.isfinite(filed.x[soft]).all():
        x[soft], y[soft] = filed.x[soft], filed.y[soft]
    elif design.soft is not None:
        x, y = design.soft.place(x, y, orientation)
    problem = design.problem
    bounds = costs.net_boxes(problem.netlist, x, y, orientation)
    rudy, peak = relative_rudy(
        bounds, problem.netlist.net_weight, *problem.netlist.size, problem.grid, problem.scale
    )
    length = costs.hpwl(problem.netlist, x, y, orientation)
    whole = _whole(design, state, x, y, orientation)
    return Placement(x, y, orientation, length, rudy, peak, whole)


def _whole(
    design: Design, state: PlacementState, x: Floats, y: Floats, orientation: Orientations
) -> WholeFigures:
    """Figures with standard cells, where they are placed; else of what the problem's netlist holds."""
    if design.whole is not None:
        if state.dead_end:
            return design.whole.worst()
        return design.whole.figures(*design.whole.place(x, y, orientation))
    problem = design.problem
    netlist, cells = problem.netlist, is_cell(problem.netlist)
    if state.dead_end or not cells.any():
        relative = state.wirelength / problem.scale
        return WholeFigures(state.wirelength, relative, WORST * state.dead_end, state.rudy_peak)
    return whole_figures(netlist, cells, 1.0, problem.grid, x, y, orientation)


def centres(design: Design, state: PlacementState) -> tuple[Floats, Floats, Orientations]:
    """Centres and orientations of all nodes of the problem's netlist; NaN where not placed."""
    k = np.maximum(state.places[:, 2], 0)
    return design.problem.with_macros_at(state.centres[:, 0], state.centres[:, 1], k)

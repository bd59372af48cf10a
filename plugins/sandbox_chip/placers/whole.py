"""The whole design after its macros: standard cells are placed around them, and everything is measured.

Costs of macros alone say little about the wires of a chip, most of which join standard cells. Where a
scenario says so, an analytic placer puts the cells around the finished placement of the macros.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip import costs
from sandbox_chip.kernels.density import cell_density
from sandbox_chip.kernels.rudy import relative_rudy
from sandbox_chip.netlist import CELL, SOFT, Netlist
from sandbox_chip.orientation import turned_sizes
from sandbox_chip.placers.cells import CellPlacer, cell_placer, free_shares
from sandbox_chip.types import Bools, Floats, Ints, Orientations

MAX_OVERFLOW_BINS, NODES_IN_BIN = 32, 8
"""Columns and rows of the grid on which density overflow is measured, unless bins would hold fewer nodes."""


@dataclass(frozen=True, slots=True)
class WholeFigures:
    """Figures of a placement of a whole design.

    Attributes:
        hpwl: Of all nets, µm.
        wirelength: ``hpwl`` over Σ weight · (width + height of the canvas) of all nets.
        overflow: Area of cells and soft macros above their share of what is free in a bin, over their area.
        rudy: Mean of the greatest tenth of the RUDY map of all nets.
    """

    hpwl: float
    wirelength: float
    overflow: float
    rudy: float


WORST = 1.0
"""Wirelength, overflow and RUDY where not all macros could be placed: all nets span the canvas."""


@dataclass(frozen=True, slots=True, eq=False)
class WholeDesign:
    """A netlist with its standard cells, and their placer.

    Attributes:
        netlist: The whole netlist.
        kept: Nodes that the problem's netlist keeps, in its order.
        placer: Of the cells.
        grid: Columns and rows of the RUDY map.
    """

    netlist: Netlist
    kept: Ints
    placer: CellPlacer
    grid: int

    @property
    def scale(self) -> float:
        """Σ weight · (width + height) of the canvas over all nets, µm."""
        return float(self.netlist.net_weight.sum()) * sum(self.netlist.size)

    def with_macros_at(
        self, x: Floats, y: Floats, orientation: Orientations
    ) -> tuple[Floats, Floats, Orientations]:
        """Centres and orientations of all nodes, those of the problem's netlist from a placement of it."""
        netlist = self.netlist
        whole_x, whole_y, whole_turn = netlist.x.copy(), netlist.y.copy(), netlist.orientation.copy()
        whole_x[self.kept], whole_y[self.kept], whole_turn[self.kept] = x, y, orientation
        return whole_x, whole_y, whole_turn

    def place(self, x: Floats, y: Floats, orientation: Orientations) -> tuple[Floats, Floats, Orientations]:
        """The same with the cells placed."""
        x, y, orientation = self.with_macros_at(x, y, orientation)
        return *self.placer.place(x, y, orientation), orientation

    def figures(self, x: Floats, y: Floats, orientation: Orientations) -> WholeFigures:
        """Figures of a placement of all nodes."""
        moving = np.zeros(len(self.netlist.kind), bool)
        moving[self.placer.moving] = True
        return whole_figures(self.netlist, moving, self.placer.target, self.grid, x, y, orientation)

    def worst(self) -> WholeFigures:
        """Figures where not all macros could be placed."""
        return WholeFigures(self.scale, WORST, WORST, WORST)


def whole_design(netlist: Netlist, kinds: tuple[int, ...], target: float, grid: int) -> WholeDesign | None:
    """A design that has standard cells to place; None for one that has none.

    Args:
        netlist: The whole netlist.
        kinds: Kinds of nodes that the problem keeps.
        target: Share of a bin's free area that cells may take.
        grid: Columns and rows of the RUDY map.
    """
    placer = cell_placer(netlist, target, soft=SOFT not in kinds)
    if placer is None:
        return None
    return WholeDesign(netlist, np.flatnonzero(np.isin(netlist.kind, kinds)), placer, grid)


def whole_figures(
    netlist: Netlist,
    moving: Bools,
    target: float,
    grid: int,
    x: Floats,
    y: Floats,
    orientation: Orientations,
) -> WholeFigures:
    """Figures of a placement of a netlist.

    Args:
        netlist: The netlist.
        moving: Nodes whose density counts, shape ``(nodes,)``.
        target: Share of a bin's free area that they may take.
        grid: Columns and rows of the RUDY map.
        x: Centres of all nodes.
        y: As ``x``.
        orientation: Of all nodes.
    """
    width, height = netlist.size
    scale = max(float(netlist.net_weight.sum()) * (width + height), 1e-12)
    bounds = costs.net_boxes(netlist, x, y, orientation)
    _, peak = relative_rudy(bounds, netlist.net_weight, width, height, grid, scale)
    total = costs.hpwl(netlist, x, y, orientation)
    return WholeFigures(
        total, total / scale, overflow(netlist, moving, target, x, y, orientation), float(peak)
    )


def overflow(
    netlist: Netlist, moving: Bools, target: float, x: Floats, y: Floats, orientation: Orientations
) -> float:
    """Area of nodes above a share of what is free in each bin, over their area; 0 where there are none.

    What lies under macros counts as too much too.
    """
    counted = moving & np.isfinite(x)
    area = float((netlist.width * netlist.height)[counted].sum())
    if not area:
        return 0.0
    bins = min(MAX_OVERFLOW_BINS, max(int(np.sqrt(counted.sum() / NODES_IN_BIN)), 2))
    left, bottom = netlist.canvas[:2]
    width, height = turned_sizes(orientation, netlist.width, netlist.height)
    covered = cell_density(
        x[counted] - left,
        y[counted] - bottom,
        width[counted],
        height[counted],
        *netlist.size,
        bins,
        bins,
    )
    free = free_shares(netlist, ~moving, x - left, y - bottom, orientation, bins)
    bin_area = netlist.size[0] * netlist.size[1] / bins**2
    return float(np.maximum(covered - target * free, 0.0).sum() * bin_area / area)


def is_cell(netlist: Netlist) -> Bools:
    """Whether each node is a standard cell or a soft macro, shape ``(nodes,)``."""
    cells: Bools = np.isin(netlist.kind, (CELL, SOFT))
    return cells

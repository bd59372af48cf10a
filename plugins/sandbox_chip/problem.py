"""A netlist on a grid: the problem that placers and agents solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.kernels import bitgrid
from sandbox_chip.kernels.pins import gather_pins
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import wirelength
from sandbox_chip.netlist import MACRO, Netlist
from sandbox_chip.orientation import ORIENTATIONS, swaps_sides, turned_offsets
from sandbox_chip.types import Bits, Floats, Ints, Orientations, Places

CHOICES = {
    "fixed": ("N",),
    "mirror": ("N", "FN", "FS", "S"),
    "any": ("N", "FN", "FS", "S", "W", "E", "FW", "FE"),
}
"""Orientations that a placer may choose from, by the value of the parameter ``orientation``."""

ROUNDING = 1e-9
"""Share of a cell by which a size may exceed a whole number of cells without another cell being counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Macros to be placed on a grid, in the order of an episode.

    Attributes:
        netlist: Hard macros and pads only; see `Netlist.macros_only`.
        macros: Node index of each macro; macro 0 is placed first. Shape ``(n,)``.
        orientations: Index into `ORIENTATIONS` of each orientation choice k.
        arrays: What kernels take; macros are numbered as in ``macros``.
        area_shares: Share of the canvas that each macro takes, shape ``(n,)``.
        macro_area: Area of all macros together, µm².
        scale: Σ weight · (width + height) of the canvas over all nets, the unit of wirelength cost, µm.
        fixed_wirelength: Wirelength of the nets' fixed pins alone, µm.
    """

    netlist: Netlist
    macros: Ints
    orientations: tuple[int, ...]
    arrays: ProblemArrays
    area_shares: Floats
    macro_area: float
    scale: float
    fixed_wirelength: float

    @property
    def num_macros(self) -> int:
        """Number of macros to place."""
        return len(self.macros)

    @property
    def grid(self) -> int:
        """Columns and rows."""
        return int(self.arrays.grid)

    def centres(self, places: Places) -> tuple[Floats, Floats, Orientations]:
        """Centres and orientations of all nodes of the netlist in a placement, shape ``(nodes,)`` each.

        Args:
            places: A placement; the centre of a macro that is not placed is NaN.
        """
        x, y = self.netlist.x.copy(), self.netlist.y.copy()
        orientation = self.netlist.orientation.copy()
        placed = places[:, 2] >= 0
        k, index = np.maximum(places[:, 2], 0), np.arange(self.num_macros)
        left, bottom = self.netlist.canvas[:2]
        x[self.macros] = np.where(
            placed, left + places[:, 0] * self.arrays.cell_w + self.arrays.half_w[k, index], np.nan
        )
        y[self.macros] = np.where(
            placed, bottom + places[:, 1] * self.arrays.cell_h + self.arrays.half_h[k, index], np.nan
        )
        orientation[self.macros] = np.array(self.orientations, np.int8)[k]
        return x, y, orientation


def build_problem(
    netlist: Netlist, grid: int, orientation: str = "fixed", *, macros_only: bool = False
) -> Problem:
    """Put a netlist's macros and pads on a grid of ``grid`` × ``grid`` cells over its canvas.

    The lower-left corner of a macro lies on a corner of a cell; its footprint is its size rounded up to whole
    cells. Macros are placed by falling area, equal ones in the file's order.

    Args:
        netlist: Any netlist with at least one movable macro.
        grid: Columns and rows.
        orientation: A key of `CHOICES`.
        macros_only: Whether the netlist holds nothing but hard macros and pads already.

    Raises:
        InvalidValueError: If there is no macro to place.
    """
    if not macros_only:
        netlist = netlist.macros_only()
    movable = netlist.movable
    if not len(movable):
        raise InvalidValueError(f"The design {netlist.name} has no macro to place.")
    area = netlist.width[movable] * netlist.height[movable]
    macros = movable[np.argsort(-area, kind="stable")]
    choices = tuple(ORIENTATIONS.index(name) for name in CHOICES[orientation])
    arrays = _arrays(netlist, grid, macros, choices)
    width, height = netlist.size
    area_shares = netlist.width[macros] * netlist.height[macros] / (width * height)
    scale = float(netlist.net_weight.sum()) * (width + height)
    return Problem(
        netlist=netlist,
        macros=macros,
        orientations=choices,
        arrays=arrays,
        area_shares=area_shares,
        macro_area=float(area_shares.sum()) * width * height,
        scale=max(scale, 1e-12),
        fixed_wirelength=wirelength(arrays, arrays.fixed_bounds),
    )


def _arrays(netlist: Netlist, grid: int, macros: Ints, choices: tuple[int, ...]) -> ProblemArrays:
    canvas_w, canvas_h = netlist.size
    cell_w, cell_h = canvas_w / grid, canvas_h / grid
    swapped = np.array([swaps_sides(choice) for choice in choices])[:, None]
    drawn_w, drawn_h = netlist.width[macros][None], netlist.height[macros][None]
    width, height = np.where(swapped, drawn_h, drawn_w), np.where(swapped, drawn_w, drawn_h)
    entry_start, entry_net, pin_box, net_start, net_macro, net_entry, fixed = _entries(
        netlist, macros, choices
    )
    return ProblemArrays(
        grid=grid,
        cell_w=cell_w,
        cell_h=cell_h,
        footprint_w=_whole_cells(width, cell_w),
        footprint_h=_whole_cells(height, cell_h),
        half_w=np.ascontiguousarray(width / 2),
        half_h=np.ascontiguousarray(height / 2),
        entry_start=entry_start,
        entry_net=entry_net,
        pin_box=pin_box,
        net_start=net_start,
        net_macro=net_macro,
        net_entry=net_entry,
        net_weight=netlist.net_weight.astype(np.float64),
        fixed_bounds=fixed,
        free=_free_cells(netlist, grid, cell_w, cell_h),
    )


def _whole_cells(size: Floats, cell: float) -> Ints:
    """Sizes in cells, rounded up, at least 1."""
    cells: Ints = np.maximum(np.ceil(size / cell - ROUNDING), 1).astype(np.int64)
    return cells


def _entries(
    netlist: Netlist, macros: Ints, choices: tuple[int, ...]
) -> tuple[Ints, Ints, Floats, Ints, Ints, Ints, Floats]:
    """Pins gathered by macro and net; see `gather_pins`."""
    rank = np.full(len(netlist.kind), -1, np.int64)
    rank[macros] = np.arange(len(macros))
    x, y = netlist.pin_positions()
    left, bottom = netlist.canvas[:2]
    turned = [turned_offsets(choice, netlist.pin_x, netlist.pin_y) for choice in choices]
    return gather_pins(
        rank[netlist.pin_node],
        netlist.net_start,
        netlist.net_pins,
        x - left,
        y - bottom,
        np.array([dx for dx, _ in turned]),
        np.array([dy for _, dy in turned]),
        len(macros),
    )


def _free_cells(netlist: Netlist, grid: int, cell_w: float, cell_h: float) -> Bits:
    """All cells but those under fixed macros, as bits."""
    free = np.zeros((grid, (grid + 63) // 64), np.uint64)
    bitgrid.fill(free, 0, 0, grid, grid, False)
    left, bottom = netlist.canvas[:2]
    for node in np.flatnonzero((netlist.kind == MACRO) & netlist.fixed):
        width, height = netlist.width[node], netlist.height[node]
        first_c, end_c = _covered_cells(netlist.x[node] - left - width / 2, width, cell_w, grid)
        first_r, end_r = _covered_cells(netlist.y[node] - bottom - height / 2, height, cell_h, grid)
        if end_c > first_c and end_r > first_r:
            bitgrid.fill(free, first_c, first_r, end_c - first_c, end_r - first_r, True)
    return free


def _covered_cells(low: float, size: float, cell: float, grid: int) -> tuple[int, int]:
    """First cell, and the one after the last, that [low, low + size] touches along one axis of the grid."""
    ends = [np.floor(low / cell + ROUNDING), np.ceil((low + size) / cell - ROUNDING)]
    first, end = np.clip(ends, 0, grid).astype(int)
    return first, end

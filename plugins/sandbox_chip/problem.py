"""A netlist on a grid: the problem that placers and agents solve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.floorplan import free_cells, margins, regions, whole_cells
from sandbox_chip.kernels.pins import gather_pins
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import wirelength
from sandbox_chip.netlist import Netlist
from sandbox_chip.orientation import ORIENTATIONS, composed, turned_margins, turned_offsets, turned_sizes
from sandbox_chip.types import Floats, Ints, Orientations, Places

CHOICES = {
    "fixed": ("N",),
    "mirror": ("N", "FN", "FS", "S"),
    "any": ("N", "FN", "FS", "S", "W", "E", "FW", "FE"),
}
"""How a macro may be turned from its orientation in the file, by the parameter ``orientation``."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Macros to be placed on a grid, in the order of an episode.

    Attributes:
        netlist: Without standard cells; what does not move lies where its pins count.
        macros: Node index of each macro; macro 0 is placed first. Shape ``(n,)``.
        orientations: Index into `ORIENTATIONS` of each macro in each orientation choice k, shape ``(K, n)``.
            Choice 0 is the file's.
        arrays: What kernels take; macros are numbered as in ``macros``.
        area_shares: Share of the canvas that each macro takes, shape ``(n,)``.
        macro_area: Area of all macros together, µm².
        scale: Σ weight · (width + height) of the canvas over all nets, the unit of wirelength cost, µm.
        fixed_wirelength: Wirelength of the nets' fixed pins alone, µm.
    """

    netlist: Netlist
    macros: Ints
    orientations: Orientations
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
    def num_choices(self) -> int:
        """Number of orientations to choose from."""
        return len(self.orientations)

    @property
    def grid(self) -> int:
        """Columns and rows."""
        return int(self.arrays.grid)

    def centres(self, places: Places) -> tuple[Floats, Floats, Orientations]:
        """Centres and orientations of all nodes of the netlist in a placement, shape ``(nodes,)`` each.

        Args:
            places: A placement; the centre of a macro that is not placed is NaN.
        """
        k, index = np.maximum(places[:, 2], 0), np.arange(self.num_macros)
        x = places[:, 0] * self.arrays.cell_w + self.arrays.centre_x[k, index]
        y = places[:, 1] * self.arrays.cell_h + self.arrays.centre_y[k, index]
        missing = places[:, 2] < 0
        return self.with_macros_at(np.where(missing, np.nan, x), np.where(missing, np.nan, y), k)

    def with_macros_at(self, x: Floats, y: Floats, k: Ints) -> tuple[Floats, Floats, Orientations]:
        """Centres and orientations of all nodes of the netlist, shape ``(nodes,)`` each.

        Args:
            x: Centres of the macros, the canvas' lower-left corner at the origin, shape ``(n,)``.
            y: As ``x``.
            k: Their orientation choices, shape ``(n,)``.
        """
        left, bottom = self.netlist.canvas[:2]
        all_x, all_y = self.netlist.x.copy(), self.netlist.y.copy()
        orientation = self.netlist.orientation.copy()
        all_x[self.macros], all_y[self.macros] = left + x, bottom + y
        orientation[self.macros] = self.orientations[k, np.arange(self.num_macros)]
        return all_x, all_y, orientation


def build_problem(
    netlist: Netlist, grid: int, orientation: str = "fixed", *, channel: float = 0.0, soft: bool = False
) -> Problem:
    """Put a netlist's macros and pads on a grid of ``grid`` × ``grid`` cells over its canvas.

    The lower-left corner of a macro's footprint lies on a corner of a cell; the footprint is the macro with
    its margins, rounded up to whole cells. Macros are placed by falling area, equal ones in the file's order.

    Args:
        netlist: Any netlist with at least one movable macro.
        grid: Columns and rows.
        orientation: A key of `CHOICES`.
        channel: Least distance between two macros, µm.
        soft: Whether soft macros take part, where the netlist places them; their pins do not move.

    Raises:
        InvalidValueError: If there is no macro to place.
    """
    netlist = netlist.without_cells() if soft else netlist.macros_only()
    movable = netlist.movable
    if not len(movable):
        raise InvalidValueError(
            f"The design {netlist.name} has no macro to place.",
            "Its hard macros are fixed, or none of its components is one: see sandbox info.",
        )
    area = netlist.width[movable] * netlist.height[movable]
    macros = movable[np.argsort(-area, kind="stable")]
    turns = [composed(ORIENTATIONS.index(name), netlist.orientation[macros]) for name in CHOICES[orientation]]
    orientations = np.array(turns, np.int8)
    arrays = _arrays(netlist, grid, macros, orientations, channel)
    width, height = netlist.size
    area_shares = netlist.width[macros] * netlist.height[macros] / (width * height)
    scale = float(netlist.net_weight.sum()) * (width + height)
    return Problem(
        netlist=netlist,
        macros=macros,
        orientations=orientations,
        arrays=arrays,
        area_shares=area_shares,
        macro_area=float(area_shares.sum()) * width * height,
        scale=max(scale, 1e-12),
        fixed_wirelength=wirelength(arrays, arrays.fixed_bounds),
    )


def _arrays(
    netlist: Netlist, grid: int, macros: Ints, orientations: Orientations, channel: float
) -> ProblemArrays:
    canvas_w, canvas_h = netlist.size
    cell_w, cell_h = canvas_w / grid, canvas_h / grid
    sizes = [turned_sizes(turn, netlist.width[macros], netlist.height[macros]) for turn in orientations]
    width, height = np.array([size[0] for size in sizes]), np.array([size[1] for size in sizes])
    drawn = margins(netlist, macros, channel)
    left, bottom, right, top = np.array([turned_margins(turn, drawn).T for turn in orientations]).swapaxes(
        0, 1
    )
    entry_start, entry_net, pin_box, net_start, net_macro, net_entry, fixed, fixed_pins = _entries(
        netlist, macros, orientations
    )
    region, allowed = regions(netlist, macros, grid)
    return ProblemArrays(
        grid=grid,
        cell_w=cell_w,
        cell_h=cell_h,
        footprint_w=whole_cells(left + width + right, cell_w),
        footprint_h=whole_cells(bottom + height + top, cell_h),
        half_w=np.ascontiguousarray(width / 2),
        half_h=np.ascontiguousarray(height / 2),
        centre_x=np.ascontiguousarray(left + width / 2),
        centre_y=np.ascontiguousarray(bottom + height / 2),
        entry_start=entry_start,
        entry_net=entry_net,
        pin_box=pin_box,
        net_start=net_start,
        net_macro=net_macro,
        net_entry=net_entry,
        net_weight=netlist.net_weight.astype(np.float64),
        fixed_bounds=fixed,
        fixed_pins=fixed_pins,
        free=free_cells(netlist, grid, channel),
        region=region,
        allowed=allowed,
    )


def _entries(
    netlist: Netlist, macros: Ints, orientations: Orientations
) -> tuple[Ints, Ints, Floats, Ints, Ints, Ints, Floats, Floats]:
    """Pins gathered by macro and net; see `gather_pins`."""
    rank = np.full(len(netlist.kind), -1, np.int64)
    rank[macros] = np.arange(len(macros))
    x, y = netlist.pin_positions()
    left, bottom = netlist.canvas[:2]
    pin_macro = rank[netlist.pin_node]
    # Pins of what does not move are turned too, which nobody reads.
    turned = [turned_offsets(turn[pin_macro], netlist.pin_x, netlist.pin_y) for turn in orientations]
    return gather_pins(
        pin_macro,
        netlist.net_start,
        netlist.net_pins,
        x - left,
        y - bottom,
        np.array([dx for dx, _ in turned]),
        np.array([dy for _, dy in turned]),
        len(macros),
    )

"""A netlist on a grid: footprints in cells, nets by macro, and whether it can be placed at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_chip import cells, kernels
from sandbox_chip.netlist import MACRO, ORIENTATIONS, Floats, Ints, Netlist, swaps_sides, turned
from sandbox_chip.pins import gather_pins

LARGEST_GRID = 512
"""No grid above this is looked at when a smaller one does not fit."""

CHOICES = {
    "fixed": ("N",),
    "mirror": ("N", "FN", "FS", "S"),
    "any": ("N", "FN", "FS", "S", "W", "E", "FW", "FE"),
}
"""Orientations that a placer may choose from, by the name of the option."""


@dataclass(frozen=True, slots=True, eq=False)
class Problem:
    """Macros to be placed on a grid, in the order of an episode.

    Attributes:
        netlist: Hard macros and pads only; see `Netlist.macros_only`.
        macros: Node index of each macro; macro 0 is placed first. Shape ``(n,)``.
        orientations: Index into `ORIENTATIONS` of each choice k.
        arrays: What the kernels take; macros are numbered as in ``macros``.
        scale: Σ weight · (width + height) of the canvas over all nets, the unit of wirelength cost.
        base: Wirelength of the nets' fixed pins alone.
    """

    netlist: Netlist
    macros: Ints
    orientations: tuple[int, ...]
    arrays: kernels.Arrays
    scale: float
    base: float

    @property
    def count(self) -> int:
        """How many macros there are to place."""
        return len(self.macros)

    @property
    def grid(self) -> int:
        """Columns and rows."""
        return int(self.arrays.grid)

    def centres(self, places: NDArray[np.int64]) -> tuple[Floats, Floats, NDArray[np.int8]]:
        """Centres and orientations of all nodes of the netlist in a placement.

        Args:
            places: Column, row and orientation choice of each macro, shape ``(n, 3)``; orientation
                −1 for a macro that is not placed, whose centre is NaN.
        """
        x, y = self.netlist.x.copy(), self.netlist.y.copy()
        orientation = self.netlist.orientation.copy()
        placed = places[:, 2] >= 0
        k, index = np.maximum(places[:, 2], 0), np.arange(self.count)
        left, bottom = self.netlist.canvas[:2]
        x[self.macros] = np.where(
            placed, left + places[:, 0] * self.arrays.step_x + self.arrays.half_w[k, index], np.nan
        )
        y[self.macros] = np.where(
            placed, bottom + places[:, 1] * self.arrays.step_y + self.arrays.half_h[k, index], np.nan
        )
        orientation[self.macros] = np.array(self.orientations, np.int8)[k]
        return x, y, orientation


def build(netlist: Netlist, grid: int, orientation: str = "fixed", *, restricted: bool = False) -> Problem:
    """A netlist's macros and pads on a grid of ``grid`` × ``grid`` cells over its canvas.

    The lower-left corner of a macro lies on a corner of a cell; its footprint is its size rounded up
    to whole cells. Macros come by falling area, equal ones in the file's order.

    Args:
        netlist: Any netlist with at least one movable macro.
        grid: Columns and rows.
        orientation: A key of `CHOICES`.
        restricted: Whether the netlist is already one of hard macros and pads only.

    Raises:
        InvalidValueError: If there is nothing to place.
    """
    if not restricted:
        netlist = netlist.macros_only()
    movable = netlist.movable
    if not len(movable):
        raise InvalidValueError(f"The design {netlist.name} has no macro that could be placed.")
    area = netlist.width[movable] * netlist.height[movable]
    macros = movable[np.argsort(-area, kind="stable")]
    choices = tuple(ORIENTATIONS.index(name) for name in CHOICES[orientation])
    width, height = netlist.size
    step_x, step_y = width / grid, height / grid
    sides = np.array([swaps_sides(choice) for choice in choices])[:, None]
    own_w, own_h = netlist.width[macros][None], netlist.height[macros][None]
    wide, high = np.where(sides, own_h, own_w), np.where(sides, own_w, own_h)
    entries = _entries(netlist, macros, choices)
    arrays = kernels.Arrays(
        grid=grid,
        step_x=step_x,
        step_y=step_y,
        cells_w=np.maximum(np.ceil(wide / step_x - 1e-9), 1).astype(np.int64),
        cells_h=np.maximum(np.ceil(high / step_y - 1e-9), 1).astype(np.int64),
        half_w=np.ascontiguousarray(wide / 2),
        half_h=np.ascontiguousarray(high / 2),
        **entries,
        weight=netlist.net_weight.astype(np.float64),
        free=_free_cells(netlist, grid, step_x, step_y),
    )
    scale = float(netlist.net_weight.sum()) * (width + height)
    return Problem(netlist, macros, choices, arrays, max(scale, 1e-12), float(_base(arrays)))


def _base(arrays: kernels.Arrays) -> Any:
    return kernels.wirelength(arrays, arrays.fixed)


def _entries(netlist: Netlist, macros: Ints, choices: tuple[int, ...]) -> dict[str, Any]:
    """Pins gathered by macro and net, in both orders, and bounds of nets by their fixed pins."""
    rank = np.full(len(netlist.kind), -1, np.int64)
    rank[macros] = np.arange(len(macros))
    x, y = netlist.pin_positions()
    left, bottom = netlist.canvas[:2]
    turns = [turned(choice, netlist.pin_x, netlist.pin_y) for choice in choices]
    names = ("entry_start", "entry_net", "offsets", "net_start", "net_macro", "net_entry", "fixed")
    found = gather_pins(
        rank[netlist.pin_node],
        netlist.net_start,
        netlist.net_pins,
        x - left,
        y - bottom,
        np.array([dx for dx, _ in turns]),
        np.array([dy for _, dy in turns]),
        len(macros),
    )
    return dict(zip(names, found, strict=True))


def _free_cells(netlist: Netlist, grid: int, step_x: float, step_y: float) -> NDArray[np.uint64]:
    """All cells but those under fixed macros, as bits."""
    free = np.zeros((grid, (grid + 63) // 64), np.uint64)
    cells.fill(free, 0, 0, grid, grid, False)
    left, bottom = netlist.canvas[:2]
    for node in np.flatnonzero((netlist.kind == MACRO) & netlist.fixed):
        x0, y0 = (
            netlist.x[node] - left - netlist.width[node] / 2,
            netlist.y[node] - bottom - netlist.height[node] / 2,
        )
        columns = np.clip(
            [np.floor(x0 / step_x + 1e-9), np.ceil((x0 + netlist.width[node]) / step_x - 1e-9)], 0, grid
        ).astype(int)
        rows = np.clip(
            [np.floor(y0 / step_y + 1e-9), np.ceil((y0 + netlist.height[node]) / step_y - 1e-9)], 0, grid
        ).astype(int)
        if columns[1] > columns[0] and rows[1] > rows[0]:
            cells.fill(free, columns[0], rows[0], columns[1] - columns[0], rows[1] - rows[0], True)
    return free


def packing(problem: Problem) -> NDArray[np.int64] | None:
    """A simple packing of every macro, shape ``(n, 3)``; None if none was found."""
    arrays, places = problem.arrays, np.empty((problem.count, 3), np.int64)
    if (arrays.cells_w.min(0) > arrays.grid).any() or (arrays.cells_h.min(0) > arrays.grid).any():
        return None
    by_area = np.arange(problem.count)
    by_height = np.argsort(-arrays.cells_h[0], kind="stable")
    for order in (by_area, by_height):
        if not kernels.pack(arrays, order, places):
            return places
    return None


def packs(problem: Problem) -> bool:
    """Whether a simple packing places every macro: then the grid is large enough for certain."""
    return packing(problem) is not None


def require_fit(problem: Problem, orientation: str = "fixed") -> None:
    """Refuse a grid on which not even a simple packing places every macro.

    Raises:
        InvalidValueError: With the share of the cells that the macros take, and the smallest grid
            on which they can be packed.
    """
    if packs(problem):
        return
    arrays, netlist = problem.arrays, problem.netlist
    width, height = netlist.size
    for node in problem.macros:
        long, short = sorted((netlist.width[node], netlist.height[node]), reverse=True)
        inside = netlist.width[node] <= width and netlist.height[node] <= height
        if orientation == "any":
            inside = inside or (netlist.width[node] <= height and netlist.height[node] <= width)
        if not inside:
            raise InvalidValueError(
                f"The macro {netlist.nodes[int(node)]} ({netlist.width[node]:g} × {netlist.height[node]:g}) "
                f"is larger than the canvas ({width:g} × {height:g}) of {netlist.name}.",
                f"Its sides are {long:g} and {short:g}: check the unit and the canvas of the file.",
            )
    taken = float((arrays.cells_w[0] * arrays.cells_h[0]).sum()) / problem.grid**2
    smallest = smallest_grid(netlist, problem.grid + 1, orientation)
    raise InvalidValueError(
        f"The {problem.count} macros of {netlist.name} cannot be packed on a grid of {problem.grid}: rounded "
        f"up to whole cells they take {taken:.2f} of it (their true area: {netlist.utilisation:.2f}).",
        f"The smallest grid that fits is {smallest}: use --set grid={smallest} or more."
        if smallest
        else f"No grid up to {LARGEST_GRID} fits.",
    )


def smallest_grid(netlist: Netlist, start: int, orientation: str = "fixed") -> int | None:
    """The smallest grid from ``start`` on that `packs`, None if there is none up to `LARGEST_GRID`."""
    for grid in range(start, LARGEST_GRID + 1):
        problem = build(netlist, grid, orientation, restricted=True)
        if (problem.arrays.cells_w[0] * problem.arrays.cells_h[0]).sum() <= grid**2 and packs(problem):
            return grid
    return None

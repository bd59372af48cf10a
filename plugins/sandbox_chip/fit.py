"""Whether the macros of a problem can be placed on its grid at all."""

from __future__ import annotations

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.kernels.decoders import pack
from sandbox_chip.netlist import Netlist
from sandbox_chip.problem import Problem, build_problem
from sandbox_chip.types import Places

MAX_GRID = 512
"""The largest grid that is tried where a smaller one does not fit."""


def packing(problem: Problem) -> Places | None:
    """A bottom-left packing of all macros, by falling area, else by falling height; None if neither fits."""
    arrays, places = problem.arrays, np.empty((problem.num_macros, 3), np.int64)
    if (arrays.footprint_w.min(0) > arrays.grid).any() or (arrays.footprint_h.min(0) > arrays.grid).any():
        return None
    by_area = np.arange(problem.num_macros)
    by_height = np.argsort(-arrays.footprint_h[0], kind="stable")
    for order in (by_area, by_height):
        if not pack(arrays, order, places):
            return places
    return None


def packs(problem: Problem) -> bool:
    """Whether a bottom-left packing places all macros, which proves that the grid is large enough."""
    return packing(problem) is not None


def require_fit(problem: Problem, orientation: str = "fixed", channel: float = 0.0) -> None:
    """Refuse a grid on which a bottom-left packing does not place all macros.

    Args:
        problem: The problem.
        orientation: The key of `CHOICES` that it was built with.
        channel: The least distance between two macros that it was built with.

    Raises:
        InvalidValueError: With the share of the cells that the macros occupy, and the smallest grid on which
            they can be packed.
    """
    if packs(problem):
        return
    _require_macros_inside_canvas(problem, orientation)
    arrays, netlist = problem.arrays, problem.netlist
    occupied = float((arrays.footprint_w[0] * arrays.footprint_h[0]).sum()) / problem.grid**2
    free = int(np.bitwise_count(arrays.free).sum()) / problem.grid**2
    smallest = smallest_grid(netlist, problem.grid + 1, orientation, channel)
    blocked = (
        f" Blockages, fixed macros and what is outside the core take {1 - free:.2f}." if free < 1 else ""
    )
    raise InvalidValueError(
        f"The {problem.num_macros} macros of {netlist.name} cannot be packed on a grid of {problem.grid}: "
        f"rounded up to whole cells they take {occupied:.2f} of it (their true area: "
        f"{netlist.utilisation:.2f}).{blocked}",
        f"The smallest grid that fits is {smallest}: use --set grid={smallest} or more."
        if smallest
        else f"No grid up to {MAX_GRID} fits.",
    )


def _require_macros_inside_canvas(problem: Problem, orientation: str) -> None:
    netlist = problem.netlist
    canvas_w, canvas_h = netlist.size
    for node in problem.macros:
        width, height = netlist.width[node], netlist.height[node]
        inside = width <= canvas_w and height <= canvas_h
        if orientation == "any":
            inside = inside or (width <= canvas_h and height <= canvas_w)
        if not inside:
            short, long = sorted((width, height))
            raise InvalidValueError(
                f"The macro {netlist.nodes[int(node)]} ({width:g} × {height:g}) "
                f"is larger than the canvas ({canvas_w:g} × {canvas_h:g}) of {netlist.name}.",
                f"Its sides are {long:g} and {short:g}: check the unit and the canvas of the file.",
            )


def smallest_grid(
    netlist: Netlist, start: int, orientation: str = "fixed", channel: float = 0.0
) -> int | None:
    """The smallest grid from ``start`` on for which `packs` holds, None if there is none up to `MAX_GRID`.

    Args:
        netlist: Any netlist with a macro to place.
        start: First grid to try.
        orientation: A key of `CHOICES`.
        channel: Least distance between two macros, µm.
    """
    for grid in range(start, MAX_GRID + 1):
        problem = build_problem(netlist, grid, orientation, channel=channel, soft=True)
        arrays = problem.arrays
        if (arrays.footprint_w[0] * arrays.footprint_h[0]).sum() <= grid**2 and packs(problem):
            return grid
    return None

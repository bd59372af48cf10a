"""Where on a grid macros may lie: free cells, regions of fences, and margins around macros."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_chip.kernels import bitgrid
from sandbox_chip.netlist import MACRO, Fence, Netlist
from sandbox_chip.orientation import turned_margins, turned_sizes
from sandbox_chip.types import Bits, Floats, Ints, Rectangles

ROUNDING = 1e-9
"""Share of a cell by which a size may exceed a whole number of cells without another cell being counted."""

ANYWHERE = -1
"""Region of a macro that no fence concerns."""


def whole_cells(size: Floats, cell: float) -> Ints:
    """Sizes in cells, rounded up, at least 1."""
    cells: Ints = np.maximum(np.ceil(size / cell - ROUNDING), 1).astype(np.int64)
    return cells


def margins(netlist: Netlist, nodes: Ints, channel: float = 0.0) -> Floats:
    """Left, bottom, right and top margin of some nodes in orientation N, shape ``(n, 4)``.

    A margin is the node's halo, or half the least distance between two macros where that is more.
    """
    halo = np.zeros((len(nodes), 4)) if netlist.halo is None else netlist.halo[nodes]
    return np.maximum(halo, channel / 2)


def free_cells(netlist: Netlist, grid: int, channel: float = 0.0) -> Bits:
    """All cells but those under fixed macros with their margins and under blockages, as bits.

    Raises:
        InvalidValueError: For a fixed macro without a position.
    """
    return _bits_without(np.concatenate((netlist.blockages, _fixed_boxes(netlist, channel))), netlist, grid)


def _fixed_boxes(netlist: Netlist, channel: float) -> Rectangles:
    """Boxes of the fixed macros with their margins."""
    fixed = np.flatnonzero((netlist.kind == MACRO) & netlist.fixed)
    if not len(fixed):
        return np.empty((0, 4))
    lost = fixed[~(np.isfinite(netlist.x[fixed]) & np.isfinite(netlist.y[fixed]))]
    if len(lost):
        raise InvalidValueError(
            f"The fixed macro {netlist.nodes[int(lost[0])]} of {netlist.name} has no position.",
            "Give it one in the file, or do not fix it.",
        )
    turn = netlist.orientation[fixed]
    width, height = turned_sizes(turn, netlist.width[fixed], netlist.height[fixed])
    left, bottom, right, top = turned_margins(turn, margins(netlist, fixed, channel)).T
    x, y = netlist.x[fixed], netlist.y[fixed]
    return np.stack(
        (x - width / 2 - left, y - height / 2 - bottom, x + width / 2 + right, y + height / 2 + top), axis=1
    )


def regions(netlist: Netlist, macros: Ints, grid: int) -> tuple[Ints, Bits]:
    """Region of each macro, `ANYWHERE` for those that no fence concerns, and the cells of each region.

    Raises:
        InvalidValueError: For a fence that names no macro to be placed.
    """
    region = np.full(len(macros), ANYWHERE, np.int64)
    words = (grid + 63) // 64
    if not netlist.fences:
        return region, np.empty((0, grid, words), np.uint64)
    names = [netlist.nodes[int(node)] for node in macros]
    for fence in netlist.fences:
        if not fence.nodes.intersection(netlist.nodes):
            raise InvalidValueError(
                f"The {fence.name} of {netlist.name} names no macro.",
                f"Its macros are {', '.join(names[:5])}{', …' if len(names) > 5 else ''}.",
            )
    inside = [_bits_inside(fence, netlist, grid) for fence in netlist.fences]
    beyond = [_bits_without(fence.boxes, netlist, grid) for fence in netlist.fences]
    cells: dict[tuple[bool, ...], int] = {}
    allowed: list[Bits] = []
    for macro, name in enumerate(names):
        held = tuple(name in fence.nodes for fence in netlist.fences)
        if held not in cells:
            cells[held] = len(allowed)
            bits = _bits_without(np.empty((0, 4)), netlist, grid)
            for fence, member, within, others in zip(netlist.fences, held, inside, beyond, strict=True):
                if member:
                    bits &= within
                elif fence.exclusive:
                    bits &= others
            allowed.append(bits)
        region[macro] = cells[held]
    return region, np.array(allowed)


def _cell_size(netlist: Netlist, grid: int) -> tuple[float, float]:
    width, height = netlist.size
    return width / grid, height / grid


def _bits_without(boxes: Rectangles, netlist: Netlist, grid: int) -> Bits:
    """All cells but those that a box touches, as bits."""
    cell_w, cell_h = _cell_size(netlist, grid)
    left, bottom = netlist.canvas[:2]
    bits = np.zeros((grid, (grid + 63) // 64), np.uint64)
    bitgrid.fill(bits, 0, 0, grid, grid, False)
    for x0, y0, x1, y1 in boxes.tolist():
        first_c, end_c = _touched(x0 - left, x1 - left, cell_w, grid)
        first_r, end_r = _touched(y0 - bottom, y1 - bottom, cell_h, grid)
        if end_c > first_c and end_r > first_r:
            bitgrid.fill(bits, first_c, first_r, end_c - first_c, end_r - first_r, True)
    return bits


def _bits_inside(fence: Fence, netlist: Netlist, grid: int) -> Bits:
    """The cells that lie wholly in the union of a fence's boxes, as bits."""
    left, bottom, right, top = netlist.canvas
    xs = np.unique(np.concatenate(([left, right], fence.boxes[:, 0], fence.boxes[:, 2])))
    ys = np.unique(np.concatenate(([bottom, top], fence.boxes[:, 1], fence.boxes[:, 3])))
    gaps = [
        (x0, y0, x1, y1)
        for x0, x1 in pairwise(xs.tolist())
        for y0, y1 in pairwise(ys.tolist())
        if not _covered(fence.boxes, (x0 + x1) / 2, (y0 + y1) / 2)
    ]
    return _bits_without(np.array(gaps, float).reshape(-1, 4), netlist, grid)


def _covered(boxes: Rectangles, x: float, y: float) -> bool:
    inside = (boxes[:, 0] <= x) & (x <= boxes[:, 2]) & (boxes[:, 1] <= y) & (y <= boxes[:, 3])
    return bool(inside.any())


def _touched(low: float, high: float, cell: float, grid: int) -> tuple[int, int]:
    """First cell, and the one after the last, that [low, high] touches along one axis of the grid."""
    ends = [np.floor(low / cell + ROUNDING), np.ceil(high / cell - ROUNDING)]
    first, end = np.clip(ends, 0, grid).astype(int)
    return int(first), int(end)

"""The arrays of a placement problem as kernels take them."""

from __future__ import annotations

from typing import NamedTuple

from sandbox_chip.types import Bits, Floats, Ints


class ProblemArrays(NamedTuple):
    """A placement problem on a grid; made by `sandbox_chip.problem.build_problem`.

    K orientation choices, n macros, N nets, and E entries: the pins that one macro has on one net are one
    entry. Lengths are in the netlist's unit with the canvas' lower-left corner at the origin. A box is
    least x, greatest x, least y, greatest y.

    Attributes:
        grid: Columns and rows of the grid.
        cell_w: Width of a cell.
        cell_h: Height of a cell.
        footprint_w: Columns that a macro occupies with its margins, shape ``(K, n)``.
        footprint_h: Rows that it occupies, shape ``(K, n)``.
        half_w: Half of a macro's true width, shape ``(K, n)``.
        half_h: Half of a macro's true height, shape ``(K, n)``.
        centre_x: From the left of the footprint to the macro's centre, shape ``(K, n)``: the margin on the
            left and half of the width.
        centre_y: From the bottom of the footprint, shape ``(K, n)``.
        entry_start: Macro m has the entries ``entry_start[m]`` to ``entry_start[m + 1] − 1``; ``(n + 1,)``.
        entry_net: Net of each entry, shape ``(E,)``.
        pin_box: Box of each entry's pins around the macro's centre, shape ``(K, E, 4)``.
        net_start: Net i has the places ``net_start[i]`` to ``net_start[i + 1] − 1`` of the next two; ``(N +
            1,)``.
        net_macro: Macros of each net, shape ``(E,)``.
        net_entry: Entries of each net, shape ``(E,)``.
        net_weight: Shape ``(N,)``.
        fixed_bounds: Box of each net's pins that do not move, shape ``(N, 4)``.
        fixed_pins: Number of each net's pins that do not move, and the sums of their x and y, ``(N, 3)``.
        free: Cells that no fixed macro or blockage covers, as bits; see `sandbox_chip.kernels.bitgrid`.
        region: Region that each macro must lie in, −1 for anywhere, shape ``(n,)``.
        allowed: Cells of each region as bits, shape ``(R, grid, words)``.
    """

    grid: int
    cell_w: float
    cell_h: float
    footprint_w: Ints
    footprint_h: Ints
    half_w: Floats
    half_h: Floats
    centre_x: Floats
    centre_y: Floats
    entry_start: Ints
    entry_net: Ints
    pin_box: Floats
    net_start: Ints
    net_macro: Ints
    net_entry: Ints
    net_weight: Floats
    fixed_bounds: Floats
    fixed_pins: Floats
    free: Bits
    region: Ints
    allowed: Bits

"""Wirelength of the nets of a few macros, which local searches compare before and after a move."""

from __future__ import annotations

from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import half_perimeter, write_net_bounds
from sandbox_chip.types import Floats, Ints, Places


@njit
def nets_wirelength(
    arrays: ProblemArrays,
    macros: Ints,
    count: int,
    places: Places,
    bounds: Floats,
    recompute: bool,
    marks: Ints,
    stamp: int,
) -> float:
    """Wirelength of all nets of the first ``count`` macros, each net once.

    Args:
        arrays: The problem.
        macros: The macros.
        count: How many of them take part.
        places: Column, row and orientation choice of every macro.
        bounds: Of all nets, shape ``(N, 4)``.
        recompute: Whether the bounds of these nets are first computed anew from ``places``.
        marks: Last stamp of every net, shape ``(N,)``; written, so that no net counts twice.
        stamp: A number that ``marks`` does not hold yet.
    """
    total = 0.0
    for index in range(count):
        macro = macros[index]
        for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
            net = arrays.entry_net[entry]
            if marks[net] == stamp:
                continue
            marks[net] = stamp
            if recompute:
                write_net_bounds(arrays, net, places, bounds[net])
            total += arrays.net_weight[net] * half_perimeter(bounds[net])
    return total

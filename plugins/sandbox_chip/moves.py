"""What local searches on a placement share, compiled by Numba: taken cells, and lengths of nets.

``marks`` and ``stamp`` say which nets were counted: a net counts once in a call with a new stamp.
"""

from __future__ import annotations

from sandbox_chip.cells import njit
from sandbox_chip.kernels import half_perimeter, net_bounds, take


@njit
def occupied(arrays, places):  # type: ignore[no-untyped-def]
    """Free cells beside all placed macros, as bits."""
    free = arrays.free.copy()
    for macro in range(len(places)):
        if places[macro, 2] >= 0:
            take(arrays, free, macro, places[macro], True)
    return free


@njit
def length(arrays, macros, count, places, bounds, fresh, marks, stamp):  # type: ignore[no-untyped-def]
    """Wirelength of all nets of some macros.

    Args:
        arrays: The problem.
        macros: The macros.
        count: How many of them.
        places: Column, row and orientation of every macro.
        bounds: Of all nets, shape ``(N, 4)``.
        fresh: Whether the bounds of these nets are worked out anew first.
        marks: Last stamp of every net.
        stamp: A number that is not in ``marks``.
    """
    total = 0.0
    for index in range(count):
        macro = macros[index]
        for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
            net = arrays.entry_net[entry]
            if marks[net] == stamp:
                continue
            marks[net] = stamp
            if fresh:
                net_bounds(arrays, net, places, bounds[net])
            total += arrays.weight[net] * half_perimeter(bounds[net])
    return total

"""The bound-to-bound net model: quadratic springs whose energy at a placement equals its half perimeters.

Along one axis the two outermost of a net's p pins are tied to each other and to all others, by springs of
strength w / ((p − 1) · distance): their energy Σ strength · distance² is then w times the net's span.
Distances change with the placement, so the springs are made anew for each solution.

Source: Spindler, Schlichtmann and Johannes 2008, Kraftwerk2.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Floats, Ints


@njit
def tie_nets(
    net_start: Ints,
    net_pins: Ints,
    net_weight: Floats,
    pin_unknown: Ints,
    pin_offset: Floats,
    pin_at: Floats,
    least: float,
    unknowns: int,
) -> tuple[Floats, Floats, Ints, Ints, Floats]:
    """The springs of all nets along one axis, as a linear system.

    Args:
        net_start: First of each net's pins, shape ``(N + 1,)``.
        net_pins: Pins by net.
        net_weight: Shape ``(N,)``.
        pin_unknown: Index of the node of each pin among those that move, −1 for one that does not, ``(P,)``.
        pin_offset: Of each pin from its node's centre, shape ``(P,)``.
        pin_at: Where each pin is now, shape ``(P,)``; pins at NaN do not count.
        least: Distance below which springs grow no stronger.
        unknowns: How many nodes move.

    Returns:
        Diagonal and right-hand side, shape ``(unknowns,)`` each; rows, columns and values off the diagonal.
    """
    diagonal, right = np.zeros(unknowns), np.zeros(unknowns)
    capacity = 4 * len(net_pins) + 4
    rows, columns, values = np.empty(capacity, np.int64), np.empty(capacity, np.int64), np.empty(capacity)
    used = 0
    for net in range(len(net_weight)):
        pins = net_pins[net_start[net] : net_start[net + 1]]
        low, high, count = _outermost(pins, pin_at)
        if count < 2:
            continue
        share = net_weight[net] / (count - 1)
        for pin in pins:
            for end in (low, high):
                # The two ends are tied to each other once.
                if np.isnan(pin_at[pin]) or pin == end or (pin == low and end == high):
                    continue
                strength = share / max(abs(pin_at[pin] - pin_at[end]), least)
                a, b = pin_unknown[pin], pin_unknown[end]
                if a == b:
                    continue
                for node, other, own_pin, other_pin in ((a, b, pin, end), (b, a, end, pin)):
                    if node < 0:
                        continue
                    diagonal[node] += strength
                    if other < 0:
                        right[node] += strength * (pin_at[other_pin] - pin_offset[own_pin])
                        continue
                    right[node] += strength * (pin_offset[other_pin] - pin_offset[own_pin])
                    rows[used], columns[used], values[used] = node, other, -strength
                    used += 1
    return diagonal, right, rows[:used], columns[:used], values[:used]


@njit
def _outermost(pins: Ints, pin_at: Floats) -> tuple[int, int, int]:
    """The pins of least and greatest coordinate, and how many pins have one."""
    low = high = -1
    count = 0
    for pin in pins:
        if np.isnan(pin_at[pin]):
            continue
        count += 1
        if low < 0 or pin_at[pin] < pin_at[low]:
            low = pin
        if high < 0 or pin_at[pin] >= pin_at[high]:
            high = pin
    return low, high, count

"""Pins gathered into one box a macro and net, which is all that half perimeters depend on."""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.types import Floats, Ints


@njit
def gather_pins(
    pin_macro: Ints,
    net_start: Ints,
    net_pins: Ints,
    x: Floats,
    y: Floats,
    turned_x: Floats,
    turned_y: Floats,
    count: int,
) -> tuple[Ints, Ints, Floats, Ints, Ints, Ints, Floats, Floats]:
    """Entries of every macro and of every net; see `ProblemArrays`.

    Args:
        pin_macro: Macro of each pin, −1 for a pin that does not move, shape ``(P,)``.
        net_start: First of each net's pins, shape ``(N + 1,)``.
        net_pins: Pins by net.
        x: Position of the pins that do not move, shape ``(P,)``; those at NaN do not count.
        y: As ``x``.
        turned_x: Offset from the macro's centre in each orientation choice, shape ``(K, P)``.
        turned_y: As ``turned_x``.
        count: Number of macros.

    Returns:
        ``entry_start``, ``entry_net``, ``pin_box``, ``net_start``, ``net_macro``, ``net_entry``,
        ``fixed_bounds`` and ``fixed_pins`` of `ProblemArrays`.
    """
    nets, choices = len(net_start) - 1, turned_x.shape[0]
    fixed, fixed_pins = np.empty((nets, 4)), np.zeros((nets, 3))
    pair_macro, pair_net = np.empty(len(net_pins), np.int64), np.empty(len(net_pins), np.int64)
    box = np.empty((len(net_pins), choices, 4))
    last_pair = np.full(count, -1, np.int64)
    pairs = 0
    by_macro, by_net = np.zeros(count + 1, np.int64), np.zeros(nets + 1, np.int64)
    for net in range(nets):
        first = pairs
        fixed[net, 0::2], fixed[net, 1::2] = np.inf, -np.inf
        for at in range(net_start[net], net_start[net + 1]):
            pin = net_pins[at]
            macro = pin_macro[pin]
            if macro < 0:
                if not (np.isnan(x[pin]) or np.isnan(y[pin])):
                    _include(fixed[net], x[pin], y[pin])
                    fixed_pins[net, 0] += 1.0
                    fixed_pins[net, 1] += x[pin]
                    fixed_pins[net, 2] += y[pin]
                continue
            if last_pair[macro] < first:
                last_pair[macro] = pairs
                pair_macro[pairs], pair_net[pairs] = macro, net
                box[pairs, :, 0::2], box[pairs, :, 1::2] = np.inf, -np.inf
                by_macro[macro + 1] += 1
                by_net[net + 1] += 1
                pairs += 1
            for k in range(choices):
                _include(box[last_pair[macro], k], turned_x[k, pin], turned_y[k, pin])
    by_macro, by_net = np.cumsum(by_macro), np.cumsum(by_net)
    entry_net, entry_macro = np.empty(pairs, np.int64), np.empty(pairs, np.int64)
    pin_box = np.empty((choices, pairs, 4))
    end = by_macro.copy()
    for pair in range(pairs):
        entry = end[pair_macro[pair]]
        end[pair_macro[pair]] += 1
        entry_net[entry], entry_macro[entry] = pair_net[pair], pair_macro[pair]
        pin_box[:, entry] = box[pair]
    net_macro, net_entry = np.empty(pairs, np.int64), np.empty(pairs, np.int64)
    end = by_net.copy()
    for entry in range(pairs):
        at = end[entry_net[entry]]
        end[entry_net[entry]] += 1
        net_macro[at], net_entry[at] = entry_macro[entry], entry
    return by_macro, entry_net, pin_box, by_net, net_macro, net_entry, fixed, fixed_pins


@njit
def _include(box: Floats, x: float, y: float) -> None:
    """Extend a box to hold a point."""
    box[0], box[1] = min(box[0], x), max(box[1], x)
    box[2], box[3] = min(box[2], y), max(box[3], y)

"""Pins gathered by macro and net, compiled by Numba: what the kernels go through instead of single pins."""

from __future__ import annotations

import numpy as np

from sandbox_chip.cells import njit


@njit
def gather_pins(pin_macro, net_start, net_pins, x, y, turned_x, turned_y, count):  # type: ignore[no-untyped-def]
    """Pins of every macro on every net as one entry, in both orders; see `Arrays`.

    Args:
        pin_macro: Macro of each pin, −1 for a pin that stays where it is, shape ``(P,)``.
        net_start: First of each net's pins, shape ``(N + 1,)``.
        net_pins: Pins by net.
        x: Where pins are that stay, shape ``(P,)``.
        y: As ``x``.
        turned_x: Offset from the macro's centre in each orientation, shape ``(K, P)``.
        turned_y: As ``turned_x``.
        count: Macros.
    """
    nets, choices = len(net_start) - 1, turned_x.shape[0]
    fixed = np.empty((nets, 4))
    pair_macro, pair_net = np.empty(len(net_pins), np.int64), np.empty(len(net_pins), np.int64)
    box = np.empty((len(net_pins), choices, 4))
    last = np.full(count, -1, np.int64)
    pairs = 0
    by_macro, by_net = np.zeros(count + 1, np.int64), np.zeros(nets + 1, np.int64)
    for net in range(nets):
        first = pairs
        fixed[net, 0::2], fixed[net, 1::2] = np.inf, -np.inf
        for at in range(net_start[net], net_start[net + 1]):
            pin = net_pins[at]
            macro = pin_macro[pin]
            if macro < 0:
                _include(fixed[net], x[pin], y[pin])
                continue
            if last[macro] < first:
                last[macro] = pairs
                pair_macro[pairs], pair_net[pairs] = macro, net
                box[pairs, :, 0::2], box[pairs, :, 1::2] = np.inf, -np.inf
                by_macro[macro + 1] += 1
                by_net[net + 1] += 1
                pairs += 1
            for k in range(choices):
                _include(box[last[macro], k], turned_x[k, pin], turned_y[k, pin])
    by_macro, by_net = np.cumsum(by_macro), np.cumsum(by_net)
    entry_net, entry_macro = np.empty(pairs, np.int64), np.empty(pairs, np.int64)
    offsets = np.empty((choices, pairs, 4))
    end = by_macro.copy()
    for pair in range(pairs):
        entry = end[pair_macro[pair]]
        end[pair_macro[pair]] += 1
        entry_net[entry], entry_macro[entry] = pair_net[pair], pair_macro[pair]
        offsets[:, entry] = box[pair]
    net_macro, net_entry = np.empty(pairs, np.int64), np.empty(pairs, np.int64)
    end = by_net.copy()
    for entry in range(pairs):
        at = end[entry_net[entry]]
        end[entry_net[entry]] += 1
        net_macro[at], net_entry[at] = entry_macro[entry], entry
    return by_macro, entry_net, offsets, by_net, net_macro, net_entry, fixed


@njit
def _include(box, x, y):  # type: ignore[no-untyped-def]
    """Make a box hold a point."""
    box[0], box[1] = min(box[0], x), max(box[1], x)
    box[2], box[3] = min(box[2], y), max(box[3], y)

"""Small designs for the tests of the chip domain."""

from __future__ import annotations

import numpy as np

from sandbox_chip.netlist import MACRO, PAD, Netlist


def design(
    sizes: list[tuple[float, float]],
    pads: list[tuple[float, float]],
    nets: list[list[tuple[int, float, float]]],
    side: float = 100.0,
    weights: list[float] | None = None,
) -> Netlist:
    """A netlist from sizes of macros, positions of pads, and nets of (node, dx, dy); pads follow macros."""
    macros, count = len(sizes), len(sizes) + len(pads)
    pins = [pin for net in nets for pin in net]
    return Netlist(
        name="test",
        nodes=[f"m{i}" for i in range(macros)] + [f"p{i}" for i in range(len(pads))],
        kind=np.array([MACRO] * macros + [PAD] * len(pads), np.int8),
        fixed=np.array([False] * macros + [True] * len(pads)),
        width=np.array([w for w, _ in sizes] + [0.0] * len(pads)),
        height=np.array([h for _, h in sizes] + [0.0] * len(pads)),
        x=np.array([np.nan] * macros + [x for x, _ in pads]),
        y=np.array([np.nan] * macros + [y for _, y in pads]),
        orientation=np.zeros(count, np.int8),
        pin_node=np.array([node for node, _, _ in pins], np.int64),
        pin_x=np.array([dx for _, dx, _ in pins], float),
        pin_y=np.array([dy for _, _, dy in pins], float),
        net_start=np.concatenate(([0], np.cumsum([len(net) for net in nets]))).astype(np.int64),
        net_pins=np.arange(len(pins)),
        net_weight=np.array(weights or [1.0] * len(nets)),
        canvas=(0.0, 0.0, side, side),
    )

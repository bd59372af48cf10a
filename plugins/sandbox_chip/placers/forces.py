"""Force-directed placement of soft macros: springs of the nets, and repulsion between blocks that overlap.

The soft macros begin where the springs alone would put them. Then, step by step, every one moves a share of
the way to the mean of its nets' pins, and away from each block that it overlaps, along the axis on which less
is in the way; no step is longer than a limit. The share falls over the steps, so that what is spread stays
spread. Hard macros and pads stay.

Sources: Mirhoseini et al. 2021 (springs, repulsion, a greatest distance for each move); the description of
force-directed placement in TILOS MacroPlacement. Weights and numbers of steps are this plugin's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.netlist import MACRO, SOFT, Netlist
from sandbox_chip.orientation import turned_offsets, turned_sizes
from sandbox_chip.placers.springs import Springs, springs
from sandbox_chip.types import Floats, Ints, Orientations

STEPS = 100
"""Steps of one placement."""

FIRST_PULL, LAST_PULL = 0.3, 0.02
"""Share of the way to the mean of its nets' pins that a soft macro moves in the first and the last step."""

MAX_MOVE = 0.05
"""Longest move of a step, as a share of the canvas' half perimeter."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftPlacer:
    """Places the soft macros of a netlist, as often as its hard macros are placed.

    Attributes:
        netlist: Hard macros, pads and soft macros.
        soft: Nodes that move.
        start: Where springs alone put them.
    """

    netlist: Netlist
    soft: Ints
    start: Springs

    def place(self, x: Floats, y: Floats, orientation: Orientations) -> tuple[Floats, Floats]:
        """Centres of all nodes, the soft macros placed anew.

        Args:
            x: Centres of hard macros and pads, shape ``(nodes,)``.
            y: As ``x``.
            orientation: Of all nodes.
        """
        netlist = self.netlist
        x, y = self.start.solve(x, y, orientation)
        width, height = turned_sizes(orientation, netlist.width, netlist.height)
        blocks = np.flatnonzero((netlist.kind == MACRO) & np.isfinite(x))
        dx, dy = turned_offsets(orientation[netlist.pin_node], netlist.pin_x, netlist.pin_y)
        _settle(
            x,
            y,
            width,
            height,
            self.soft,
            blocks,
            netlist.pin_node,
            dx,
            dy,
            netlist.net_start,
            netlist.net_pins,
            netlist.net_weight,
            np.array(netlist.canvas),
        )
        return x, y


def soft_placer(netlist: Netlist) -> SoftPlacer | None:
    """The placer of a netlist's soft macros; None where it has none that may move."""
    moves = (netlist.kind == SOFT) & ~netlist.fixed
    if not moves.any():
        return None
    # Hard macros have places when soft ones are placed: their pins count.
    known = np.where(netlist.kind == MACRO, 0.0, netlist.x)
    return SoftPlacer(netlist, np.flatnonzero(moves), springs(netlist, moves, known))


@njit
def _settle(
    x: Floats,
    y: Floats,
    width: Floats,
    height: Floats,
    soft: Ints,
    blocks: Ints,
    pin_node: Ints,
    pin_dx: Floats,
    pin_dy: Floats,
    net_start: Ints,
    net_pins: Ints,
    net_weight: Floats,
    canvas: Floats,
) -> None:
    """All steps; the centres of the soft macros are changed."""
    limit = MAX_MOVE * (canvas[2] - canvas[0] + canvas[3] - canvas[1])
    pull_x, pull_y, pull = np.empty(len(x)), np.empty(len(x)), np.empty(len(x))
    push_x, push_y = np.empty(len(x)), np.empty(len(x))
    for step in range(STEPS):
        share = FIRST_PULL * (LAST_PULL / FIRST_PULL) ** (step / (STEPS - 1))
        _add_springs(x, y, pin_node, pin_dx, pin_dy, net_start, net_pins, net_weight, pull_x, pull_y, pull)
        _add_repulsion(x, y, width, height, soft, blocks, push_x, push_y)
        for node in soft:
            move_x, move_y = push_x[node], push_y[node]
            if pull[node] > 0:
                move_x += share * pull_x[node] / pull[node]
                move_y += share * pull_y[node] / pull[node]
            half_w, half_h = width[node] / 2, height[node] / 2
            x[node] += min(max(move_x, -limit), limit)
            y[node] += min(max(move_y, -limit), limit)
            x[node] = min(max(x[node], canvas[0] + half_w), canvas[2] - half_w)
            y[node] = min(max(y[node], canvas[1] + half_h), canvas[3] - half_h)


@njit
def _add_springs(
    x: Floats,
    y: Floats,
    pin_node: Ints,
    pin_dx: Floats,
    pin_dy: Floats,
    net_start: Ints,
    net_pins: Ints,
    net_weight: Floats,
    pull_x: Floats,
    pull_y: Floats,
    pull: Floats,
) -> None:
    """Write Σ weight · (mean of the net's pins − pin) of every node, and the sum of the weights."""
    pull_x[:], pull_y[:], pull[:] = 0.0, 0.0, 0.0
    for net in range(len(net_weight)):
        begin, end = net_start[net], net_start[net + 1]
        sum_x = sum_y = count = 0.0
        for at in range(begin, end):
            pin = net_pins[at]
            node = pin_node[pin]
            if x[node] == x[node]:
                sum_x += x[node] + pin_dx[pin]
                sum_y += y[node] + pin_dy[pin]
                count += 1.0
        if count < 2:
            continue
        weight, mean_x, mean_y = net_weight[net], sum_x / count, sum_y / count
        for at in range(begin, end):
            pin = net_pins[at]
            node = pin_node[pin]
            if x[node] == x[node]:
                pull_x[node] += weight * (mean_x - x[node] - pin_dx[pin])
                pull_y[node] += weight * (mean_y - y[node] - pin_dy[pin])
                pull[node] += weight


@njit
def _add_repulsion(
    x: Floats,
    y: Floats,
    width: Floats,
    height: Floats,
    soft: Ints,
    blocks: Ints,
    push_x: Floats,
    push_y: Floats,
) -> None:
    """Write how far overlaps push every soft macro: half the way apart from another one, all from a block.

    Soft macros are swept from left to right, so that only neighbours are compared.
    """
    push_x[:], push_y[:] = 0.0, 0.0
    widest = 0.0
    lefts = np.empty(len(soft))
    for index in range(len(soft)):
        node = soft[index]
        lefts[index] = x[node] - width[node] / 2
        widest = max(widest, width[node])
    order = np.argsort(lefts)
    for at in range(len(soft)):
        node = soft[order[at]]
        right = x[node] + width[node] / 2
        for later in range(at + 1, len(soft)):
            if lefts[order[later]] >= right:
                break
            other = soft[order[later]]
            over_x, over_y = _overlap(x, y, width, height, node, other)
            if over_x > 0 and over_y > 0:
                _push(x, y, node, other, over_x, over_y, push_x, push_y, 0.5)
                _push(x, y, other, node, over_x, over_y, push_x, push_y, 0.5)
    sorted_lefts = lefts[order]
    for block in blocks:
        first = np.searchsorted(sorted_lefts, x[block] - width[block] / 2 - widest)
        for at in range(first, len(soft)):
            node = soft[order[at]]
            if sorted_lefts[at] >= x[block] + width[block] / 2:
                break
            over_x, over_y = _overlap(x, y, width, height, node, block)
            if over_x > 0 and over_y > 0:
                _push(x, y, node, block, over_x, over_y, push_x, push_y, 1.0)


@njit
def _overlap(x: Floats, y: Floats, width: Floats, height: Floats, a: int, b: int) -> tuple[float, float]:
    """Lengths along both axes on which two blocks overlap; negative where they are apart."""
    return (width[a] + width[b]) / 2 - abs(x[a] - x[b]), (height[a] + height[b]) / 2 - abs(y[a] - y[b])


@njit
def _push(
    x: Floats,
    y: Floats,
    node: int,
    other: int,
    over_x: float,
    over_y: float,
    push_x: Floats,
    push_y: Floats,
    share: float,
) -> None:
    """Push a node away from another along the axis of the smaller overlap."""
    if over_x < over_y:
        forward = x[node] > x[other] or (x[node] == x[other] and node > other)
        push_x[node] += share * over_x if forward else -share * over_x
    else:
        forward = y[node] > y[other] or (y[node] == y[other] and node > other)
        push_y[node] += share * over_y if forward else -share * over_y

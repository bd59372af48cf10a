"""The netlist that every format is read into: nodes, pins and nets as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from sandbox_chip.notes import Note
from sandbox_chip.orientation import turned_offsets
from sandbox_chip.types import Bools, Canvas, Floats, Ints, Orientations, Rectangles

MACRO, PAD, SOFT, CELL = 0, 1, 2, 3
"""Kinds of nodes: hard macro, pad (port, terminal), soft macro (a cluster of cells), standard cell."""


def no_rectangles() -> Rectangles:
    """Rectangles of shape ``(0, 4)``."""
    return np.empty((0, 4))


@dataclass(frozen=True, slots=True, eq=False)
class Fence:
    """A region that some nodes must lie in.

    Attributes:
        name: Of the region.
        boxes: Rectangles whose union it is, in the netlist's coordinates.
        nodes: Names of the nodes that must lie in it.
        exclusive: Whether all other nodes must stay outside.
    """

    name: str
    boxes: Rectangles
    nodes: frozenset[str]
    exclusive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Netlist:
    """Nodes, pins and nets. Lengths are in µm, or in the file's unit of length where it names none.

    Attributes:
        name: Of the design.
        nodes: Name of each node, unique.
        kind: ``MACRO``, ``PAD``, ``SOFT`` or ``CELL``, shape ``(nodes,)``.
        fixed: Whether a placer must leave the node where it is, shape ``(nodes,)``.
        width: In orientation N, shape ``(nodes,)``.
        height: As ``width``.
        x: Centre in the file's placement, NaN where it has none, shape ``(nodes,)``.
        y: As ``x``.
        orientation: In the file's placement, index into `ORIENTATIONS`, shape ``(nodes,)``.
        pin_node: Node of each pin, shape ``(pins,)``.
        pin_x: Offset of each pin from its node's centre in orientation N, shape ``(pins,)``.
        pin_y: As ``pin_x``.
        net_start: Net i has the pins ``net_pins[net_start[i]:net_start[i + 1]]``, its source first.
        net_pins: Indices of pins, net by net.
        net_weight: Shape ``(nets,)``.
        canvas: The area to place in.
        node_ids: Index of each node in its file, for formats that refer to nodes by number.
        halo: Left, bottom, right and top margin of each node in orientation N which no other macro may
            enter, shape ``(nodes, 4)``; None where no node has one.
        blockages: Rectangles in which no macro may lie, such as what is outside the core.
        fences: Regions for some of the macros.
        row_height: Height of a row of standard cells, 0 where the file has no rows.
        notes: What became of the things in the files.
    """

    name: str
    nodes: Sequence[str]
    kind: NDArray[np.int8]
    fixed: Bools
    width: Floats
    height: Floats
    x: Floats
    y: Floats
    orientation: Orientations
    pin_node: Ints
    pin_x: Floats
    pin_y: Floats
    net_start: Ints
    net_pins: Ints
    net_weight: Floats
    canvas: Canvas
    node_ids: Ints | None = None
    halo: Floats | None = None
    blockages: Rectangles = field(default_factory=no_rectangles)
    fences: tuple[Fence, ...] = ()
    row_height: float = 0.0
    notes: tuple[Note, ...] = ()

    @property
    def num_nets(self) -> int:
        """Number of nets."""
        return len(self.net_weight)

    @property
    def movable(self) -> Ints:
        """Indices of the macros that a placer places."""
        return np.flatnonzero((self.kind == MACRO) & ~self.fixed)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of the canvas."""
        left, bottom, right, top = self.canvas
        return right - left, top - bottom

    @property
    def utilisation(self) -> float:
        """Area of all hard macros over the area of the canvas."""
        width, height = self.size
        macros = self.kind == MACRO
        return float((self.width[macros] * self.height[macros]).sum() / (width * height))

    def pin_positions(
        self, x: Floats | None = None, y: Floats | None = None, orientation: Orientations | None = None
    ) -> tuple[Floats, Floats]:
        """Position of every pin, shape ``(pins,)`` each: its node's centre plus the turned offset.

        Args:
            x: Centres of the nodes; the file's placement if absent.
            y: As ``x``.
            orientation: Of the nodes; the file's if absent.
        """
        x, y = (self.x if x is None else x), (self.y if y is None else y)
        orientation = self.orientation if orientation is None else orientation
        dx, dy = turned_offsets(orientation[self.pin_node], self.pin_x, self.pin_y)
        return x[self.pin_node] + dx, y[self.pin_node] + dy

    def of_kinds(self, *kinds: int) -> Netlist:
        """The netlist of some kinds of nodes; itself where it has no others.

        Other nodes are left out, and with them their pins; a net that then joins no macro, hard or soft, to
        another node is left out too. The order of what stays is kept.
        """
        keep = np.isin(self.kind, kinds)
        if keep.all():
            return self
        nets = np.repeat(np.arange(self.num_nets), np.diff(self.net_start))
        of_kept_node = keep[self.pin_node[self.net_pins]]
        nets, pins = nets[of_kept_node], self.net_pins[of_kept_node]
        movers = [kind for kind in kinds if kind in (MACRO, SOFT)]
        joins = self._joins_any(movers, nets, self.pin_node[pins])
        nets, pins = nets[joins[nets]], pins[joins[nets]]
        degree = np.bincount(nets, minlength=self.num_nets)[joins]
        nodes, used = np.flatnonzero(keep), np.unique(pins)
        return replace(
            self,
            nodes=[self.nodes[node] for node in nodes.tolist()],
            kind=self.kind[nodes],
            fixed=self.fixed[nodes],
            width=self.width[nodes],
            height=self.height[nodes],
            x=self.x[nodes],
            y=self.y[nodes],
            orientation=self.orientation[nodes],
            pin_node=_new_index(nodes, len(self.kind))[self.pin_node[used]],
            pin_x=self.pin_x[used],
            pin_y=self.pin_y[used],
            net_start=np.concatenate(([0], np.cumsum(degree))),
            net_pins=_new_index(used, len(self.pin_node))[pins],
            net_weight=self.net_weight[joins],
            node_ids=None if self.node_ids is None else self.node_ids[nodes],
            halo=None if self.halo is None else self.halo[nodes],
        )

    def macros_only(self) -> Netlist:
        """The netlist of hard macros and pads, with the nets that join a macro to another macro or to a pad.

        A netlist that holds nothing else keeps all its nets.
        """
        return self.of_kinds(MACRO, PAD)

    def without_cells(self) -> Netlist:
        """The netlist without standard cells: hard macros, pads and soft macros."""
        return self.of_kinds(MACRO, PAD, SOFT)

    def _joins_any(self, kinds: Sequence[int], nets: Ints, nodes: Ints) -> Bools:
        """Whether each net joins a node of some kinds to another, by the net and node of every pin."""
        first = np.full(self.num_nets, len(self.kind), np.int64)
        last = np.full(self.num_nets, -1, np.int64)
        np.minimum.at(first, nets, nodes)
        np.maximum.at(last, nets, nodes)
        has_any = np.zeros(self.num_nets, bool)
        has_any[nets[np.isin(self.kind[nodes], kinds)]] = True
        joins: Bools = has_any & (first < last)
        return joins


def _new_index(kept: Ints, size: int) -> Ints:
    """Index after all but ``kept`` are left out, −1 for what is left out, shape ``(size,)``."""
    index = np.full(size, -1, np.int64)
    index[kept] = np.arange(len(kept))
    return index

"""One netlist type for every format: arrays of nodes, pins and nets, with a networkx view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import networkx as nx

MACRO, PAD, SOFT, CELL = 0, 1, 2, 3
"""Kinds of nodes: hard macro, pad (port, terminal), soft macro (a cluster of cells), standard cell."""

KINDS = ("macro", "pad", "soft", "cell")

ORIENTATIONS = ("N", "S", "W", "E", "FN", "FS", "FW", "FE")
"""As in LEF/DEF: N upright, S, W, E turned by 180, 90, 270 degrees counter-clockwise, F mirrored first."""

_TURN = np.array(
    [
        [[1, 0], [0, 1]],
        [[-1, 0], [0, -1]],
        [[0, -1], [1, 0]],
        [[0, 1], [-1, 0]],
        [[-1, 0], [0, 1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [-1, 0]],
    ],
    dtype=np.float64,
)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Netlist:
    """Nodes, pins and nets as arrays. Lengths are in µm (or the file's unit of length).

    Attributes:
        name: Of the design.
        nodes: Name of each node, unique.
        kind: ``MACRO``, ``PAD``, ``SOFT`` or ``CELL``, shape ``(nodes,)``.
        fixed: Whether a placer must leave the node where it is, shape ``(nodes,)``.
        width: Shape ``(nodes,)``.
        height: Shape ``(nodes,)``.
        x: Centre in the file's placement, NaN where it has none, shape ``(nodes,)``.
        y: As ``x``.
        orientation: Index into `ORIENTATIONS`, shape ``(nodes,)``.
        pin_node: Node of each pin, shape ``(pins,)``.
        pin_x: Offset of the pin from the node's centre in orientation N, shape ``(pins,)``.
        pin_y: As ``pin_x``.
        net_start: Net n has the entries ``net_pins[net_start[n]:net_start[n + 1]]``; its source comes first.
        net_pins: Pin indices.
        net_weight: Shape ``(nets,)``.
        canvas: Left, bottom, right and top of the area to place in.
        node_ids: Index of each node in the file, for formats that name nodes by number.
    """

    name: str
    nodes: Sequence[str]
    kind: NDArray[np.int8]
    fixed: NDArray[np.bool_]
    width: Floats
    height: Floats
    x: Floats
    y: Floats
    orientation: NDArray[np.int8]
    pin_node: Ints
    pin_x: Floats
    pin_y: Floats
    net_start: Ints
    net_pins: Ints
    net_weight: Floats
    canvas: tuple[float, float, float, float]
    node_ids: Ints | None = field(default=None)

    @property
    def num_nets(self) -> int:
        """How many nets there are."""
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
        """Area of all hard macros over the canvas."""
        width, height = self.size
        chosen = self.kind == MACRO
        return float((self.width[chosen] * self.height[chosen]).sum() / (width * height))

    def pin_positions(
        self,
        x: Floats | None = None,
        y: Floats | None = None,
        orientation: NDArray[np.int8] | None = None,
    ) -> tuple[Floats, Floats]:
        """Where every pin is: the node's centre plus the turned offset.

        Args:
            x: Centres of the nodes; the file's placement if absent.
            y: As ``x``.
            orientation: Of the nodes; the file's if absent.
        """
        x, y = (self.x if x is None else x), (self.y if y is None else y)
        turn = _TURN[(self.orientation if orientation is None else orientation)[self.pin_node]]
        dx = turn[:, 0, 0] * self.pin_x + turn[:, 0, 1] * self.pin_y
        dy = turn[:, 1, 0] * self.pin_x + turn[:, 1, 1] * self.pin_y
        return x[self.pin_node] + dx, y[self.pin_node] + dy

    def macros_only(self) -> Netlist:
        """The netlist of hard macros and pads: nets that join a macro to another macro or to a pad.

        Soft macros and standard cells are left out, and with them their pins; a net that then touches
        fewer than two nodes, or no macro, is left out too. The order of what stays is kept.
        """
        keep = (self.kind == MACRO) | (self.kind == PAD)
        nets = np.repeat(np.arange(self.num_nets), np.diff(self.net_start))
        node = self.pin_node[self.net_pins]
        entry = keep[node]
        nets, node, pins = nets[entry], node[entry], self.net_pins[entry]
        first = np.full(self.num_nets, len(self.kind), np.int64)
        last = np.full(self.num_nets, -1, np.int64)
        np.minimum.at(first, nets, node)
        np.maximum.at(last, nets, node)
        has_macro = np.zeros(self.num_nets, bool)
        has_macro[nets[self.kind[node] == MACRO]] = True
        good = has_macro & (first < last)
        entry = good[nets]
        nets, pins = nets[entry], pins[entry]
        renumber = np.cumsum(good) - 1
        counts = np.bincount(renumber[nets], minlength=int(good.sum()))
        used = np.unique(pins)
        old = np.flatnonzero(keep)
        node_map = np.full(len(self.kind), -1, np.int64)
        node_map[old] = np.arange(len(old))
        pin_map = np.full(len(self.pin_node), -1, np.int64)
        pin_map[used] = np.arange(len(used))
        return replace(
            self,
            nodes=[self.nodes[i] for i in old.tolist()],
            **{
                name: getattr(self, name)[old]
                for name in ("kind", "fixed", "width", "height", "x", "y", "orientation")
            },
            pin_node=node_map[self.pin_node[used]],
            pin_x=self.pin_x[used],
            pin_y=self.pin_y[used],
            net_start=np.concatenate(([0], np.cumsum(counts))),
            net_pins=pin_map[pins],
            net_weight=self.net_weight[good],
            node_ids=None if self.node_ids is None else self.node_ids[old],
        )

    def to_networkx(self) -> nx.Graph[Any]:
        """A bipartite graph: nodes by name and nets as ``("net", index)``, joined where a pin is.

        Nodes carry ``kind``, ``width``, ``height``; nets carry ``weight``; edges the pins' offsets.
        """
        import networkx as nx

        graph: nx.Graph[Any] = nx.Graph(name=self.name)
        for index, name in enumerate(self.nodes):
            graph.add_node(
                name,
                bipartite=0,
                kind=KINDS[self.kind[index]],
                width=float(self.width[index]),
                height=float(self.height[index]),
            )
        for net in range(self.num_nets):
            graph.add_node(("net", net), bipartite=1, weight=float(self.net_weight[net]))
            for pin in self.net_pins[self.net_start[net] : self.net_start[net + 1]]:
                graph.add_edge(
                    self.nodes[self.pin_node[pin]],
                    ("net", net),
                    offset=(float(self.pin_x[pin]), float(self.pin_y[pin])),
                )
        return graph


def turned(orientation: int, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Offsets ``x``, ``y`` from a node's centre in an orientation (index into `ORIENTATIONS`)."""
    matrix = _TURN[orientation]
    return matrix[0, 0] * x + matrix[0, 1] * y, matrix[1, 0] * x + matrix[1, 1] * y


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places in an orientation."""
    return bool(_TURN[orientation, 0, 0] == 0)

"""Collects nodes, pins and nets while a file is read, and makes a `Netlist` of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.netlist import PAD, Fence, Netlist
from sandbox_chip.notes import NoteBook
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.types import Canvas, Rectangles

NO_HALO = (0.0, 0.0, 0.0, 0.0)

_ORIENTATION_INDEX = {name: index for index, name in enumerate(ORIENTATIONS)}

MAX_NODES, MAX_PINS = 5_000_000, 20_000_000
"""Twice the largest published design, bigblue4 with 2.2 M nodes and 8.9 M pins; some 4 GB of memory."""


class NetlistBuilder:
    """A netlist in the making; the lists are those of `Netlist`.

    Args:
        path: The file that is read, for errors and notes.

    Attributes:
        path: The file that errors name; a design of several files changes it.
        index: Index of each node by name.
        halos: Halo of each node that has one.
        blockages: Rectangles in which no macro may lie.
        fences: Regions for some of the macros.
        row_height: Height of a row of standard cells, 0 where there are none.
        book: What was read, used and left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.index: dict[str, int] = {}
        self.nodes: list[str] = []
        self.kind: list[int] = []
        self.fixed: list[bool] = []
        self.width: list[float] = []
        self.height: list[float] = []
        self.x: list[float] = []
        self.y: list[float] = []
        self.orientation: list[int] = []
        self.node_ids: list[int] = []
        self.pin_node: list[int] = []
        self.pin_x: list[float] = []
        self.pin_y: list[float] = []
        self.net_start: list[int] = [0]
        self.net_pins: list[int] = []
        self.net_weight: list[float] = []
        self.halos: dict[int, Sequence[float]] = {}
        self.blockages: list[Rectangles] = []
        self.fences: list[Fence] = []
        self.row_height = 0.0
        self.book = NoteBook()

    def note(self, item: str, count: int = 1, used: int | None = None, reason: str = "") -> None:
        """Count things of one kind in the present file; see `NoteBook.add`."""
        self.book.add(self.path.name, item, count, used, reason)

    def add_node(
        self, line: int | None, name: str, kind: int, width: float, height: float, *, fixed: bool = False
    ) -> int:
        """Add a node without a position; its index.

        Raises:
            BrokenFileError: If there is already a node of that name, or there are too many.
        """
        if len(self.nodes) >= MAX_NODES:
            raise BrokenFileError(self.path, f"has more than {MAX_NODES:,} nodes.", line)
        if name in self.index:
            raise BrokenFileError(self.path, f"the name '{name[:60]}' is used twice.", line)
        index = self.index[name] = len(self.nodes)
        self.nodes.append(name)
        self.kind.append(kind)
        self.fixed.append(fixed)
        self.width.append(width)
        self.height.append(height)
        self.x.append(float("nan"))
        self.y.append(float("nan"))
        self.orientation.append(0)
        self.node_ids.append(index)
        return index

    def place(self, line: int, node: int, x: float, y: float, orientation: str = "N") -> None:
        """Put a node's centre at (x, y).

        Raises:
            BrokenFileError: For an unknown orientation.
        """
        self.x[node], self.y[node] = x, y
        self.orientation[node] = self.orientation_index(line, orientation)

    def orientation_index(self, line: int, name: str) -> int:
        """Index into `ORIENTATIONS`.

        Raises:
            BrokenFileError: For an unknown orientation.
        """
        index = _ORIENTATION_INDEX.get(name)
        if index is None:
            known = ", ".join(ORIENTATIONS)
            raise BrokenFileError(self.path, f"unknown orientation '{name[:20]}': one of {known}.", line)
        return index

    def add_pin(self, node: int, dx: float, dy: float) -> int:
        """Add a pin of a node, offset from its centre; its index.

        Raises:
            BrokenFileError: If there are too many.
        """
        if len(self.pin_node) >= MAX_PINS:
            raise BrokenFileError(self.path, f"has more than {MAX_PINS:,} pins.")
        self.pin_node.append(node)
        self.pin_x.append(dx)
        self.pin_y.append(dy)
        return len(self.pin_node) - 1

    def end_net(self, weight: float = 1.0, source: int = 0) -> None:
        """Close the net whose pins were appended to ``net_pins``; its pin number ``source`` drives it."""
        start = self.net_start[-1]
        if source:
            pins = self.net_pins
            pins[start], pins[start + source] = pins[start + source], pins[start]
        self.net_start.append(len(self.net_pins))
        self.net_weight.append(weight)

    def area(self, *kinds: int) -> float:
        """Area of all nodes of some kinds."""
        sizes = zip(self.width, self.height, self.kind, strict=True)
        return sum(width * height for width, height, kind in sizes if kind in kinds)

    def box_around_pads(self) -> Canvas:
        """The smallest canvas that holds all pads.

        Raises:
            BrokenFileError: If no pad has a position.
        """
        nodes = zip(self.x, self.y, self.kind, strict=True)
        pads = [(x, y) for x, y, kind in nodes if kind == PAD and not np.isnan(x)]
        if not pads:
            raise BrokenFileError(
                self.path, "names no outline, and has no pad with a position to derive it from."
            )
        xs, ys = zip(*pads, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def finish(self, name: str, canvas: Canvas) -> Netlist:
        """The netlist on a canvas.

        Raises:
            BrokenFileError: If the canvas is empty or there is no node.
        """
        if not self.nodes:
            raise BrokenFileError(self.path, "has neither macros nor pads.")
        left, bottom, right, top = canvas
        if not (right > left and top > bottom):
            raise BrokenFileError(
                self.path, f"the canvas is empty: {right - left:g} wide and {top - bottom:g} high."
            )
        halo = None
        if self.halos:
            halo = np.array([self.halos.get(node, NO_HALO) for node in range(len(self.nodes))], float)
        return Netlist(
            name=name,
            nodes=self.nodes,
            kind=np.array(self.kind, np.int8),
            fixed=np.array(self.fixed, bool),
            width=np.array(self.width, float),
            height=np.array(self.height, float),
            x=np.array(self.x, float),
            y=np.array(self.y, float),
            orientation=np.array(self.orientation, np.int8),
            pin_node=np.array(self.pin_node, np.int64),
            pin_x=np.array(self.pin_x, float),
            pin_y=np.array(self.pin_y, float),
            net_start=np.array(self.net_start, np.int64),
            net_pins=np.array(self.net_pins, np.int64),
            net_weight=np.array(self.net_weight, float),
            canvas=canvas,
            node_ids=np.array(self.node_ids, np.int64),
            halo=halo,
            blockages=np.concatenate([np.empty((0, 4)), *self.blockages]),
            fences=tuple(self.fences),
            row_height=self.row_height,
            notes=self.book.notes(),
        )

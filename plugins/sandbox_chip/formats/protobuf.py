"""circuit_training's ``netlist.pb.txt``, read.

Nodes are macros, ports, standard cells and pins of macros; the ``input`` entries of a node are the sinks
that it drives, and all of them are one net. A node ``__metadata__`` is no part of the netlist, and the
numbers in a ``.plc`` leave it out.
"""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.protobuf_text import Graph, Node, parse_nodes
from sandbox_chip.formats.text import parse_float
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist

DEFAULT_UTILISATION = 0.6
"""Share of the canvas that macros take where no ``.plc`` names the canvas, as circuit_training assumes."""

METADATA = "__metadata__"

_KINDS = {"macro": MACRO, "port": PAD, "stdcell": CELL}
_KIND_NAMES = {MACRO: "hard macros", PAD: "ports", SOFT: "soft macros", CELL: "standard cells"}

_SOFT_PREFIX = "Grp"

_USED = {
    "type", "width", "height", "x", "y", "orientation", "weight", "macro_name", "x_offset", "y_offset",
}  # fmt: skip
"""Attributes that are read; others are counted."""


def read_protobuf(path: Path) -> Netlist:
    """Read a netlist, on a canvas of utilisation `DEFAULT_UTILISATION`.

    A node whose type is ``macro`` (in any case) is a soft macro if its name begins with ``Grp``, or if its
    type is written in small letters where that of others is in capitals; else it is a hard macro. A net has
    the ``weight`` of the node that drives it.

    Args:
        path: ``netlist.pb.txt``, possibly with ``.gz`` added.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    graph = parse_nodes(path)
    builder = NetlistBuilder(path)
    nodes = [node for node in graph.nodes if node.name != METADATA]
    if len(nodes) < len(graph.nodes):
        builder.note(METADATA, len(graph.nodes) - len(nodes), 0, "no part of the netlist")
    capitals = any(node.attributes.get("type") == "MACRO" for node in nodes)
    for file_index, node in enumerate(nodes):
        if node.attributes.get("type", "").lower() != "macro_pin":
            _add_block(graph, builder, node, file_index, capitals)
    pins: dict[str, int] = {}
    for node in nodes:
        _add_pin(graph, builder, node, pins)
    for node in nodes:
        if node.inputs:
            _add_net(graph, builder, node, pins)
    _note_contents(builder, nodes)
    area = builder.area(MACRO, SOFT)
    side = float(np.sqrt(area / DEFAULT_UTILISATION)) if area > 0 else 1.0
    return builder.finish(path.name.partition(".")[0], (0.0, 0.0, side, side))


def _number(graph: Graph, node: Node, key: str, what: str, default: str = "", low: float = -1e15) -> float:
    """An attribute as a number."""
    text = node.attributes.get(key, default)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if low <= value <= 1e15:
        return value
    line = graph.text.count("\n", 0, node.at) + 1
    return parse_float(graph.path, line, text, what, low)


def _add_block(graph: Graph, builder: NetlistBuilder, node: Node, file_index: int, capitals: bool) -> None:
    """Add a macro, port or standard cell."""
    name, type_name = node.name[:60], node.attributes.get("type", "")
    kind = _KINDS.get(type_name.lower())
    if kind is None:
        raise graph.fail(f"'{name}' has the unknown type '{type_name.lower()[:20]}'.", node)
    if kind == MACRO and (node.name.startswith(_SOFT_PREFIX) or (capitals and type_name == "macro")):
        kind = SOFT
    width, height = (_size(graph, node, kind, side) for side in ("width", "height"))
    if node.name in builder.index:
        raise graph.fail(f"the name '{name}' is used twice.", node)
    index = builder.add_node(None, node.name, kind, width, height, fixed=kind == PAD)
    builder.node_ids[index] = file_index
    turn = node.attributes.get("orientation", "") or "N"
    if turn != "N":
        builder.orientation[index] = _orientation(graph, builder, node, turn)
    if "x" in node.attributes and "y" in node.attributes:
        builder.x[index] = _number(graph, node, "x", "x")
        builder.y[index] = _number(graph, node, "y", "y")
    elif kind == PAD:
        raise graph.fail(f"the port '{name}' has no position.", node)


def _orientation(graph: Graph, builder: NetlistBuilder, node: Node, turn: str) -> int:
    try:
        return builder.orientation_index(0, turn)
    except BrokenFileError:
        raise graph.fail(f"'{node.name[:60]}' has the unknown orientation '{turn[:20]}'.", node) from None


def _size(graph: Graph, node: Node, kind: int, side: str) -> float:
    """Width or height of a node; 0 for a port that names none."""
    if side in node.attributes:
        return _number(graph, node, side, f"the {side} of '{node.name[:60]}'", low=0)
    if kind == PAD:
        return 0.0
    raise graph.fail(f"'{node.name[:60]}' has no {side}.", node)


def _add_pin(graph: Graph, builder: NetlistBuilder, node: Node, pins: dict[str, int]) -> None:
    """Add the pin of a node: of its macro, or in its own centre for a node that is no pin."""
    if node.name in builder.index:
        pins[node.name] = builder.add_pin(builder.index[node.name], 0.0, 0.0)
        return
    owner = node.attributes.get("macro_name", "")
    if owner not in builder.index:
        message = f"the pin '{node.name[:60]}' belongs to '{owner[:60]}', which is not a macro."
        raise graph.fail(message, node)
    if node.name in pins:
        raise graph.fail(f"the name '{node.name[:60]}' is used twice.", node)
    dx = _number(graph, node, "x_offset", "an offset", "0")
    dy = _number(graph, node, "y_offset", "an offset", "0")
    pins[node.name] = builder.add_pin(builder.index[owner], dx, dy)


def _add_net(graph: Graph, builder: NetlistBuilder, node: Node, pins: dict[str, int]) -> None:
    """Add the net that a node drives; the node's pin comes first."""
    entries = [pins[node.name]]
    for sink in node.inputs:
        pin = pins.get(sink)
        if pin is None:
            message = f"'{node.name[:60]}' drives '{sink[:60]}', which does not exist."
            raise graph.fail(message, node, sink)
        entries.append(pin)
    builder.net_pins += entries
    builder.end_net(_number(graph, node, "weight", "a weight", "1", low=0))


def _note_contents(builder: NetlistBuilder, nodes: list[Node]) -> None:
    """Count kinds of nodes, nets, and attributes that are not read."""
    for kind, count in Counter(builder.kind).items():
        cells = kind == CELL
        reason = "placed after the macros, where a task does so" if cells else ""
        builder.note(_KIND_NAMES[kind], count, 0 if cells else count, reason)
    builder.note("nets", len(builder.net_weight))
    others = Counter(key for node in nodes for key in node.attributes if key not in _USED)
    for key, count in others.items():
        builder.note(f"attr '{key[:30]}'", count, 0, "not read")

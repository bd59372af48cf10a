"""circuit_training's ``netlist.pb.txt``, read and written.

Nodes are macros, ports, standard cells and pins of macros; the ``input`` entries of a node are the sinks that
it drives, and all of them are one net.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.protobuf_text import Node, parse_nodes
from sandbox_chip.formats.text import parse_float, write_text
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist
from sandbox_chip.orientation import ORIENTATIONS

DEFAULT_UTILISATION = 0.6
"""Share of the canvas that macros take where no ``.plc`` names the canvas, as circuit_training assumes."""

_KINDS = {"macro": MACRO, "port": PAD, "stdcell": CELL}

_SOFT_PREFIX = "Grp_"


def read_protobuf(path: Path) -> Netlist:
    """Read a netlist, on a canvas of utilisation `DEFAULT_UTILISATION`.

    A node whose type is ``macro`` (in any case) is a hard macro unless its name begins with ``Grp_``. A net
    has the ``weight`` of the node that drives it.

    Args:
        path: ``netlist.pb.txt``, possibly with ``.gz`` added.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    nodes = parse_nodes(path)
    builder = NetlistBuilder(path)
    for file_index, node in enumerate(nodes):
        if node.attributes.get("type", "").lower() != "macro_pin":
            _add_block(builder, node, file_index)
    pins: dict[str, int] = {}
    for node in nodes:
        _add_pin(builder, node, pins)
    for node in nodes:
        if node.inputs:
            _add_net(builder, node, pins)
    area = builder.area(MACRO, SOFT)
    side = float(np.sqrt(area / DEFAULT_UTILISATION)) if area > 0 else 1.0
    return builder.finish(path.name.partition(".")[0], (0.0, 0.0, side, side))


def _add_block(builder: NetlistBuilder, node: Node, file_index: int) -> None:
    """Add a macro, port or standard cell."""
    path, name = builder.path, node.name[:60]
    type_name = node.attributes.get("type", "").lower()
    if type_name not in _KINDS:
        raise BrokenFileError(path, f"'{name}' has the unknown type '{type_name[:20]}'.", node.line)
    kind = _KINDS[type_name]
    if kind == MACRO and node.name.startswith(_SOFT_PREFIX):
        kind = SOFT
    width, height = (_size(builder, node, kind, side) for side in ("width", "height"))
    index = builder.add_node(node.line, node.name, kind, width, height, fixed=kind == PAD)
    builder.node_ids[index] = file_index
    if "x" in node.attributes and "y" in node.attributes:
        x, y = (parse_float(path, node.line, node.attributes[axis], axis) for axis in ("x", "y"))
        builder.place(node.line, index, x, y, node.attributes.get("orientation", "N") or "N")
    elif kind == PAD:
        raise BrokenFileError(path, f"the port '{name}' has no position.", node.line)


def _size(builder: NetlistBuilder, node: Node, kind: int, side: str) -> float:
    """Width or height of a node; 0 for a port that names none."""
    if side in node.attributes:
        what = f"the {side} of '{node.name[:60]}'"
        return parse_float(builder.path, node.line, node.attributes[side], what, 0)
    if kind == PAD:
        return 0.0
    raise BrokenFileError(builder.path, f"'{node.name[:60]}' has no {side}.", node.line)


def _add_pin(builder: NetlistBuilder, node: Node, pins: dict[str, int]) -> None:
    """Add the pin of a node: of its macro, or in its own centre for a node that is no pin."""
    path = builder.path
    if node.name in builder.index:
        pins[node.name] = builder.add_pin(builder.index[node.name], 0.0, 0.0)
        return
    owner = node.attributes.get("macro_name", "")
    if owner not in builder.index:
        raise BrokenFileError(
            path, f"the pin '{node.name[:60]}' belongs to '{owner[:60]}', which is not a macro.", node.line
        )
    if node.name in pins:
        raise BrokenFileError(path, f"the name '{node.name[:60]}' is used twice.", node.line)
    dx, dy = (
        parse_float(path, node.line, node.attributes.get(f"{axis}_offset", "0"), "an offset")
        for axis in ("x", "y")
    )
    pins[node.name] = builder.add_pin(builder.index[owner], dx, dy)


def _add_net(builder: NetlistBuilder, node: Node, pins: dict[str, int]) -> None:
    """Add the net that a node drives; the node's pin comes first."""
    entries = [pins[node.name]]
    for line, sink in node.inputs:
        if sink not in pins:
            raise BrokenFileError(
                builder.path, f"'{node.name[:60]}' drives '{sink[:60]}', which does not exist.", line
            )
        entries.append(pins[sink])
    builder.net_pins += entries
    weight = node.attributes.get("weight", "1")
    builder.end_net(parse_float(builder.path, node.line, weight, "a weight", 0))


def write_protobuf(path: Path, netlist: Netlist) -> None:
    """Write a netlist as ``netlist.pb.txt``: blocks, then the pins of macros; nets as sinks of their source.

    A pin of a pad or a standard cell is the node itself. Nodes are numbered anew in the file.

    Args:
        path: Where to write.
        netlist: The netlist.
    """
    source_of: dict[int, list[int]] = {}
    for net in range(netlist.num_nets):
        source_of.setdefault(int(netlist.net_pins[netlist.net_start[net]]), []).append(net)
    is_own_pin = (netlist.kind == PAD) | (netlist.kind == CELL)
    pin_names = [
        netlist.nodes[node] if is_own_pin[node] else f"{netlist.nodes[node]}/P{pin}"
        for pin, node in enumerate(netlist.pin_node.tolist())
    ]
    rows: list[str] = []
    for node, name in enumerate(netlist.nodes):
        pins = np.flatnonzero(netlist.pin_node == node).tolist() if is_own_pin[node] else []
        nets = [net for pin in pins for net in source_of.get(pin, [])]
        rows += _node_text(netlist, name, *_block_attributes(netlist, node), nets, pin_names)
    for pin, node in enumerate(netlist.pin_node.tolist()):
        if is_own_pin[node]:
            continue
        texts = {"type": "MACRO_PIN", "macro_name": netlist.nodes[node]}
        numbers = {"x_offset": netlist.pin_x[pin], "y_offset": netlist.pin_y[pin]}
        rows += _node_text(netlist, pin_names[pin], texts, numbers, source_of.get(pin, []), pin_names)
    write_text(path, "\n".join(rows) + "\n")


def _block_attributes(netlist: Netlist, node: int) -> tuple[dict[str, str], dict[str, float]]:
    """Attributes of a macro, port or standard cell: texts and numbers."""
    texts = {"type": ("MACRO", "PORT", "MACRO", "STDCELL")[netlist.kind[node]]}
    numbers: dict[str, float] = {}
    if netlist.kind[node] != PAD:
        numbers |= {"width": netlist.width[node], "height": netlist.height[node]}
    if np.isfinite(netlist.x[node]):
        left, bottom = netlist.canvas[:2]
        numbers |= {"x": netlist.x[node] - left, "y": netlist.y[node] - bottom}
        texts["orientation"] = ORIENTATIONS[netlist.orientation[node]]
    return texts, numbers


def _node_text(
    netlist: Netlist,
    name: str,
    texts: dict[str, str],
    numbers: dict[str, float],
    nets: list[int],
    pin_names: list[str],
) -> list[str]:
    """Lines of a ``node`` block with the sinks of the nets that it drives."""
    rows = ["node {", f'  name: "{name}"']
    weight = 1.0
    for net in nets:
        weight = float(netlist.net_weight[net])
        for pin in netlist.net_pins[netlist.net_start[net] + 1 : netlist.net_start[net + 1]]:
            rows.append(f'  input: "{pin_names[int(pin)]}"')
    if weight != 1.0:
        numbers = {**numbers, "weight": weight}
    for key, text in texts.items():
        rows.append(f'  attr {{ key: "{key}" value {{ placeholder: "{text}" }} }}')
    for key, value in numbers.items():
        rows.append(f'  attr {{ key: "{key}" value {{ f: {number_text(value)} }} }}')
    return [*rows, "}"]


def number_text(value: float) -> str:
    """A number that reads back as the same float."""
    return str(int(value)) if value == int(value) else repr(float(value))

"""circuit_training's ``netlist.pb.txt`` (a text graph) and ``.plc`` (a placement), read and written."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError
from sandbox_chip.assembly import Assembly
from sandbox_chip.bookshelf import write_text
from sandbox_chip.costs import Technology
from sandbox_chip.netlist import CELL, MACRO, ORIENTATIONS, PAD, SOFT, Floats, Netlist
from sandbox_chip.text import number, read, whole

DEFAULT_UTILISATION = 0.6
"""Share of the canvas that macros take where no ``.plc`` names the canvas, as circuit_training assumes."""

DEFAULT_TECHNOLOGY = Technology(10, 10, 57.031, 56.818, 39.583, 30.303, 0)
"""What circuit_training assumes where no ``.plc`` says otherwise."""

_TOKEN = re.compile(r'\s*(?:(\{|\}|:)|"((?:[^"\\\n]|\\.)*)"|([^\s{}:"#]+))')
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)

_SOFT_PREFIX = "Grp_"


@dataclass(slots=True)
class _Node:
    line: int
    name: str
    inputs: list[tuple[int, str]]
    attributes: dict[str, str]


def read_protobuf(path: Path, plc: Path | None = None) -> tuple[Netlist, Technology]:
    """Read a netlist and, where one is given, its placement.

    A node whose type is ``macro`` (in any case) is a hard macro unless its name begins with ``Grp_``.
    The ``input`` entries of a node are the sinks that it drives; a pin's ``weight`` is its net's.

    Args:
        path: ``netlist.pb.txt``, perhaps with ``.gz`` added.
        plc: The placement, which also names the canvas, the grid and the routing resources.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    nodes = _parse(path)
    assembly = Assembly(path)
    kinds: dict[str, int] = {}
    pins: dict[str, int] = {}
    for file_index, node in enumerate(nodes):
        _add_block(assembly, node, file_index, kinds)
    for node in nodes:
        _add_pin(assembly, node, kinds, pins)
    _add_nets(assembly, nodes, pins)
    area = sum(
        w * h
        for w, h, kind in zip(assembly.width, assembly.height, assembly.kind, strict=True)
        if kind in (MACRO, SOFT)
    )
    side = float(np.sqrt(area / DEFAULT_UTILISATION)) if area > 0 else 1.0
    netlist = assembly.finish(path.name.partition(".")[0], (0.0, 0.0, side, side))
    if plc is None:
        return netlist, DEFAULT_TECHNOLOGY
    return read_plc(plc, netlist)


def _parse(path: Path) -> list[_Node]:
    """The top-level ``node { … }`` blocks."""
    tokens = _tokens(path, _COMMENT.sub("", read(path)))
    nodes: list[_Node] = []
    for line, token in tokens:
        if token != "node":
            raise BrokenFileError(path, f"expected 'node', found '{token[:40]}'.", line)
        _expect(path, tokens, "{")
        nodes.append(_node(path, tokens, line))
    if not nodes:
        raise BrokenFileError(path, "holds no node.")
    return nodes


def _tokens(path: Path, text: str) -> Any:
    """Line and text of every token; a quoted one keeps its opening quote as a mark."""
    position, line, counted, size = 0, 1, 0, len(text)
    match = _TOKEN.match
    while position < size:
        found = match(text, position)
        if found is None:
            rest = text[position:].strip()
            if not rest:
                return
            line += text.count("\n", counted, text.index(rest[0], position))
            raise BrokenFileError(path, f"cannot be read from '{rest[:30]}' on.", line)
        start = found.start(found.lastindex or 0)
        line += text.count("\n", counted, start)
        counted, position = start, found.end()
        mark, quoted, word = found.groups()
        yield line, mark or (word if quoted is None else f'"{quoted}')


def _expect(path: Path, tokens: Any, wanted: str) -> int:
    line, token = next(tokens, (None, ""))
    if token != wanted:
        raise BrokenFileError(
            path, f"expected '{wanted}', found '{str(token)[:40] or 'the end of the file'}'.", line
        )
    return int(line or 0)


def _value(path: Path, tokens: Any) -> tuple[int, str]:
    _expect(path, tokens, ":")
    line, token = next(tokens, (1, ""))
    if token in ("", "{", "}", ":"):
        raise BrokenFileError(path, "a value is missing.", line)
    return int(line), token.removeprefix('"')


def _node(path: Path, tokens: Any, begun: int) -> _Node:
    node = _Node(begun, "", [], {})
    for line, token in tokens:
        if token == "}":
            if not node.name:
                raise BrokenFileError(path, "a node has no name.", begun)
            return node
        if token == "name":
            node.name = _value(path, tokens)[1]
        elif token == "input":
            node.inputs.append(_value(path, tokens))
        elif token == "attr":
            _expect(path, tokens, "{")
            _attribute(path, tokens, node)
        else:
            raise BrokenFileError(path, f"expected 'name', 'input' or 'attr', found '{token[:40]}'.", line)
    raise BrokenFileError(path, f"the node '{node.name[:60]}' does not end: the file is truncated.", begun)


def _attribute(path: Path, tokens: Any, node: _Node) -> None:
    key = value = None
    for line, token in tokens:
        if token == "}":
            if key is None or value is None:
                raise BrokenFileError(path, "an attribute needs a key and a value.", line)
            node.attributes[key] = value
            return
        if token == "key":
            key = _value(path, tokens)[1]
        elif token == "value":
            _expect(path, tokens, "{")
            next(tokens, None)
            value = _value(path, tokens)[1]
            _expect(path, tokens, "}")
        else:
            raise BrokenFileError(path, f"expected 'key' or 'value', found '{token[:40]}'.", line)
    raise BrokenFileError(path, "an attribute does not end: the file is truncated.", node.line)


def _add_block(assembly: Assembly, node: _Node, file_index: int, kinds: dict[str, int]) -> None:
    kind_name = node.attributes.get("type", "").lower()
    path = assembly.path
    kind = {"macro": MACRO, "port": PAD, "stdcell": CELL}.get(kind_name)
    if kind is None:
        if kind_name != "macro_pin":
            raise BrokenFileError(
                path, f"'{node.name[:60]}' has the unknown type '{kind_name[:20]}'.", node.line
            )
        return
    if kind == MACRO and node.name.startswith(_SOFT_PREFIX):
        kind = SOFT

    def size(name: str) -> float:
        if name not in node.attributes:
            if kind == PAD:
                return 0.0
            raise BrokenFileError(path, f"'{node.name[:60]}' has no {name}.", node.line)
        return number(path, node.line, node.attributes[name], f"the {name} of '{node.name[:60]}'", 0)

    index = assembly.node(node.line, node.name, kind, size("width"), size("height"), fixed=kind == PAD)
    assembly.node_ids[index] = file_index
    kinds[node.name] = index
    if "x" in node.attributes and "y" in node.attributes:
        x, y = (number(path, node.line, node.attributes[axis], axis) for axis in ("x", "y"))
        assembly.place(node.line, index, x, y, node.attributes.get("orientation", "N") or "N")
    elif kind == PAD:
        raise BrokenFileError(path, f"the port '{node.name[:60]}' has no position.", node.line)


def _add_pin(assembly: Assembly, node: _Node, kinds: dict[str, int], pins: dict[str, int]) -> None:
    if node.name in kinds:
        pins[node.name] = assembly.pin(kinds[node.name], 0.0, 0.0)
        return
    path, owner = assembly.path, node.attributes.get("macro_name", "")
    if owner not in kinds:
        raise BrokenFileError(
            path, f"the pin '{node.name[:60]}' belongs to '{owner[:60]}', which is no macro.", node.line
        )
    if node.name in pins:
        raise BrokenFileError(path, f"the name '{node.name[:60]}' is used twice.", node.line)
    dx, dy = (
        number(path, node.line, node.attributes.get(f"{axis}_offset", "0"), "an offset")
        for axis in ("x", "y")
    )
    pins[node.name] = assembly.pin(kinds[owner], dx, dy)


def _add_nets(assembly: Assembly, nodes: list[_Node], pins: dict[str, int]) -> None:
    for node in nodes:
        if not node.inputs:
            continue
        entries = [pins[node.name]]
        for line, sink in node.inputs:
            if sink not in pins:
                raise BrokenFileError(
                    assembly.path, f"'{node.name[:60]}' drives '{sink[:60]}', which does not exist.", line
                )
            entries.append(pins[sink])
        assembly.net_pins += entries
        text = node.attributes.get("weight", "1")
        assembly.end_net(number(assembly.path, node.line, text, "a weight", 0))


_HEADER = re.compile(r"#\s*([A-Za-z][A-Za-z ,]*?)\s*:\s*(.*)")


def read_plc(path: Path, netlist: Netlist) -> tuple[Netlist, Technology]:
    """The netlist with the placement, canvas, grid and routing resources of a ``.plc`` file.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    x, y = netlist.x.copy(), netlist.y.copy()
    orientation, fixed = netlist.orientation.copy(), netlist.fixed.copy()
    ids = np.arange(len(netlist.nodes)) if netlist.node_ids is None else netlist.node_ids
    index = {int(node_id): at for at, node_id in enumerate(ids)}
    header: dict[str, tuple[int, list[float]]] = {}
    seen: set[int] = set()
    for line, text in enumerate(read(path).split("\n"), 1):
        words = text.split()
        if not words:
            continue
        if words[0].startswith("#"):
            _note_header(path, line, text, header)
            continue
        if len(words) != 5:
            raise BrokenFileError(path, "a placed node needs index, x, y, orientation and fixed.", line)
        node_id = whole(path, line, words[0], "the node's index")
        at = index.get(node_id)
        if at is None:
            raise BrokenFileError(path, f"there is no macro or port with index {node_id}.", line)
        if node_id in seen:
            raise BrokenFileError(path, f"node {node_id} is placed twice.", line)
        seen.add(node_id)
        x[at], y[at] = number(path, line, words[1], "x"), number(path, line, words[2], "y")
        if words[3] not in (*ORIENTATIONS, "-"):
            raise BrokenFileError(path, f"unknown orientation '{words[3][:20]}'.", line)
        orientation[at] = ORIENTATIONS.index(words[3]) if words[3] != "-" else 0
        fixed[at] = words[4] == "1" or netlist.kind[at] == PAD
    canvas = netlist.canvas
    if "width" in header and "height" in header:
        canvas = (0.0, 0.0, header["width"][1][0], header["height"][1][0])
        if canvas[2] <= 0 or canvas[3] <= 0:
            raise BrokenFileError(path, "the canvas is empty.", header["width"][0])
    placed = replace(netlist, x=x, y=y, orientation=orientation, fixed=fixed, canvas=canvas)
    return placed, _technology(header)


def _note_header(path: Path, line: int, text: str, header: dict[str, tuple[int, list[float]]]) -> None:
    """Numbers of lines such as ``# Columns : 20  Rows : 20`` by lower-case name."""
    match = _HEADER.match(text)
    if match is None:
        return
    key, rest = match.group(1).lower(), match.group(2)
    known = ("columns", "width", "smoothing factor", "routes per micron, hor", "routes used by macros, hor")
    if key not in known:
        return
    parts = re.split(r"[:\s]+", rest.strip())
    names = {"columns": "rows", "width": "height"}
    header[key] = (line, [number(path, line, parts[0], key, 0)])
    if len(parts) >= 3:
        second = names.get(key, key.replace("hor", "ver"))
        header[second] = (line, [number(path, line, parts[2], second, 0)])


def _technology(header: dict[str, tuple[int, list[float]]]) -> Technology:
    def get(name: str, default: float) -> float:
        return header[name][1][0] if name in header else default

    base = DEFAULT_TECHNOLOGY
    return Technology(
        int(get("columns", base.columns)),
        int(get("rows", base.rows)),
        get("routes per micron, hor", base.routes_h),
        get("routes per micron, ver", base.routes_v),
        get("routes used by macros, hor", base.blocked_h),
        get("routes used by macros, ver", base.blocked_v),
        int(get("smoothing factor", base.smoothing)),
    )


def write_plc(
    path: Path,
    netlist: Netlist,
    technology: Technology,
    x: Floats,
    y: Floats,
    orientation: NDArray[np.int8] | None = None,
) -> None:
    """Write a placement as a ``.plc`` file that `read_plc` and circuit_training read.

    Args:
        path: Written beside its place and moved in.
        netlist: Whose ``node_ids`` number the nodes; nodes without a position are left out.
        technology: Grid and routing resources for the heading.
        x: Centres, in the netlist's coordinates.
        y: Centres.
        orientation: Index into `ORIENTATIONS`; the netlist's if absent.
    """
    orientation = netlist.orientation if orientation is None else orientation
    width, height = netlist.size
    ids = np.arange(len(netlist.nodes)) if netlist.node_ids is None else netlist.node_ids
    counts = {kind: int((netlist.kind == kind).sum()) for kind in (MACRO, SOFT, PAD, CELL)}
    rows = [
        f"# Placement of {netlist.name}",
        f"# Columns : {technology.columns}  Rows : {technology.rows}",
        f"# Width : {width:.3f}  Height : {height:.3f}",
        f"# Routes per micron, hor : {technology.routes_h:.3f}  ver : {technology.routes_v:.3f}",
        f"# Routes used by macros, hor : {technology.blocked_h:.3f}  ver : {technology.blocked_v:.3f}",
        f"# Smoothing factor : {technology.smoothing}",
        "#",
        "# Counts of node types:",
        f"# HARD_MACROs     : {counts[MACRO]:>9}",
        f"# MACROs          : {counts[MACRO] + counts[SOFT]:>9}",
        f"# PORTs           : {counts[PAD]:>9}",
        f"# SOFT_MACROs     : {counts[SOFT]:>9}",
        f"# STDCELLs        : {counts[CELL]:>9}",
        "#",
        "# node_index x y orientation fixed",
    ]
    left, bottom = netlist.canvas[:2]
    for node in np.argsort(ids, kind="stable"):
        if np.isfinite(x[node]) and np.isfinite(y[node]):
            name = "-" if netlist.kind[node] == PAD else ORIENTATIONS[orientation[node]]
            at = f"{_plain(x[node] - left)} {_plain(y[node] - bottom)}"
            rows.append(f"{ids[node]} {at} {name} {int(netlist.fixed[node])}")
    write_text(path, "\n".join(rows) + "\n")


def _plain(value: float) -> str:
    """A number that reads back as the same float."""
    return str(int(value)) if value == int(value) else repr(float(value))


def write_protobuf(path: Path, netlist: Netlist) -> None:
    """Write a netlist as ``netlist.pb.txt``: macros, their pins, ports, and nets as sinks of their source.

    A pin with offset zero of a pad or cell is the node itself. Nodes are numbered anew in the file.
    """
    source_of: dict[int, list[int]] = {}
    for net in range(netlist.num_nets):
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        source_of.setdefault(int(pins[0]), []).append(net)
    pin_name = {}
    for pin in range(len(netlist.pin_node)):
        node = int(netlist.pin_node[pin])
        own = netlist.kind[node] in (PAD, CELL)
        pin_name[pin] = netlist.nodes[node] if own else f"{netlist.nodes[node]}/P{pin}"
    rows: list[str] = []
    for node, name in enumerate(netlist.nodes):
        kind = ("MACRO", "PORT", "MACRO", "STDCELL")[netlist.kind[node]]
        attributes = {"type": kind}
        numbers = {"width": netlist.width[node], "height": netlist.height[node]} if kind != "PORT" else {}
        if np.isfinite(netlist.x[node]):
            numbers |= {"x": netlist.x[node] - netlist.canvas[0], "y": netlist.y[node] - netlist.canvas[1]}
            attributes["orientation"] = ORIENTATIONS[netlist.orientation[node]]
        itself = netlist.kind[node] in (PAD, CELL)
        mine = np.flatnonzero(netlist.pin_node == node).tolist() if itself else []
        sinks = [net for pin in mine for net in source_of.get(pin, [])]
        rows += _written(netlist, name, attributes, numbers, sinks, pin_name)
    for pin in range(len(netlist.pin_node)):
        node = int(netlist.pin_node[pin])
        if netlist.kind[node] in (PAD, CELL):
            continue
        attributes = {"type": "MACRO_PIN", "macro_name": netlist.nodes[node]}
        numbers = {"x_offset": netlist.pin_x[pin], "y_offset": netlist.pin_y[pin]}
        rows += _written(netlist, pin_name[pin], attributes, numbers, source_of.get(pin, []), pin_name)
    write_text(path, "\n".join(rows) + "\n")


def _written(
    netlist: Netlist,
    name: str,
    attributes: dict[str, str],
    numbers: dict[str, float],
    nets: list[int],
    pin_name: dict[int, str],
) -> list[str]:
    rows = ["node {", f'  name: "{name}"']
    weight = 1.0
    for net in nets:
        weight = float(netlist.net_weight[net])
        for pin in netlist.net_pins[netlist.net_start[net] + 1 : netlist.net_start[net + 1]]:
            rows.append(f'  input: "{pin_name[int(pin)]}"')
    if weight != 1.0:
        numbers = {**numbers, "weight": weight}
    for key, text in attributes.items():
        rows.append(f'  attr {{ key: "{key}" value {{ placeholder: "{text}" }} }}')
    for key, value in numbers.items():
        rows.append(f'  attr {{ key: "{key}" value {{ f: {_plain(value)} }} }}')
    return [*rows, "}"]

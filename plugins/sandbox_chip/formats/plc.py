"""circuit_training's ``.plc``: a placement with canvas, cost grid and routing resources, read and written.

A line ``# Blockage : left bottom right top rate`` keeps macros away where the rate is 1; with a lower one it
limits standard cells alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.costs import Costs
from sandbox_chip.formats.text import number_text, parse_float, parse_int, text_lines, write_text
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist, no_rectangles
from sandbox_chip.notes import NoteBook
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.technology import Technology
from sandbox_chip.types import Canvas, Floats, Orientations, Rectangles

DEFAULT_TECHNOLOGY = Technology(10, 10, 57.031, 56.818, 39.583, 30.303, 0)
"""What circuit_training assumes where no ``.plc`` says otherwise."""

_HEADER = re.compile(r"#\s*([A-Za-z][A-Za-z ,]*?)\s*:\s*(.*)")

_SECOND_OF = {
    "columns": "rows",
    "width": "height",
    "routes per micron, hor": "routes per micron, ver",
    "routes used by macros, hor": "routes used by macros, ver",
    "smoothing factor": "",
}
"""Header lines that are read, with the name of their second number."""

Header = dict[str, tuple[int, float]]
"""Line and value of each number in the header."""


def read_plc(path: Path, netlist: Netlist) -> tuple[Netlist, Technology]:
    """The netlist with the placement and canvas of a ``.plc`` file, and the file's technology.

    Args:
        path: The file.
        netlist: Whose ``node_ids`` the file's numbers refer to.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    x, y = netlist.x.copy(), netlist.y.copy()
    orientation, fixed = netlist.orientation.copy(), netlist.fixed.copy()
    index = {int(node_id): node for node, node_id in enumerate(_node_ids(netlist))}
    header: Header = {}
    book, blockages = NoteBook(), [netlist.blockages]
    placed: set[int] = set()
    for line, text in enumerate(text_lines(path), 1):
        words = text.split()
        if not words:
            continue
        if words[0].startswith("#"):
            if words[1:2] == ["Blockage"]:
                blockages.append(_blockage(path, line, text, book))
            else:
                _read_header(path, line, text, header, book)
            continue
        node = _placed_node(path, line, words, index)
        if node in placed:
            raise BrokenFileError(path, f"node {words[0]} is placed twice.", line)
        placed.add(node)
        x[node], y[node] = parse_float(path, line, words[1], "x"), parse_float(path, line, words[2], "y")
        if words[3] not in (*ORIENTATIONS, "-"):
            raise BrokenFileError(path, f"unknown orientation '{words[3][:20]}'.", line)
        if words[3] != "-":
            orientation[node] = ORIENTATIONS.index(words[3])
        fixed[node] = words[4] == "1" or netlist.kind[node] == PAD
        if words[4] == "1" and netlist.kind[node] == MACRO:
            book.add(path.name, "macros that are fixed")
    book.add(path.name, "placed nodes", len(placed))
    lost = np.flatnonzero(fixed & (netlist.kind == MACRO) & np.isnan(x))
    if len(lost):
        raise BrokenFileError(path, f"the fixed macro '{netlist.nodes[lost[0]]}' has no position.")
    with_placement = replace(
        netlist,
        x=x,
        y=y,
        orientation=orientation,
        fixed=fixed,
        canvas=_canvas(path, header) or netlist.canvas,
        blockages=np.concatenate(blockages),
        notes=(*netlist.notes, *book.notes()),
    )
    return with_placement, _technology(header)


def _blockage(path: Path, line: int, text: str, book: NoteBook) -> Rectangles:
    """The rectangle of a line such as ``# Blockage : 0 0 10 10 1.0``; none where its rate is below 1."""
    words = text.partition(":")[2].split()
    if len(words) not in (4, 5):
        raise BrokenFileError(path, "a blockage needs two corners and a rate.", line)
    numbers = [parse_float(path, line, word, "a blockage") for word in words]
    if len(numbers) == 5 and numbers[4] < 1:
        book.add(path.name, "Blockage with a rate below 1", 1, 0, "limits the density of standard cells")
        return no_rectangles()
    book.add(path.name, "Blockage")
    return np.array([numbers[:4]])


def _node_ids(netlist: Netlist) -> list[int]:
    ids = np.arange(len(netlist.nodes)) if netlist.node_ids is None else netlist.node_ids
    return [int(node_id) for node_id in ids]


def _placed_node(path: Path, line: int, words: list[str], index: Mapping[int, int]) -> int:
    """The node that a line places."""
    if len(words) != 5:
        raise BrokenFileError(path, "a placed node needs index, x, y, orientation and fixed.", line)
    node_id = parse_int(path, line, words[0], "the node's index")
    if node_id not in index:
        raise BrokenFileError(path, f"there is no macro or port with index {node_id}.", line)
    return index[node_id]


def _read_header(path: Path, line: int, text: str, header: Header, book: NoteBook) -> None:
    """Note the numbers of a line such as ``# Columns : 20  Rows : 20`` by lower-case name."""
    match = _HEADER.match(text)
    if match is None:
        return
    if match.group(1).lower() not in _SECOND_OF:
        book.add(path.name, "header lines", 1, 0, "say nothing about canvas, cost grid and routes")
        return
    book.add(path.name, "header lines")
    first, values = match.group(1).lower(), re.split(r"[:\s]+", match.group(2).strip())
    header[first] = (line, parse_float(path, line, values[0], first, 0))
    second = _SECOND_OF[first]
    if second and len(values) >= 3:
        header[second] = (line, parse_float(path, line, values[2], second, 0))


def _canvas(path: Path, header: Header) -> Canvas | None:
    if "width" not in header or "height" not in header:
        return None
    (line, width), (_, height) = header["width"], header["height"]
    if width <= 0 or height <= 0:
        raise BrokenFileError(path, "the canvas is empty.", line)
    return 0.0, 0.0, width, height


def _technology(header: Header) -> Technology:
    def value(name: str, default: float) -> float:
        return header[name][1] if name in header else default

    base = DEFAULT_TECHNOLOGY
    return Technology(
        int(value("columns", base.columns)),
        int(value("rows", base.rows)),
        value("routes per micron, hor", base.routes_h),
        value("routes per micron, ver", base.routes_v),
        value("routes used by macros, hor", base.blocked_h),
        value("routes used by macros, ver", base.blocked_v),
        int(value("smoothing factor", base.smoothing)),
    )


def write_plc(
    path: Path,
    netlist: Netlist,
    technology: Technology,
    x: Floats,
    y: Floats,
    orientation: Orientations | None = None,
    costs: Costs | None = None,
) -> None:
    """Write a placement as a ``.plc`` file that `read_plc` and circuit_training read.

    Args:
        path: Where to write.
        netlist: Whose ``node_ids`` number the nodes; nodes without a position (NaN) are left out.
        technology: Cost grid and routing resources for the header.
        x: Centres in the netlist's coordinates, shape ``(nodes,)``.
        y: As ``x``.
        orientation: Index into `ORIENTATIONS`; the netlist's if absent.
        costs: Of the placement, for the header.
    """
    orientation = netlist.orientation if orientation is None else orientation
    rows = _header_rows(netlist, technology, costs)
    ids = _node_ids(netlist)
    left, bottom = netlist.canvas[:2]
    for node in np.argsort(ids, kind="stable"):
        if np.isfinite(x[node]) and np.isfinite(y[node]):
            name = "-" if netlist.kind[node] == PAD else ORIENTATIONS[orientation[node]]
            at = f"{number_text(x[node] - left)} {number_text(y[node] - bottom)}"
            rows.append(f"{ids[node]} {at} {name} {int(netlist.fixed[node])}")
    write_text(path, "\n".join(rows) + "\n")


def _header_rows(netlist: Netlist, technology: Technology, costs: Costs | None) -> list[str]:
    width, height = netlist.size
    left, bottom = netlist.canvas[:2]
    counts = {kind: int((netlist.kind == kind).sum()) for kind in (MACRO, SOFT, PAD, CELL)}
    cost_rows = (
        []
        if costs is None
        else [
            f"# Wirelength : {costs.hpwl:.3f}",
            f"# Wirelength cost : {costs.wirelength:.4f}",
            f"# Congestion cost : {costs.congestion:.4f}",
            f"# Density cost : {costs.density:.4f}",
        ]
    )
    blockages = [
        "# Blockage : "
        + " ".join(number_text(side) for side in (x0 - left, y0 - bottom, x1 - left, y1 - bottom, 1))
        for x0, y0, x1, y1 in netlist.blockages.tolist()
    ]
    return [
        f"# Placement of {netlist.name}",
        f"# Columns : {technology.columns}  Rows : {technology.rows}",
        f"# Width : {number_text(width)}  Height : {number_text(height)}",
        *cost_rows,
        f"# Routes per micron, hor : {technology.routes_h:.3f}  ver : {technology.routes_v:.3f}",
        f"# Routes used by macros, hor : {technology.blocked_h:.3f}  ver : {technology.blocked_v:.3f}",
        f"# Smoothing factor : {technology.smoothing}",
        *blockages,
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

"""UCLA Bookshelf files, written: a placement alone, or a whole design."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sandbox_chip.formats.names import plain_names
from sandbox_chip.formats.text import write_text
from sandbox_chip.netlist import MACRO, PAD, Netlist
from sandbox_chip.orientation import ORIENTATIONS, turned_size
from sandbox_chip.types import Floats, Orientations


def write_bookshelf(path: Path, netlist: Netlist) -> None:
    """Write a design as the six files of Bookshelf, with the placement that the netlist holds.

    Rows cover the canvas; where the netlist has none they are as high as its lowest macro, halved.

    Args:
        path: The ``.aux`` file; the others lie beside it under the same name.
        netlist: The netlist.
    """
    stem = path.with_suffix("")
    names = {part: stem.with_suffix(part) for part in (".nodes", ".nets", ".wts", ".pl", ".scl")}
    write_text(names[".nodes"], "\n".join(_node_rows(netlist)) + "\n")
    write_text(names[".nets"], "\n".join(_net_rows(netlist)) + "\n")
    weights = [f"n{net} {weight:.12g}" for net, weight in enumerate(netlist.net_weight) if weight != 1]
    write_text(names[".wts"], "\n".join(["UCLA wts 1.0", *weights]) + "\n")
    write_text(names[".scl"], "\n".join(_row_rows(netlist)) + "\n")
    write_pl(names[".pl"], netlist, netlist.x, netlist.y)
    write_text(path, "RowBasedPlacement : " + " ".join(file.name for file in names.values()) + "\n")


def write_pl(
    path: Path, netlist: Netlist, x: Floats, y: Floats, orientation: Orientations | None = None
) -> None:
    """Write a placement as a Bookshelf ``.pl`` file: lower-left corners, orientations, ``/FIXED`` nodes.

    Args:
        path: Where to write.
        netlist: Whose nodes are placed; those without a position (NaN) are left out.
        x: Centres, shape ``(nodes,)``.
        y: As ``x``.
        orientation: Index into `ORIENTATIONS`; the netlist's if absent.
    """
    orientation = netlist.orientation if orientation is None else orientation
    rows = ["UCLA pl 1.0", ""]
    for node, name in enumerate(plain_names(netlist)):
        if not np.isfinite(x[node]) or not np.isfinite(y[node]):
            continue
        width, height = turned_size(int(orientation[node]), netlist.width[node], netlist.height[node])
        fixed = " /FIXED" if netlist.fixed[node] else ""
        corner = f"{x[node] - width / 2:.6f} {y[node] - height / 2:.6f}"
        rows.append(f"{name} {corner} : {ORIENTATIONS[orientation[node]]}{fixed}")
    write_text(path, "\n".join(rows) + "\n")


def _node_rows(netlist: Netlist) -> list[str]:
    terminals = netlist.kind == PAD
    rows = [
        "UCLA nodes 1.0",
        f"NumNodes : {len(netlist.nodes)}",
        f"NumTerminals : {int(terminals.sum())}",
    ]
    for node, name in enumerate(plain_names(netlist)):
        word = " terminal_NI" if terminals[node] else ""
        rows.append(f"{name} {netlist.width[node]:.12g} {netlist.height[node]:.12g}{word}")
    return rows


def _net_rows(netlist: Netlist) -> list[str]:
    """Nets with their source as output and all other pins as inputs."""
    rows = ["UCLA nets 1.0", f"NumNets : {netlist.num_nets}", f"NumPins : {len(netlist.net_pins)}"]
    names = plain_names(netlist)
    for net in range(netlist.num_nets):
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        rows.append(f"NetDegree : {len(pins)} n{net}")
        for index, pin in enumerate(pins):
            name, word = names[netlist.pin_node[pin]], "I" if index else "O"
            rows.append(f"{name} {word} : {netlist.pin_x[pin]:.12g} {netlist.pin_y[pin]:.12g}")
    return rows


def _row_rows(netlist: Netlist) -> list[str]:
    left, bottom = netlist.canvas[:2]
    width, height = netlist.size
    row_height = netlist.row_height or _default_row_height(netlist)
    count = max(round(height / row_height), 1)
    rows = ["UCLA scl 1.0", f"NumRows : {count}"]
    for row in range(count):
        rows += [
            "CoreRow Horizontal",
            f" Coordinate : {bottom + row * height / count:.12g}",
            f" Height : {height / count:.12g}",
            " Sitewidth : 1",
            f" Sitespacing : {width:.12g}",
            " Siteorient : 1",
            " Sitesymmetry : 1",
            f" SubrowOrigin : {left:.12g} NumSites : 1",
            "End",
        ]
    return rows


def _default_row_height(netlist: Netlist) -> float:
    """Half the height of the lowest macro, so that every macro is taller than a row."""
    heights = netlist.height[netlist.kind == MACRO]
    return float(heights.min()) / 2 if len(heights) else netlist.size[1] / 100

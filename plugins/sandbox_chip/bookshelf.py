"""UCLA Bookshelf: ``.aux`` and what it names; ``.pl`` is written as well.

Nodes taller than a row are macros, terminals are pads, and what is left are standard cells. A terminal
that is larger than a row (a fixed block, as in the ISPD2005 designs) is a macro: with ``fixed_blocks``
free, as macro placement on these designs is usually done, or fixed where the file says so.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError
from sandbox_chip.assembly import Assembly
from sandbox_chip.netlist import CELL, MACRO, ORIENTATIONS, PAD, Floats, Netlist, swaps_sides
from sandbox_chip.text import lines, number, whole

PARTS = (".nodes", ".nets", ".pl", ".scl", ".wts")
NEEDED = (".nodes", ".nets", ".pl", ".scl")


def read_bookshelf(path: Path, *, free_blocks: bool = True) -> Netlist:
    """Read the design that an ``.aux`` file names.

    Args:
        path: The ``.aux`` file; the others lie beside it, each perhaps with ``.gz`` added.
        free_blocks: Whether fixed blocks (terminals larger than a row) may be placed anew.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    files = parts(path)
    rows = _read_rows(files[".scl"])
    assembly = _read_nodes(files[".nodes"], rows[4], free_blocks)
    assembly.path = files[".pl"]
    _read_placement(files[".pl"], assembly)
    assembly.path = files[".nets"]
    _read_nets(files[".nets"], assembly)
    assembly.path = path
    netlist = assembly.finish(path.name.partition(".")[0], rows[:4])
    pads = (netlist.kind == PAD) & np.isnan(netlist.x)
    if pads.any():
        name = netlist.nodes[int(np.flatnonzero(pads)[0])]
        raise BrokenFileError(files[".pl"], f"the terminal '{name}' has no position.")
    return netlist


def parts(path: Path) -> dict[str, Path]:
    """The files that an ``.aux`` file names, by their ending.

    Raises:
        BrokenFileError: If one that is needed is not named, or leaves the folder of the ``.aux`` file.
    """
    folder, found = path.parent.resolve(), {}
    for line, words in lines(path):
        for word in words:
            ending = next((part for part in PARTS if word.removesuffix(".gz").endswith(part)), None)
            if ending is None:
                continue
            file = (folder / word).resolve()
            if not file.is_relative_to(folder):
                raise BrokenFileError(path, f"'{word}' lies outside the folder of the .aux file.", line)
            if not file.exists() and file.with_name(file.name + ".gz").exists():
                file = file.with_name(file.name + ".gz")
            found[ending] = file
    for ending in NEEDED:
        if ending not in found:
            raise BrokenFileError(
                path, f"names no {ending} file.", hint="RowBasedPlacement : a.nodes a.nets a.wts a.pl a.scl"
            )
        if not found[ending].is_file():
            raise BrokenFileError(path, f"the {ending} file {found[ending].name} is missing.")
    return found


def _body(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Lines after the ``UCLA`` heading."""
    for line, words in lines(path):
        if words[0] != "UCLA":
            yield line, words


def _read_rows(path: Path) -> tuple[float, float, float, float, float]:
    """Left, bottom, right and top of all rows, and their height."""
    boxes: list[tuple[float, float, float, float]] = []
    row: dict[str, float] = {}
    begun: int | None = None
    for line, words in _body(path):
        key = words[0].lower()
        if key == "corerow":
            if begun is not None:
                raise BrokenFileError(path, "a row begins before the one above has ended.", line)
            begun, row = line, {}
        elif key == "end" and begun is not None:
            missing = [
                name for name in ("coordinate", "height", "subroworigin", "numsites") if name not in row
            ]
            if missing:
                raise BrokenFileError(path, f"the row that ends here lacks {', '.join(missing)}.", line)
            width = row["numsites"] * row.get("sitespacing", row.get("sitewidth", 1.0))
            left, bottom = row["subroworigin"], row["coordinate"]
            boxes.append((left, bottom, left + width, bottom + row["height"]))
            begun = None
        elif begun is not None:
            text = " ".join(words).replace(":", " : ").split()
            for name, colon, value in zip(text, text[1:], text[2:], strict=False):
                if colon == ":" and name.lower() not in ("siteorient", "sitesymmetry"):
                    row[name.lower()] = number(path, line, value, name)
    if begun is not None:
        raise BrokenFileError(path, "the row that begins here has no End.", begun)
    if not boxes:
        raise BrokenFileError(path, "holds no row.")
    columns = list(zip(*boxes, strict=True))
    heights = sorted(top - bottom for _, bottom, _, top in boxes)
    return min(columns[0]), min(columns[1]), max(columns[2]), max(columns[3]), heights[len(heights) // 2]


def _read_nodes(path: Path, row_height: float, free_blocks: bool) -> Assembly:
    assembly = Assembly(path)
    expected: dict[str, int] = {}
    terminals = 0
    for line, words in _body(path):
        if words[0] in ("NumNodes", "NumTerminals"):
            expected[words[0]] = whole(path, line, words[-1], words[0])
            continue
        if len(words) < 3:
            raise BrokenFileError(
                path, f"a node needs a name, a width and a height, not '{' '.join(words)[:60]}'.", line
            )
        width = number(path, line, words[1], "the width", 0)
        height = number(path, line, words[2], "the height", 0)
        terminal = len(words) > 3 and words[3].startswith("terminal")
        terminals += terminal
        # A pad of a mixed-size design is a point or a small square; a fixed block is taller than a row.
        kind = (
            (MACRO if height > row_height else PAD) if terminal else (MACRO if height > row_height else CELL)
        )
        block = terminal and kind == MACRO and words[3] != "terminal_NI"
        assembly.node(line, words[0], kind, width, height, fixed=terminal and not (block and free_blocks))
    for name, found in (("NumNodes", len(assembly.names)), ("NumTerminals", terminals)):
        if name in expected and expected[name] != found:
            raise BrokenFileError(path, f"{name} is {expected[name]}, but there are {found}.")
    return assembly


def _read_placement(path: Path, assembly: Assembly) -> None:
    """Lower-left corners, turned into centres."""
    for line, words in _body(path):
        node = assembly.index.get(words[0])
        if node is None:
            raise BrokenFileError(path, f"there is no node '{words[0][:60]}'.", line)
        if len(words) < 3:
            raise BrokenFileError(path, "a placed node needs x and y.", line)
        x, y = number(path, line, words[1], "x"), number(path, line, words[2], "y")
        rest = [word for word in words[3:] if word != ":"]
        name = rest[0].lstrip(":") if rest and not rest[0].startswith("/") else "N"
        if name not in ORIENTATIONS:
            raise BrokenFileError(path, f"unknown orientation '{name[:20]}'.", line)
        swapped = swaps_sides(ORIENTATIONS.index(name))
        width, height = assembly.width[node], assembly.height[node]
        width, height = (height, width) if swapped else (width, height)
        assembly.place(line, node, x + width / 2, y + height / 2, name)


def _read_nets(path: Path, assembly: Assembly) -> None:  # noqa: PLR0912 - one per kind of line
    expected: dict[str, int] = {}
    left, begun, source, degree = 0, 0, 0, 0
    index, pins = assembly.index, assembly.net_pins
    for line, words in _body(path):
        head = words[0]
        if head in ("NumNets", "NumPins"):
            expected[head] = whole(path, line, words[-1], head)
        elif head.startswith("NetDegree"):
            if left:
                raise BrokenFileError(
                    path, f"the net of line {begun} has {left} pins fewer than its degree.", line
                )
            text = words[words.index(":") + 1] if ":" in words and words[-1] != ":" else words[-1]
            left = degree = whole(path, line, text, "NetDegree", 1)
            begun, source = line, 0
        else:
            if not left:
                raise BrokenFileError(path, f"the net of line {begun} has more pins than its degree.", line)
            node = index.get(head)
            if node is None:
                raise BrokenFileError(
                    path, f"the pin is of the node '{head[:60]}', which does not exist.", line
                )
            dx = dy = 0.0
            if len(words) > 3:
                at = words.index(":") if ":" in words else 1
                if len(words) < at + 3:
                    raise BrokenFileError(path, "a pin's offset needs x and y.", line)
                dx, dy = number(path, line, words[at + 1], "x"), number(path, line, words[at + 2], "y")
            if len(words) > 1 and words[1] == "O" and not source:
                source = degree - left
            pins.append(assembly.pin(node, dx, dy))
            left -= 1
            if not left:
                assembly.end_net(1.0, source)
    if left:
        raise BrokenFileError(path, f"the last net lacks {left} pins: the file is truncated.", begun)
    for name, found in (("NumNets", len(assembly.net_weight)), ("NumPins", len(pins))):
        if name in expected and expected[name] != found:
            raise BrokenFileError(path, f"{name} is {expected[name]}, but there are {found}.")


def write_pl(
    path: Path, netlist: Netlist, x: Floats, y: Floats, orientation: NDArray[np.int8] | None = None
) -> None:
    """Write a placement as a Bookshelf ``.pl`` file: lower-left corners, orientations, ``/FIXED`` pads.

    Args:
        path: Written beside its place and moved in.
        netlist: Whose nodes are placed; those without a position are left out.
        x: Centres.
        y: Centres.
        orientation: Index into `ORIENTATIONS`; the netlist's if absent.
    """
    orientation = netlist.orientation if orientation is None else orientation
    rows = ["UCLA pl 1.0", ""]
    for node, name in enumerate(netlist.nodes):
        if not np.isfinite(x[node]) or not np.isfinite(y[node]):
            continue
        width, height = netlist.width[node], netlist.height[node]
        if swaps_sides(int(orientation[node])):
            width, height = height, width
        fixed = " /FIXED" if netlist.fixed[node] else ""
        corner = f"{x[node] - width / 2:.6f} {y[node] - height / 2:.6f}"
        rows.append(f"{name} {corner} : {ORIENTATIONS[orientation[node]]}{fixed}")
    write_text(path, "\n".join(rows) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file beside its place, then move it in: never half a file under its name."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BrokenFileError(path, f"cannot be written ({error.strerror}).") from None

"""UCLA Bookshelf: ``.aux`` and the files that it names; ``.pl`` is written as well.

Nodes taller than a row are macros, terminals are pads, and all others are standard cells. A terminal that is
taller than a row (a fixed block, as in the ISPD2005 designs) is a macro: movable with ``free_blocks``, as
macro placement on these designs is usually done, else fixed where the file says so.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.counted_nets import CountedNets
from sandbox_chip.formats.text import file_within, lines_of_words, parse_float, parse_int, write_text
from sandbox_chip.netlist import CELL, MACRO, PAD, Netlist
from sandbox_chip.orientation import ORIENTATIONS, turned_size
from sandbox_chip.types import Canvas, Floats, Orientations

PARTS = (".nodes", ".nets", ".pl", ".scl", ".wts")
NEEDED = (".nodes", ".nets", ".pl", ".scl")

HEADING = "UCLA"
"""First word of the line that names the kind of file, such as ``UCLA nodes 1.0``."""


def read_bookshelf(path: Path, *, free_blocks: bool = True) -> Netlist:
    """Read the design that an ``.aux`` file names.

    Args:
        path: The ``.aux`` file; the others are in its folder, possibly with ``.gz`` added.
        free_blocks: Whether fixed blocks (terminals taller than a row) may be placed anew.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    files = parts(path)
    canvas, row_height = _read_rows(files[".scl"])
    builder = _read_nodes(files[".nodes"], row_height, free_blocks)
    builder.path = files[".pl"]
    _read_placement(files[".pl"], builder)
    builder.path = files[".nets"]
    _read_nets(files[".nets"], builder)
    builder.path = path
    netlist = builder.finish(path.name.partition(".")[0], canvas)
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
    files: dict[str, Path] = {}
    for line, words in lines_of_words(path):
        for word in words:
            ending = next((part for part in PARTS if word.removesuffix(".gz").endswith(part)), None)
            if ending is None:
                continue
            file = file_within(path, word, line)
            if not file.exists() and file.with_name(file.name + ".gz").exists():
                file = file_within(path, f"{word}.gz", line)
            files[ending] = file
    for ending in NEEDED:
        if ending not in files:
            raise BrokenFileError(
                path,
                f"does not name a {ending} file.",
                hint="RowBasedPlacement : a.nodes a.nets a.wts a.pl a.scl",
            )
        if not files[ending].is_file():
            raise BrokenFileError(path, f"the {ending} file {files[ending].name} is missing.")
    return files


def _read_rows(path: Path) -> tuple[Canvas, float]:
    """The box around all rows, and their median height."""
    boxes: list[Canvas] = []
    row: dict[str, float] = {}
    begun: int | None = None
    for line, words in lines_of_words(path, heading=HEADING):
        key = words[0].lower()
        if key == "corerow":
            if begun is not None:
                raise BrokenFileError(path, "a row begins before the one above has ended.", line)
            begun, row = line, {}
        elif key == "end" and begun is not None:
            boxes.append(_row_box(path, line, row))
            begun = None
        elif begun is not None:
            fields = " ".join(words).replace(":", " : ").split()
            for name, colon, value in zip(fields, fields[1:], fields[2:], strict=False):
                if colon == ":" and name.lower() not in ("siteorient", "sitesymmetry"):
                    row[name.lower()] = parse_float(path, line, value, name)
    if begun is not None:
        raise BrokenFileError(path, "the row that begins here has no End.", begun)
    if not boxes:
        raise BrokenFileError(path, "has no rows.")
    left, bottom, right, top = zip(*boxes, strict=True)
    heights = sorted(high - low for _, low, _, high in boxes)
    return (min(left), min(bottom), max(right), max(top)), heights[len(heights) // 2]


def _row_box(path: Path, line: int, row: dict[str, float]) -> Canvas:
    """Left, bottom, right and top of a row that ends in a line."""
    missing = [name for name in ("coordinate", "height", "subroworigin", "numsites") if name not in row]
    if missing:
        raise BrokenFileError(path, f"the row that ends here lacks {', '.join(missing)}.", line)
    width = row["numsites"] * row.get("sitespacing", row.get("sitewidth", 1.0))
    left, bottom = row["subroworigin"], row["coordinate"]
    return left, bottom, left + width, bottom + row["height"]


def _read_nodes(path: Path, row_height: float, free_blocks: bool) -> NetlistBuilder:
    builder = NetlistBuilder(path)
    announced: dict[str, int] = {}
    terminals = 0
    for line, words in lines_of_words(path, heading=HEADING):
        if words[0] in ("NumNodes", "NumTerminals"):
            announced[words[0]] = parse_int(path, line, words[-1], words[0])
            continue
        if len(words) < 3:
            raise BrokenFileError(
                path, f"a node needs a name, a width and a height, not '{' '.join(words)[:60]}'.", line
            )
        width = parse_float(path, line, words[1], "the width", 0)
        height = parse_float(path, line, words[2], "the height", 0)
        terminal = len(words) > 3 and words[3].startswith("terminal")
        terminals += terminal
        # A pad of a mixed-size design is a point or a small square; a fixed block is taller than a row.
        kind = MACRO if height > row_height else PAD if terminal else CELL
        block = terminal and kind == MACRO and words[3] != "terminal_NI"
        builder.add_node(line, words[0], kind, width, height, fixed=terminal and not (block and free_blocks))
    for name, count in (("NumNodes", len(builder.nodes)), ("NumTerminals", terminals)):
        if announced.get(name, count) != count:
            raise BrokenFileError(path, f"{name} is {announced[name]}, but there are {count}.")
    return builder


def _read_placement(path: Path, builder: NetlistBuilder) -> None:
    """Centres, from lower-left corners of nodes as they are turned."""
    for line, words in lines_of_words(path, heading=HEADING):
        node = builder.index.get(words[0])
        if node is None:
            raise BrokenFileError(path, f"there is no node '{words[0][:60]}'.", line)
        if len(words) < 3:
            raise BrokenFileError(path, "a placed node needs x and y.", line)
        x, y = parse_float(path, line, words[1], "x"), parse_float(path, line, words[2], "y")
        rest = [word for word in words[3:] if word != ":"]
        name = rest[0].lstrip(":") if rest and not rest[0].startswith("/") else "N"
        if name not in ORIENTATIONS:
            raise BrokenFileError(path, f"unknown orientation '{name[:20]}'.", line)
        width, height = turned_size(ORIENTATIONS.index(name), builder.width[node], builder.height[node])
        builder.place(line, node, x + width / 2, y + height / 2, name)


def _read_nets(path: Path, builder: NetlistBuilder) -> None:
    nets = CountedNets(builder, path)
    for line, words in lines_of_words(path, heading=HEADING):
        head = words[0]
        if head in ("NumNets", "NumPins"):
            nets.announce(line, head, words[-1])
        elif head.startswith("NetDegree"):
            has_name = ":" in words and words[-1] != ":"
            nets.begin(line, words[words.index(":") + 1] if has_name else words[-1])
        else:
            nets.require_open(line)
            node = builder.index.get(head)
            if node is None:
                raise BrokenFileError(
                    path, f"the pin is of the node '{head[:60]}', which does not exist.", line
                )
            dx, dy = _pin_offset(path, line, words) if len(words) > 3 else (0.0, 0.0)
            nets.add_pin(node, dx, dy, drives=len(words) > 1 and words[1] == "O")
    nets.finish()


def _pin_offset(path: Path, line: int, words: list[str]) -> tuple[float, float]:
    """Offset from the node's centre in a line such as ``node I : 0.5 -1``."""
    at = words.index(":") if ":" in words else 1
    if len(words) < at + 3:
        raise BrokenFileError(path, "a pin's offset needs x and y.", line)
    return parse_float(path, line, words[at + 1], "x"), parse_float(path, line, words[at + 2], "y")


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
    for node, name in enumerate(netlist.nodes):
        if not np.isfinite(x[node]) or not np.isfinite(y[node]):
            continue
        width, height = turned_size(int(orientation[node]), netlist.width[node], netlist.height[node])
        fixed = " /FIXED" if netlist.fixed[node] else ""
        corner = f"{x[node] - width / 2:.6f} {y[node] - height / 2:.6f}"
        rows.append(f"{name} {corner} : {ORIENTATIONS[orientation[node]]}{fixed}")
    write_text(path, "\n".join(rows) + "\n")

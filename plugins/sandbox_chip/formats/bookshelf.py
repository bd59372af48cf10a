"""UCLA Bookshelf: ``.aux`` and the files that it names, read and written.

Nodes taller than a row are macros, terminals are pads, and all others are standard cells. A terminal that is
taller than a row (a fixed block, as in the ISPD2005 designs) is a macro: movable with ``free_blocks``, as
macro placement on these designs is usually done, else fixed. A ``terminal_NI`` is a pad whatever its size:
it may be overlapped. Any other block that the ``.pl`` file marks ``/FIXED`` is fixed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.counted_nets import CountedNets, degree_and_name
from sandbox_chip.formats.text import colons_apart, file_within, lines_of_words, parse_float, parse_int
from sandbox_chip.netlist import CELL, MACRO, PAD, Netlist
from sandbox_chip.orientation import turned_size
from sandbox_chip.types import Canvas

PARTS = (".nodes", ".nets", ".pl", ".scl", ".wts")
NEEDED = (".nodes", ".nets", ".pl", ".scl")

HEADING = "UCLA"
"""First word of the line that names the kind of file, such as ``UCLA nodes 1.0``."""

_TERMINALS = ("terminal", "terminal_NI")


def read_bookshelf(path: Path, *, free_blocks: bool = True) -> Netlist:
    """Read the design that an ``.aux`` file names.

    Args:
        path: The ``.aux`` file; the others are in its folder, possibly with ``.gz`` added.
        free_blocks: Whether fixed blocks (terminals taller than a row) may be placed anew.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    files = parts(path)
    builder = NetlistBuilder(files[".scl"])
    canvas = _read_rows(files[".scl"], builder)
    builder.path = files[".nodes"]
    terminals = _read_nodes(files[".nodes"], builder, free_blocks)
    builder.path = files[".pl"]
    _read_placement(files[".pl"], builder, terminals)
    builder.path = files[".nets"]
    names = _read_nets(files[".nets"], builder)
    if ".wts" in files and files[".wts"].is_file():
        builder.path = files[".wts"]
        _read_weights(files[".wts"], builder, names)
    builder.path = path
    netlist = builder.finish(path.name.partition(".")[0], canvas)
    lost = (netlist.fixed | (netlist.kind == PAD)) & np.isnan(netlist.x)
    if lost.any():
        node = int(np.flatnonzero(lost)[0])
        what = "terminal" if netlist.kind[node] == PAD else "fixed block"
        raise BrokenFileError(files[".pl"], f"the {what} '{netlist.nodes[node]}' has no position.")
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


def _read_rows(path: Path, builder: NetlistBuilder) -> Canvas:
    """The box around all rows; their median height is noted in the builder."""
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
    builder.note("rows", len(boxes), reason="the box around all rows is the canvas")
    left, bottom, right, top = zip(*boxes, strict=True)
    heights = sorted(high - low for _, low, _, high in boxes)
    builder.row_height = heights[len(heights) // 2]
    return min(left), min(bottom), max(right), max(top)


def _row_box(path: Path, line: int, row: dict[str, float]) -> Canvas:
    """Left, bottom, right and top of a row that ends in a line."""
    missing = [name for name in ("coordinate", "height", "subroworigin", "numsites") if name not in row]
    if missing:
        raise BrokenFileError(path, f"the row that ends here lacks {', '.join(missing)}.", line)
    width = row["numsites"] * row.get("sitespacing", row.get("sitewidth", 1.0))
    left, bottom = row["subroworigin"], row["coordinate"]
    return left, bottom, left + width, bottom + row["height"]


def _read_nodes(path: Path, builder: NetlistBuilder, free_blocks: bool) -> set[int]:
    """Add all nodes; those that the file calls terminals."""
    announced: dict[str, int] = {}
    terminals: set[int] = set()
    for line, raw in lines_of_words(path, heading=HEADING):
        words = colons_apart(raw)
        head = words[0].partition(":")[0]
        if head in ("NumNodes", "NumTerminals"):
            announced[head] = parse_int(path, line, words[-1].rpartition(":")[2], head)
            continue
        if len(words) < 3:
            raise BrokenFileError(
                path, f"a node needs a name, a width and a height, not '{' '.join(words)[:60]}'.", line
            )
        width = parse_float(path, line, words[1], "the width", 0)
        height = parse_float(path, line, words[2], "the height", 0)
        word = words[3] if len(words) > 3 and words[3] in _TERMINALS else ""
        kind = _kind(word, height, builder.row_height)
        block = kind == MACRO and word == "terminal"
        node = builder.add_node(
            line, words[0], kind, width, height, fixed=bool(word) and not (block and free_blocks)
        )
        if word:
            terminals.add(node)
        _note_node(builder, kind, block, free_blocks)
    for name, count in (("NumNodes", len(builder.nodes)), ("NumTerminals", len(terminals))):
        if announced.get(name, count) != count:
            raise BrokenFileError(path, f"{name} is {announced[name]}, but there are {count}.")
    return terminals


def _kind(terminal: str, height: float, row_height: float) -> int:
    """A pad of a mixed-size design is a point or a small square; a fixed block is taller than a row."""
    if terminal == "terminal_NI":
        return PAD
    return MACRO if height > row_height else PAD if terminal else CELL


def _note_node(builder: NetlistBuilder, kind: int, block: bool, free_blocks: bool) -> None:
    if block:
        builder.note(
            "fixed blocks", reason="placed anew (free_blocks)" if free_blocks else "stay where they are"
        )
    elif kind == CELL:
        builder.note("standard cells", 1, 0, "placed after the macros, where a task does so")
    else:
        builder.note("macros" if kind == MACRO else "terminals")


def _read_placement(path: Path, builder: NetlistBuilder, terminals: set[int]) -> None:
    """Centres, from lower-left corners of nodes as they are turned."""
    for line, raw in lines_of_words(path, heading=HEADING):
        words = colons_apart(raw)
        node = builder.index.get(words[0])
        if node is None:
            raise BrokenFileError(path, f"there is no node '{words[0][:60]}'.", line)
        if len(words) < 3:
            raise BrokenFileError(path, "a placed node needs x and y.", line)
        x, y = parse_float(path, line, words[1], "x"), parse_float(path, line, words[2], "y")
        rest = [word for word in words[3:] if word != ":"]
        name = rest[0] if rest and not rest[0].startswith("/") else "N"
        turn = builder.orientation_index(line, name)
        width, height = turned_size(turn, builder.width[node], builder.height[node])
        builder.place(line, node, x + width / 2, y + height / 2, name)
        if node not in terminals and any(word in ("/FIXED", "/FIXED_NI") for word in rest):
            builder.fixed[node] = True
            builder.note("nodes marked /FIXED", reason="stay where they are")


def _read_nets(path: Path, builder: NetlistBuilder) -> list[str]:
    """Add all nets; their names."""
    nets = CountedNets(builder, path)
    for line, raw in lines_of_words(path, heading=HEADING):
        words = raw if len(raw) == 2 or ":" in raw else colons_apart(raw)
        head = words[0]
        if head.startswith(("NumNets", "NumPins")):
            nets.announce(line, head[:7], words[-1].rpartition(":")[2])
        elif head.startswith("NetDegree"):
            nets.begin(line, *degree_and_name(raw))
        else:
            nets.require_open(line)
            node = builder.index.get(head)
            if node is None:
                raise BrokenFileError(
                    path, f"the pin is of the node '{head[:60]}', which does not exist.", line
                )
            dx, dy = _pin_offset(path, line, words) if len(words) > 2 else (0.0, 0.0)
            nets.add_pin(node, dx, dy, drives=len(words) > 1 and words[1] == "O")
    nets.finish()
    return nets.names


def _read_weights(path: Path, builder: NetlistBuilder, names: list[str]) -> None:
    """Weights of nets by name; weights of nodes say nothing about wires."""
    by_name = {name: net for net, name in enumerate(names) if name}
    for line, words in lines_of_words(path, heading=HEADING):
        if len(words) < 2:
            raise BrokenFileError(path, "a weight needs a name and a number.", line)
        weight = parse_float(path, line, words[-1], "the weight", 0)
        if words[0] in by_name:
            builder.net_weight[by_name[words[0]]] = weight
            builder.note("weights of nets")
        elif words[0] in builder.index:
            builder.note("weights of nodes", 1, 0, "say nothing about wires")
        else:
            builder.note("weights of unknown names", 1, 0, "neither net nor node")


def _pin_offset(path: Path, line: int, words: list[str]) -> tuple[float, float]:
    """Offset from the node's centre in a line such as ``node I : 0.5 -1``."""
    numbers = words[words.index(":") + 1 :] if ":" in words else words[2:]
    if not numbers:
        return 0.0, 0.0
    if len(numbers) < 2:
        raise BrokenFileError(path, "a pin's offset needs x and y.", line)
    return parse_float(path, line, numbers[0], "x"), parse_float(path, line, numbers[1], "y")

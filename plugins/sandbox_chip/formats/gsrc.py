"""GSRC and MCNC floorplanning blocks: ``.blocks``, ``.hardblocks`` or ``.block`` with ``.nets`` and ``.pl``.

Three dialects:

- ``name hardrectilinear 4 (0, 0) (0, h) (w, h) (w, 0)`` (GSRC), terminals as ``name terminal``;
- ``name softrectangular area least most`` (GSRC), taken as a square, or with the nearest allowed ratio of
  sides;
- ``name w h`` and ``name terminal x y`` after ``Outline: w h`` (MCNC as commonly redistributed).

Pins lie at the blocks' centres unless a net's line gives a place ``: %x %y``, in percent of the block's width
and height. A ``.pl`` file may name an orientation, a block's sides (``DIMS = (w, h)``) and ``/FIXED``.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.counted_nets import CountedNets, degree_and_name
from sandbox_chip.formats.text import file_within, lines_of_words, parse_float, parse_int
from sandbox_chip.netlist import MACRO, PAD, Netlist
from sandbox_chip.orientation import ORIENTATIONS, turned_size
from sandbox_chip.types import Canvas

WHITE_SPACE = 0.15
"""Share of the canvas that stays free where no outline is given and pads do not enclose the blocks."""

_HEADINGS = ("ucsc", "ucla")
_COUNTS = ("numblocks", "numterminals", "numhardrectilinearblocks", "numsoftrectangularblocks")
_CORNER = re.compile(r"\(\s*([^,\s()]+)\s*,\s*([^,\s()]+)\s*\)")


def read_blocks(path: Path) -> Netlist:
    """Read a design from its blocks file; ``.nets`` and the optional ``.pl`` are in its folder.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    nets, placement = _beside(path, ".nets"), _beside(path, ".pl")
    if nets is None:
        raise BrokenFileError(path, f"the file {path.name.partition('.')[0]}.nets is missing in its folder.")
    builder = NetlistBuilder(path)
    outline = _read_block_lines(path, builder)
    if placement is not None:
        builder.path = placement
        _read_positions(placement, builder)
    builder.path = nets
    _read_nets(nets, builder)
    builder.path = path
    for name, kind, x, fixed in zip(builder.nodes, builder.kind, builder.x, builder.fixed, strict=True):
        if math.isnan(x) and (kind == PAD or fixed):
            what = "terminal" if kind == PAD else "fixed block"
            raise BrokenFileError(placement or path, f"the {what} '{name[:60]}' has no position.")
    return builder.finish(path.name.partition(".")[0], outline or _canvas(builder))


def _beside(path: Path, ending: str) -> Path | None:
    stem = path.name.partition(".")[0]
    for name in (f"{stem}{ending}", f"{stem}{ending}.gz"):
        if path.with_name(name).exists() or path.with_name(name).is_symlink():
            return file_within(path, name)
    return None


def _read_block_lines(path: Path, builder: NetlistBuilder) -> Canvas | None:
    """Add blocks and terminals; the outline, where the file has one."""
    outline = None
    announced: dict[str, int] = {}
    for line, words in lines_of_words(path):
        head = words[0].rstrip(":").lower()
        if head in _HEADINGS:
            continue
        if head in _COUNTS:
            announced[head] = parse_int(path, line, words[-1], words[0].rstrip(":"))
        elif head == "outline":
            if len(words) < 3:
                raise BrokenFileError(path, "the outline needs a width and a height.", line)
            width, height = (parse_float(path, line, word, "the outline", 0) for word in words[-2:])
            outline = (0.0, 0.0, width, height)
            builder.note("outline")
        elif len(words) >= 2 and words[1] == "terminal":
            node = builder.add_node(line, words[0], PAD, 0.0, 0.0, fixed=True)
            builder.note("terminals")
            if len(words) >= 4:
                x, y = parse_float(path, line, words[2], "x"), parse_float(path, line, words[3], "y")
                builder.place(line, node, x, y)
        else:
            builder.add_node(line, words[0], MACRO, *_size(path, line, words))
            _note_block(builder, words)
    _check_counts(path, builder, announced)
    return outline


def _note_block(builder: NetlistBuilder, words: list[str]) -> None:
    if words[1] == "softrectangular":
        builder.note("soft blocks", reason="with the allowed ratio of sides that is nearest to 1")
    elif words[1] == "hardrectilinear" and words[2] != "4":
        builder.note("blocks of more than four corners", 1, 0, "their bounding boxes count")
    else:
        builder.note("blocks")


def _check_counts(path: Path, builder: NetlistBuilder, announced: dict[str, int]) -> None:
    terminals = sum(kind == PAD for kind in builder.kind)
    blocks = len(builder.nodes) - terminals
    announced_blocks = sum(count for name, count in announced.items() if name != "numterminals")
    if announced_blocks != blocks and announced:
        raise BrokenFileError(path, f"{announced_blocks} blocks are announced, but there are {blocks}.")
    if announced.get("numterminals", terminals) != terminals:
        raise BrokenFileError(
            path, f"{announced['numterminals']} terminals are announced, but there are {terminals}."
        )


def _size(path: Path, line: int, words: list[str]) -> tuple[float, float]:
    """Width and height from a block's line."""
    kind = words[1] if len(words) > 1 else ""
    if kind == "hardrectilinear":
        corners = _CORNER.findall(" ".join(words[3:]))
        if len(corners) < 3:
            raise BrokenFileError(path, f"the block '{words[0][:60]}' has no corners.", line)
        xs = [parse_float(path, line, x, "a corner") for x, _ in corners]
        ys = [parse_float(path, line, y, "a corner") for _, y in corners]
        width, height = max(xs) - min(xs), max(ys) - min(ys)
    elif kind == "softrectangular":
        if len(words) < 5:
            raise BrokenFileError(path, "a soft block needs an area and two ratios of its sides.", line)
        area, least, most = (parse_float(path, line, word, "a number of the block", 0) for word in words[2:5])
        ratio = min(max(1.0, least), max(most, least))
        width, height = math.sqrt(area * ratio), math.sqrt(area / ratio) if ratio else 0.0
    elif len(words) == 3:
        width = parse_float(path, line, words[1], "the width", 0)
        height = parse_float(path, line, words[2], "the height", 0)
    else:
        raise BrokenFileError(path, f"'{' '.join(words)[:60]}' is not a block.", line)
    if width <= 0 or height <= 0:
        raise BrokenFileError(path, f"the block '{words[0][:60]}' has no area.", line)
    return width, height


def _read_positions(path: Path, builder: NetlistBuilder) -> None:
    """Positions of terminals, and centres of blocks from the lower-left corners of their turned boxes."""
    for line, words in lines_of_words(path):
        if words[0].lower() in _HEADINGS:
            continue
        node = builder.index.get(words[0])
        if node is None:
            raise BrokenFileError(path, f"there is no block or terminal '{words[0][:60]}'.", line)
        if len(words) < 3:
            raise BrokenFileError(path, "a position needs x and y.", line)
        x, y = parse_float(path, line, words[1], "x"), parse_float(path, line, words[2], "y")
        rest = " ".join(words[3:]).replace(":", " ")
        name = next((word for word in rest.split() if word in ORIENTATIONS), "N")
        turn = builder.orientation_index(line, name)
        sides = _CORNER.findall(rest) if "DIMS" in rest else []
        if sides:
            builder.width[node], builder.height[node] = (
                parse_float(path, line, side, "a side", 0) for side in sides[0]
            )
            builder.note("DIMS")
        width, height = turned_size(turn, builder.width[node], builder.height[node])
        builder.place(line, node, x + width / 2, y + height / 2, name)
        if "/FIXED" in rest and builder.kind[node] == MACRO:
            builder.fixed[node] = True
            builder.note("blocks marked /FIXED", reason="stay where they are")


def _read_nets(path: Path, builder: NetlistBuilder) -> None:
    nets = CountedNets(builder, path)
    counts = {"numnets": "NumNets", "numpins": "NumPins"}
    for line, words in lines_of_words(path):
        head = words[0].partition(":")[0].lower()
        if head in _HEADINGS:
            continue
        if head in counts:
            nets.announce(line, counts[head], words[-1].rpartition(":")[2])
        elif head == "netdegree":
            nets.begin(line, *degree_and_name(words))
        else:
            nets.require_open(line)
            node = builder.index.get(words[0])
            if node is None:
                raise BrokenFileError(
                    path, f"the pin is of '{words[0][:60]}', which is neither block nor terminal.", line
                )
            nets.add_pin(node, *_pin_offset(path, line, words, builder.width[node], builder.height[node]))
    nets.finish()


def _pin_offset(path: Path, line: int, words: list[str], width: float, height: float) -> tuple[float, float]:
    """Offset from the block's centre in a line such as ``a : %50.0 %-50.0``; 0 and 0 where it names none."""
    percent = [word.lstrip("%") for word in words[1:] if word.startswith("%")]
    if len(percent) != 2:
        return 0.0, 0.0
    dx = parse_float(path, line, percent[0], "x", -100, 100) / 100 * width
    dy = parse_float(path, line, percent[1], "y", -100, 100) / 100 * height
    return dx, dy


def _canvas(builder: NetlistBuilder) -> Canvas:
    """The box around the pads if it holds the blocks, else a square with some white space."""
    area = builder.area(MACRO)
    if PAD in builder.kind:
        left, bottom, right, top = builder.box_around_pads()
        if (right - left) * (top - bottom) >= area * (1 + WHITE_SPACE / 2):
            return left, bottom, right, top
    side = float(np.sqrt(area * (1 + WHITE_SPACE)))
    return 0.0, 0.0, side, side

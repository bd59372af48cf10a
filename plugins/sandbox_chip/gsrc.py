"""GSRC and MCNC floorplanning blocks: ``.blocks``, ``.hardblocks`` or ``.block`` with ``.nets`` and ``.pl``.

Three dialects of the same thing:

- ``name hardrectilinear 4 (0, 0) (0, h) (w, h) (w, 0)`` (GSRC), terminals as ``name terminal``;
- ``name softrectangular area least most`` (GSRC), taken as a square, or the nearest allowed ratio of sides;
- ``name w h`` and ``name terminal x y`` after ``Outline: w h`` (MCNC as commonly redistributed).

Pins lie at the blocks' centres unless a net's line gives a place ``: %x %y`` in percent of half the size.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_chip.assembly import Assembly
from sandbox_chip.netlist import MACRO, PAD, Netlist
from sandbox_chip.text import lines, number, whole

WHITE_SPACE = 0.15
"""Share of the canvas that stays free where no outline is given and pads do not enclose the blocks."""

_COUNTS = ("numblocks", "numterminals", "numhardrectilinearblocks", "numsoftrectangularblocks")
_CORNER = re.compile(r"\(\s*([^,\s()]+)\s*,\s*([^,\s()]+)\s*\)")


def read_blocks(path: Path) -> Netlist:
    """Read a design from its blocks file; ``.nets`` and, where it is, ``.pl`` lie beside it.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    nets, placement = _beside(path, ".nets"), _beside(path, ".pl")
    if nets is None:
        raise BrokenFileError(path, f"the file {path.name.partition('.')[0]}.nets is missing beside it.")
    assembly = Assembly(path)
    outline = _read_block_lines(path, assembly)
    if placement is not None:
        assembly.path = placement
        _read_positions(placement, assembly)
    assembly.path = nets
    _read_nets(nets, assembly)
    assembly.path = path
    lost = [
        name
        for name, kind, x in zip(assembly.names, assembly.kind, assembly.x, strict=True)
        if kind == PAD and math.isnan(x)
    ]
    if lost:
        raise BrokenFileError(placement or path, f"the terminal '{lost[0][:60]}' has no position.")
    return assembly.finish(path.name.partition(".")[0], outline or _canvas(assembly))


def _beside(path: Path, ending: str) -> Path | None:
    stem = path.name.partition(".")[0]
    for name in (f"{stem}{ending}", f"{stem}{ending}.gz"):
        if path.with_name(name).is_file():
            return path.with_name(name)
    return None


def _read_block_lines(path: Path, assembly: Assembly) -> tuple[float, float, float, float] | None:
    """Add blocks and terminals; the outline, where the file has one."""
    outline = None
    expected: dict[str, int] = {}
    for line, words in lines(path):
        head = words[0].rstrip(":").lower()
        if head in ("ucsc", "ucla"):
            continue
        if head in _COUNTS:
            expected[head] = whole(path, line, words[-1], words[0].rstrip(":"))
        elif head == "outline":
            if len(words) < 3:
                raise BrokenFileError(path, "the outline needs a width and a height.", line)
            width, height = (number(path, line, word, "the outline", 0) for word in words[-2:])
            outline = (0.0, 0.0, width, height)
        elif len(words) >= 2 and words[1] == "terminal":
            node = assembly.node(line, words[0], PAD, 0.0, 0.0, fixed=True)
            if len(words) >= 4:
                assembly.place(
                    line, node, number(path, line, words[2], "x"), number(path, line, words[3], "y")
                )
        else:
            assembly.node(line, words[0], MACRO, *_size(path, line, words))
    terminals = sum(kind == PAD for kind in assembly.kind)
    blocks = len(assembly.names) - terminals
    wanted = sum(count for name, count in expected.items() if name != "numterminals")
    if wanted != blocks and expected:
        raise BrokenFileError(path, f"{wanted} blocks are announced, but there are {blocks}.")
    if expected.get("numterminals", terminals) != terminals:
        raise BrokenFileError(
            path, f"{expected['numterminals']} terminals are announced, but there are {terminals}."
        )
    return outline


def _size(path: Path, line: int, words: list[str]) -> tuple[float, float]:
    """Width and height of a block's line."""
    kind = words[1] if len(words) > 1 else ""
    if kind == "hardrectilinear":
        corners = _CORNER.findall(" ".join(words[3:]))
        if len(corners) < 3:
            raise BrokenFileError(path, f"the block '{words[0][:60]}' has no corners.", line)
        xs = [number(path, line, x, "a corner") for x, _ in corners]
        ys = [number(path, line, y, "a corner") for _, y in corners]
        size = (max(xs) - min(xs), max(ys) - min(ys))
    elif kind == "softrectangular":
        if len(words) < 5:
            raise BrokenFileError(path, "a soft block needs an area and two ratios of its sides.", line)
        area, least, most = (number(path, line, word, "a number of the block", 0) for word in words[2:5])
        ratio = min(max(1.0, least), max(most, least))
        size = (math.sqrt(area * ratio), math.sqrt(area / ratio) if ratio else 0.0)
    elif len(words) == 3:
        size = (number(path, line, words[1], "the width", 0), number(path, line, words[2], "the height", 0))
    else:
        raise BrokenFileError(path, f"'{' '.join(words)[:60]}' is no block.", line)
    if size[0] <= 0 or size[1] <= 0:
        raise BrokenFileError(path, f"the block '{words[0][:60]}' has no area.", line)
    return size


def _read_positions(path: Path, assembly: Assembly) -> None:
    """Terminals as points; blocks by their lower-left corners."""
    for line, words in lines(path):
        if words[0] in ("UCLA", "UCSC"):
            continue
        node = assembly.index.get(words[0])
        if node is None:
            raise BrokenFileError(path, f"there is no block or terminal '{words[0][:60]}'.", line)
        if len(words) < 3:
            raise BrokenFileError(path, "a position needs x and y.", line)
        x, y = number(path, line, words[1], "x"), number(path, line, words[2], "y")
        assembly.place(line, node, x + assembly.width[node] / 2, y + assembly.height[node] / 2)


def _read_nets(path: Path, assembly: Assembly) -> None:  # noqa: PLR0912 - one per kind of line
    expected: dict[str, int] = {}
    left = begun = pins = 0
    for line, words in lines(path):
        head = words[0].rstrip(":").lower()
        if head in ("ucla", "ucsc"):
            continue
        if head in ("numnets", "numpins"):
            expected[head] = whole(path, line, words[-1], words[0].rstrip(":"))
        elif head == "netdegree":
            if left:
                raise BrokenFileError(
                    path, f"the net of line {begun} has {left} pins fewer than its degree.", line
                )
            left, begun = whole(path, line, words[-1], "NetDegree", 1), line
        else:
            if not left:
                raise BrokenFileError(path, f"the net of line {begun} has more pins than its degree.", line)
            node = assembly.index.get(words[0])
            if node is None:
                raise BrokenFileError(
                    path, f"the pin is of '{words[0][:60]}', which is neither block nor terminal.", line
                )
            at = [word.lstrip("%") for word in words[1:] if word.startswith("%")]
            dx = dy = 0.0
            if len(at) == 2:
                dx = number(path, line, at[0], "x", -100, 100) / 100 * assembly.width[node]
                dy = number(path, line, at[1], "y", -100, 100) / 100 * assembly.height[node]
            assembly.net_pins.append(assembly.pin(node, dx, dy))
            pins, left = pins + 1, left - 1
            if not left:
                assembly.end_net()
    if left:
        raise BrokenFileError(path, f"the last net lacks {left} pins: the file is truncated.", begun)
    for name, found in (("numnets", len(assembly.net_weight)), ("numpins", pins)):
        if expected.get(name, found) != found:
            raise BrokenFileError(path, f"{name} is {expected[name]}, but there are {found}.")


def _canvas(assembly: Assembly) -> tuple[float, float, float, float]:
    """The box round the pads if the blocks fit into it, else a square with some white space."""
    area = sum(
        w * h
        for w, h, kind in zip(assembly.width, assembly.height, assembly.kind, strict=True)
        if kind == MACRO
    )
    if any(kind == PAD for kind in assembly.kind):
        left, bottom, right, top = assembly.around_pads()
        if (right - left) * (top - bottom) >= area * (1 + WHITE_SPACE / 2):
            return left, bottom, right, top
    side = float(np.sqrt(area * (1 + WHITE_SPACE)))
    return 0.0, 0.0, side, side

"""What a DEF file says about areas: die, rows, placement blockages, regions and groups."""

from __future__ import annotations

import re

import numpy as np

from sandbox_chip.formats.def_design import DefDesign, Region, items, options
from sandbox_chip.formats.polygons import bounding_box, covering, outside
from sandbox_chip.netlist import MACRO, Fence, no_rectangles
from sandbox_chip.orientation import ORIENTATIONS, turned_size
from sandbox_chip.types import Canvas, Rectangles

_SHAPES = ("RECT", "POLYGON")


def read_die_area(design: DefDesign) -> None:
    """DIEAREA: two corners, or the corners of a polygon."""
    design.die = design.points(design.words.statement("DIEAREA"), "DIEAREA")
    if len(design.die) < 2:
        raise design.fail("DIEAREA needs two corners.")
    design.builder.note("DIEAREA", reason="" if len(design.die) == 2 else "a polygon; outside it is blocked")


def read_row(design: DefDesign) -> None:
    """ROW: the box of a row of sites."""
    text = design.words.statement("ROW")
    if len(text) < 5 or text[4] not in ORIENTATIONS:
        raise design.fail("a ROW needs a name, a site, x, y and an orientation.")
    site = design.library.sites.get(text[1])
    if site is not None and site.kind == "PAD":
        design.builder.note("ROW of a pad site", 1, 0, "not for the core")
        return
    x, y = design.length(text[2], "x"), design.length(text[3], "y")
    count_x, count_y, step_x, step_y = 1.0, 1.0, 0.0, 0.0
    if "DO" in text:
        at = text.index("DO")
        counts, steps = [*text[at + 1 : at + 4 : 2], "1", "1"], [*text[at + 5 : at + 7], "0", "0"]
        count_x, count_y = (design.words.number(part, "a number of sites", 1) for part in counts[:2])
        step_x, step_y = (design.length(part, "a step") for part in steps[:2])
    width, height = (step_x, step_y)
    if site is not None:
        width, height = turned_size(ORIENTATIONS.index(text[4]), site.width, site.height)
        design.builder.row_height = min(height, design.builder.row_height or height)
    else:
        design.builder.note("ROW of an unknown site", 1, 1, "its height is not known")
    design.rows.append((x, y, x + (count_x - 1) * step_x + width, y + (count_y - 1) * step_y + height))
    design.builder.note("ROW", reason="the box around all rows is the core")


def read_blockages(design: DefDesign) -> None:
    """BLOCKAGES: those of placement keep macros away."""
    for text in items(design, "BLOCKAGES"):
        if text[:1] != ["PLACEMENT"]:
            design.builder.note("BLOCKAGES of a layer", 1, 0, "for routing")
        elif "PARTIAL" in text:
            design.builder.note("BLOCKAGES, partial", 1, 0, "limit the density of standard cells")
        elif "COMPONENT" in text:
            design.builder.note("BLOCKAGES of a component", 1, 0, "move with it")
        else:
            design.builder.blockages += [covering(points) for points in _shapes(design, text)]
            design.builder.note("BLOCKAGES, placement")


def _shapes(design: DefDesign, text: list[str]) -> list[list[tuple[float, float]]]:
    """Corners of every RECT and POLYGON."""
    starts = [at for at, word in enumerate(text) if word in _SHAPES]
    ends = [*starts[1:], len(text)]
    shapes = [design.points(text[begin:end], text[begin]) for begin, end in zip(starts, ends, strict=True)]
    if not shapes or any(len(points) < 2 for points in shapes):
        raise design.fail("a blockage needs RECT or POLYGON with points.")
    return shapes


def read_regions(design: DefDesign) -> None:
    """REGIONS: areas for groups of components."""
    for text in items(design, "REGIONS"):
        corners = design.points(text[: text.index("+") if "+" in text else None], "a region")
        if not corners or len(corners) % 2:
            raise design.fail("a region needs pairs of corners.")
        boxes = [bounding_box(corners[at : at + 2]) for at in range(0, len(corners), 2)]
        types = [words[0] for word, words in options(text, 1) if word == "TYPE" and words]
        design.regions[text[0]] = Region(np.array(boxes), types[0] if types else "")


def read_groups(design: DefDesign) -> None:
    """GROUPS: which components lie in which region."""
    for text in items(design, "GROUPS"):
        end = text.index("+") if "+" in text else len(text)
        regions = [words[0] for word, words in options(text, end) if word == "REGION" and words]
        if regions and regions[0] in design.regions:
            design.regions[regions[0]].members += text[1:end]
        else:
            design.builder.note("GROUPS without a region", 1, 0, "says nothing about places")


def finish_areas(design: DefDesign) -> Canvas:
    """The canvas, after what keeps macros away has been added to the netlist in the making."""
    builder, canvas = design.builder, bounding_box(design.die)
    if len(design.die) > 2:
        builder.blockages.append(outside(design.die))
    if design.rows:
        builder.blockages.append(_outside_core(design, canvas))
    for name, region in design.regions.items():
        members = _members(design, region)
        if region.type == "GUIDE":
            builder.note("REGIONS, guides", 1, 0, "a wish, no duty")
        elif members:
            builder.fences.append(Fence(name, region.boxes, members, region.type == "FENCE"))
            builder.note("REGIONS, fences" if region.type == "FENCE" else "REGIONS")
        else:
            builder.note("REGIONS without a macro", 1, 0, "standard cells are not held in regions")
    return canvas


def _outside_core(design: DefDesign, canvas: Canvas) -> Rectangles:
    """What lies in the canvas but outside the box around all rows."""
    corners = np.array(design.rows)
    left, bottom = corners[:, 0].min(), corners[:, 1].min()
    right, top = corners[:, 2].max(), corners[:, 3].max()
    if right <= left or top <= bottom:
        return no_rectangles()
    core = [(left, bottom), (right, bottom), (right, top), (left, top)]
    return outside([(float(x), float(y)) for x, y in core], canvas)


def _members(design: DefDesign, region: Region) -> frozenset[str]:
    """Names of the macros that a region's patterns name."""
    names = {
        name for name, kind in zip(design.builder.nodes, design.builder.kind, strict=True) if kind == MACRO
    }
    members = names.intersection(region.members)
    for pattern in region.members:
        if "*" in pattern:
            matches = re.compile(re.escape(pattern).replace(r"\*", ".*")).fullmatch
            members |= {name for name in names if matches(name)}
    return frozenset(members)

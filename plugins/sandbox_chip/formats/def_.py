"""DEF designs as far as macro placement needs them.

Components whose macro in the LEF library is of class BLOCK are macros (BLOCK SOFT: soft ones), those of class
PAD are pads, all others standard cells. FIXED and COVER components stay where they are. The core is the box
around all rows inside the die; what lies outside a polygon that DIEAREA draws, and placement blockages, are
kept free of macros. Sections that are not needed are skipped as wholes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.def_areas import (
    finish_areas,
    read_blockages,
    read_die_area,
    read_groups,
    read_regions,
    read_row,
)
from sandbox_chip.formats.def_components import read_components, read_pins
from sandbox_chip.formats.def_design import DEFAULT_UNIT, DefDesign
from sandbox_chip.formats.def_nets import read_nets
from sandbox_chip.formats.lef import HEADINGS, read_lef
from sandbox_chip.formats.words import Words
from sandbox_chip.netlist import PAD, Netlist


def read_def(path: Path, libraries: Sequence[Path]) -> Netlist:
    """Read a design whose macros are defined in libraries.

    Args:
        path: The ``.def`` file, possibly with ``.gz`` added.
        libraries: The ``.lef`` files.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    builder = NetlistBuilder(path)
    library = read_lef(libraries, builder.book)
    design = DefDesign(Words(path), library, builder, path.name.partition(".")[0])
    for word in design.words:
        if word == "END":
            break  # END DESIGN: nothing after it belongs to the design
        if word in _PARTS:
            _PARTS[word](design)
        else:
            _skip(design, word)
    if not design.die:
        raise BrokenFileError(path, "has no DIEAREA.")
    if not design.unit:
        builder.note("UNITS", 0, 0, f"missing: {DEFAULT_UNIT:g} to a µm, the default of DEF")
    canvas = finish_areas(design)
    _drop_unplaced_pads(design)
    return builder.finish(design.name, canvas)


def _read_name(design: DefDesign) -> None:
    design.name = (design.words.statement("DESIGN") or [design.name])[0]


def _read_units(design: DefDesign) -> None:
    text = design.words.statement("UNITS") or [""]
    design.unit = design.words.number(text[-1], "the unit", 1)
    design.builder.note("UNITS", reason=f"{design.unit:g} to a µm")


def _skip(design: DefDesign, word: str) -> None:
    """Go past a section ``WORD … END WORD`` or, if there is none, a statement."""
    words = design.words
    if word == "BEGINEXT":
        while words.word("ENDEXT") != "ENDEXT":
            pass
    elif not words.skip_section(word):
        words.statement(word)
    if word not in HEADINGS:
        design.builder.note(word, 1, 0, "says nothing about the places of macros")


def _drop_unplaced_pads(design: DefDesign) -> None:
    """Note pad cells without a place: their pins do not count."""
    builder = design.builder
    for kind, x in zip(builder.kind, builder.x, strict=True):
        if kind == PAD and math.isnan(x):
            builder.note("COMPONENTS, pad cells without a place", 1, 0, "their nets lack them")


_PARTS: dict[str, Callable[[DefDesign], None]] = {
    "DESIGN": _read_name,
    "UNITS": _read_units,
    "DIEAREA": read_die_area,
    "ROW": read_row,
    "COMPONENTS": read_components,
    "PINS": read_pins,
    "NETS": read_nets,
    "BLOCKAGES": read_blockages,
    "REGIONS": read_regions,
    "GROUPS": read_groups,
}

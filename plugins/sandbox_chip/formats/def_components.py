"""The sections COMPONENTS and PINS of a DEF file: macros, standard cells and pads."""

from __future__ import annotations

import numpy as np

from sandbox_chip.formats.def_design import DefDesign, Option, items, options
from sandbox_chip.formats.lef import POWER, LefMacro
from sandbox_chip.formats.polygons import Point, bounding_box
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT
from sandbox_chip.orientation import ORIENTATIONS, turned_offsets, turned_size

PLACED = ("PLACED", "FIXED", "COVER")
"""Words before a place; the last two say that it must not change."""

_KIND_NAMES = {MACRO: "macros", SOFT: "soft macros", PAD: "pad cells"}

_USED = (*PLACED, "UNPLACED", "HALO", "REGION", "SOURCE")
"""Options of a component that are read, and one that says nothing about places."""


def read_components(design: DefDesign) -> None:
    """Add all components as macros, pads and cells, without the pins of their nets."""
    builder, known = design.builder, design.library.macros
    for text in items(design, "COMPONENTS"):
        if len(text) < 2 or "+" in text[:2]:
            raise design.fail("a component needs a name and a macro.")
        name, macro = text[0], known.get(text[1])
        if name in builder.index:
            raise design.fail(f"the name '{name[:60]}' is used twice.")
        kind = _kind(macro)
        width, height = (macro.width, macro.height) if macro else (0.0, 0.0)
        node = builder.add_node(None, name, kind, width, height)
        design.macros.append(macro)
        _note_component(design, macro, kind)
        for word, words in options(text, 2):
            if word in PLACED:
                x, y, orientation = design.placement(word, words)
                index = ORIENTATIONS.index(orientation)
                turned_w, turned_h = turned_size(index, width, height)
                builder.x[node], builder.y[node] = x + turned_w / 2, y + turned_h / 2
                builder.orientation[node] = index
                builder.fixed[node] = word != "PLACED"
            elif kind == MACRO:
                _read_option(design, node, name, word, words)
        if kind == PAD:
            builder.fixed[node] = True


def _kind(macro: LefMacro | None) -> int:
    if macro is None:
        return CELL
    if macro.block:
        return SOFT if macro.soft else MACRO
    return PAD if macro.kind == "PAD" else CELL


def _note_component(design: DefDesign, macro: LefMacro | None, kind: int) -> None:
    if macro is None:
        design.builder.note("COMPONENTS of a macro that no library defines", 1, 0, "a cell without size")
    elif kind == CELL:
        design.builder.note(
            "COMPONENTS, standard cells", 1, 0, "placed after the macros, where a task does so"
        )
    else:
        design.builder.note(f"COMPONENTS, {_KIND_NAMES[kind]}")


def _read_option(design: DefDesign, node: int, name: str, word: str, words: list[str]) -> None:
    """HALO and REGION of a macro."""
    builder = design.builder
    if word == "HALO":
        sides = [part for part in words if part != "SOFT"]
        if len(sides) < 4:
            raise design.fail("HALO needs four widths.")
        builder.halos[node] = [design.length(side, "a halo") for side in sides[:4]]
        builder.note("HALO")
    elif word == "REGION" and words and words[0] in design.regions:
        design.regions[words[0]].members.append(name)
    elif word not in _USED:
        builder.note(f"{word} of a macro", 1, 0, "says nothing about places")


def read_pins(design: DefDesign) -> None:
    """Add all placed ports that carry signals as pads."""
    builder = design.builder
    for text in items(design, "PINS"):
        name = text[0] if text else ""
        parts = options(text, 1)
        plain = {word: words[0] for word, words in parts if words}
        place = _middle_of_ports(design, parts)
        if plain.get("USE") in POWER:
            builder.note("PINS, power and ground", 1, 0, "joins no signal net")
        elif place is None:
            builder.note("PINS without a place", 1, 0, "no pad; its nets lack it")
        if place is None or plain.get("USE") in POWER:
            design.left_out.add(name)
            continue
        builder.note("PINS")
        node_name = f"PIN {name}"
        if node_name in builder.index:
            raise design.fail(f"the pin '{name[:60]}' is there twice.")
        node = builder.add_node(None, node_name, PAD, 0.0, 0.0, fixed=True)
        design.macros.append(None)
        builder.x[node], builder.y[node] = place
        pin = design.pins[node, name] = builder.add_pin(node, 0.0, 0.0)
        if plain.get("DIRECTION") == "INPUT":
            design.sources.add(pin)


def _middle_of_ports(design: DefDesign, parts: list[Option]) -> Point | None:
    """Middle of the box around a pin's ports; None where none has a place."""
    ports: list[list[Option]] = [[]]
    for word, words in parts:
        if word == "PORT":
            ports.append([])
        else:
            ports[-1].append((word, words))
    middles = [middle for port in ports if (middle := _middle_of_port(design, port)) is not None]
    if not middles:
        return None
    left, bottom, right, top = bounding_box(middles)
    return (left + right) / 2, (bottom + top) / 2


def _middle_of_port(design: DefDesign, port: list[Option]) -> Point | None:
    """Middle of the box around a port's shapes, which are drawn from the place and turned about it."""
    place, corners = None, []
    for word, words in port:
        if word in PLACED:
            place = design.placement(word, words)
        elif word in ("LAYER", "POLYGON"):
            corners += design.points(words, word)
    if place is None:
        return None
    x, y, orientation = place
    if not corners:
        return x, y
    left, bottom, right, top = bounding_box(corners)
    dx, dy = turned_offsets(
        ORIENTATIONS.index(orientation), np.array((left + right) / 2), np.array((bottom + top) / 2)
    )
    return x + float(dx), y + float(dy)

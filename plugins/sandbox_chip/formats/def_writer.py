"""LEF and DEF files, written: a library of the nodes' shapes, and the design."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sandbox_chip.formats.names import plain_names
from sandbox_chip.formats.text import number_text, write_text
from sandbox_chip.netlist import CELL, MACRO, PAD, SOFT, Netlist
from sandbox_chip.orientation import ORIENTATIONS, turned_size

UNITS = (20000, 10000, 8000, 4000, 2000, 1000, 400, 200, 100)
"""Database units of a µm that LEF and DEF allow, the finest first."""

MAX_LENGTH = 2_000_000_000
"""Greatest length in database units: other tools keep them in 32 bits."""

_CLASSES = {MACRO: "BLOCK", SOFT: "BLOCK SOFT", CELL: "CORE"}


@dataclass(slots=True)
class _Library:
    """Macros that have been needed so far: the name of each shape, and the library's lines."""

    names: dict[tuple[object, ...], str] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)


def write_def(path: Path, netlist: Netlist) -> Path:
    """Write a design as ``.def``, and the shapes of its nodes as ``.lef`` beside it.

    Nodes of the same kind, size and pins share a macro of the library. Lengths are rounded to database units,
    as fine as 32 bits allow.

    Args:
        path: The ``.def`` file.
        netlist: The netlist.

    Returns:
        The ``.lef`` file.
    """
    unit = next((unit for unit in UNITS if max(map(abs, netlist.canvas)) * unit <= MAX_LENGTH), UNITS[-1])
    names, library = plain_names(netlist), _Library()
    pins: list[list[int]] = [[] for _ in netlist.nodes]
    for pin, node in enumerate(netlist.pin_node.tolist()):
        pins[node].append(pin)
    sources = set(netlist.net_pins[netlist.net_start[:-1]].tolist())
    macros = [
        "" if netlist.kind[node] == PAD else _macro(netlist, node, pins[node], sources, library)
        for node in range(len(names))
    ]
    pin_names = _pin_names(netlist, names, pins)
    rows = [
        *_head(netlist, unit),
        *_components(netlist, names, macros, unit),
        *_ports(netlist, names, pins, sources, unit),
        *_blockages(netlist, unit),
        *_nets(netlist, pin_names),
        *_groups(netlist),
        "END DESIGN",
    ]
    lef = path.with_name(path.name.removesuffix(".def") + ".lef")
    heading = ["VERSION 5.8 ;", "UNITS", f"  DATABASE MICRONS {unit} ;", "END UNITS"]
    write_text(lef, "\n".join([*heading, *library.rows, "END LIBRARY"]) + "\n")
    write_text(path, "\n".join(rows) + "\n")
    return lef


def _macro(netlist: Netlist, node: int, pins: list[int], sources: set[int], library: _Library) -> str:
    """Name of the library's macro of a node, made where no other node has had it."""
    width, height, kind = float(netlist.width[node]), float(netlist.height[node]), int(netlist.kind[node])
    places = tuple(
        (float(netlist.pin_x[pin]) + width / 2, float(netlist.pin_y[pin]) + height / 2, pin in sources)
        for pin in pins
    )
    key = (kind, width, height, places)
    if key in library.names:
        return library.names[key]
    name = library.names[key] = f"{'CELL' if kind == CELL else 'BLOCK'}_{len(library.names)}"
    rows = [f"MACRO {name}", f"  CLASS {_CLASSES[kind]} ;", "  ORIGIN 0 0 ;"]
    rows.append(f"  SIZE {number_text(max(width, 1e-9))} BY {number_text(max(height, 1e-9))} ;")
    for index, (x, y, drives) in enumerate(places):
        corner = f"{number_text(x)} {number_text(y)}"
        rows += [f"  PIN P{index}", f"    DIRECTION {'OUTPUT' if drives else 'INPUT'} ;", "    PORT"]
        rows += ["      LAYER M1 ;", f"        RECT {corner} {corner} ;", "    END", f"  END P{index}"]
    library.rows += [*rows, f"END {name}"]
    return name


def _pin_names(netlist: Netlist, names: list[str], pins: list[list[int]]) -> list[str]:
    """``component pin`` of every pin."""
    texts = [""] * len(netlist.pin_node)
    for node, members in enumerate(pins):
        for index, pin in enumerate(members):
            texts[pin] = f"PIN {names[node]}" if netlist.kind[node] == PAD else f"{names[node]} P{index}"
    return texts


def _point(x: float, y: float, unit: int) -> str:
    return f"( {round(x * unit)} {round(y * unit)} )"


def _head(netlist: Netlist, unit: int) -> Iterator[str]:
    left, bottom, right, top = netlist.canvas
    yield from ("VERSION 5.8 ;", 'DIVIDERCHAR "/" ;', 'BUSBITCHARS "[]" ;')
    yield f"DESIGN {netlist.name.replace(' ', '_') or 'design'} ;"
    yield f"UNITS DISTANCE MICRONS {unit} ;"
    yield f"DIEAREA {_point(left, bottom, unit)} {_point(right, top, unit)} ;"
    if netlist.fences:
        yield f"REGIONS {len(netlist.fences)} ;"
        for fence in netlist.fences:
            boxes = " ".join(
                f"{_point(x0, y0, unit)} {_point(x1, y1, unit)}" for x0, y0, x1, y1 in fence.boxes
            )
            yield f"- {fence.name.replace(' ', '_')} {boxes}{' + TYPE FENCE' if fence.exclusive else ''} ;"
        yield "END REGIONS"


def _components(netlist: Netlist, names: list[str], macros: list[str], unit: int) -> Iterator[str]:
    nodes = np.flatnonzero(netlist.kind != PAD).tolist()
    yield f"COMPONENTS {len(nodes)} ;"
    for node in nodes:
        turn = int(netlist.orientation[node])
        width, height = turned_size(turn, netlist.width[node], netlist.height[node])
        place = ""
        if np.isfinite(netlist.x[node]):
            corner = _point(netlist.x[node] - width / 2, netlist.y[node] - height / 2, unit)
            place = f" + {'FIXED' if netlist.fixed[node] else 'PLACED'} {corner} {ORIENTATIONS[turn]}"
        halo = ""
        if netlist.halo is not None and netlist.halo[node].any():
            halo = " + HALO " + " ".join(str(round(side * unit)) for side in netlist.halo[node].tolist())
        yield f"- {names[node]} {macros[node]}{place}{halo} ;"
    yield "END COMPONENTS"


def _ports(
    netlist: Netlist, names: list[str], pins: list[list[int]], sources: set[int], unit: int
) -> Iterator[str]:
    nodes = np.flatnonzero(netlist.kind == PAD).tolist()
    yield f"PINS {len(nodes)} ;"
    for node in nodes:
        direction = "INPUT" if any(pin in sources for pin in pins[node]) else "OUTPUT"
        place = (
            f" + FIXED {_point(netlist.x[node], netlist.y[node], unit)} N"
            if np.isfinite(netlist.x[node])
            else ""
        )
        yield f"- {names[node]} + NET {names[node]} + DIRECTION {direction} + USE SIGNAL{place} ;"
    yield "END PINS"


def _blockages(netlist: Netlist, unit: int) -> Iterator[str]:
    if len(netlist.blockages):
        yield f"BLOCKAGES {len(netlist.blockages)} ;"
        for left, bottom, right, top in netlist.blockages.tolist():
            yield f"- PLACEMENT RECT {_point(left, bottom, unit)} {_point(right, top, unit)} ;"
        yield "END BLOCKAGES"


def _nets(netlist: Netlist, pin_names: list[str]) -> Iterator[str]:
    yield f"NETS {netlist.num_nets} ;"
    for net in range(netlist.num_nets):
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]].tolist()
        weight = float(netlist.net_weight[net])
        weighted = f" + WEIGHT {number_text(weight)}" if weight != 1 else ""
        yield f"- n{net} {' '.join(f'( {pin_names[pin]} )' for pin in pins)}{weighted} ;"
    yield "END NETS"


def _groups(netlist: Netlist) -> Iterator[str]:
    if netlist.fences:
        yield f"GROUPS {len(netlist.fences)} ;"
        for number, fence in enumerate(netlist.fences):
            region = fence.name.replace(" ", "_")
            yield f"- g{number} {' '.join(sorted(fence.nodes))} + REGION {region} ;"
        yield "END GROUPS"

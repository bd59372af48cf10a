"""DEF designs as far as macro placement needs them: DIEAREA, COMPONENTS, PINS and NETS.

Components whose macro in the LEF library is of class BLOCK are macros, all others standard cells. FIXED
components stay where they are. Everything else is skipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.lef import LefMacro, read_lef
from sandbox_chip.formats.text import parse_float
from sandbox_chip.formats.words import Words
from sandbox_chip.netlist import CELL, MACRO, PAD, Netlist
from sandbox_chip.orientation import ORIENTATIONS, turned_size
from sandbox_chip.types import Canvas

_SKIPPED = ("SPECIALNETS", "VIAS", "NONDEFAULTRULES", "REGIONS", "GROUPS", "BLOCKAGES")


@dataclass(slots=True)
class _Design:
    """A DEF file that is being read.

    Attributes:
        words: Its words.
        library: Macros by name.
        builder: The netlist in the making.
        macros: The library's macro of every component.
        pins: Index of every pin by owner and name.
        unit: Database units of a µm.
    """

    words: Words
    library: dict[str, LefMacro]
    builder: NetlistBuilder
    macros: dict[str, LefMacro] = field(default_factory=dict)
    pins: dict[tuple[str, str], int] = field(default_factory=dict)
    unit: float = 1.0


def read_def(path: Path, lef: Path) -> Netlist:
    """Read a design whose macros are defined in a library.

    Args:
        path: The ``.def`` file.
        lef: The ``.lef`` file.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    words = Words(path)
    design = _Design(words, read_lef(lef), NetlistBuilder(path))
    name, canvas = path.name.partition(".")[0], None
    for line, word in words:
        if word == "END":
            break  # END DESIGN: nothing after it belongs to the design
        if word == "DESIGN":
            name = words.statement("DESIGN")[0]
        elif word == "UNITS":
            design.unit = parse_float(path, line, words.statement("UNITS")[-1], "the unit", 1)
        elif word == "DIEAREA":
            canvas = _read_die_area(design)
        elif word in _SECTIONS:
            _read_section(design, word, _SECTIONS[word])
        elif word in _SKIPPED:
            words.skip_past("END", f"END {word}")
            words.word(word)
    if canvas is None:
        raise BrokenFileError(path, "has no DIEAREA.")
    return design.builder.finish(name, canvas)


def _read_die_area(design: _Design) -> Canvas:
    """The box around all corners of the DIEAREA statement, µm."""
    words, line = design.words, design.words.line
    numbers = [
        parse_float(words.path, line, text, "DIEAREA") / design.unit
        for text in words.statement("DIEAREA")
        if text not in ("(", ")")
    ]
    if len(numbers) < 4:
        raise BrokenFileError(words.path, "DIEAREA needs two corners.", line)
    return min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2])


def _read_section(design: _Design, name: str, read_item: Callable[[_Design], None]) -> None:
    """Items from ``- `` to ``;``, whose number the section's heading announces."""
    words, line = design.words, design.words.line
    announced = int(parse_float(words.path, line, words.statement(name)[0], "a count", 0))
    count = 0
    while (item := words.word(f"END {name}")) != "END":
        if item != "-":
            raise BrokenFileError(words.path, f"expected '-', found '{item[:40]}'.", words.line)
        read_item(design)
        count += 1
    words.word(name)
    if count != announced:
        raise BrokenFileError(words.path, f"{name} announces {announced}, but there are {count}.", line)


def _read_component(design: _Design) -> None:
    words, builder = design.words, design.builder
    line, text = words.line, words.statement("a component")
    if len(text) < 2:
        raise BrokenFileError(words.path, "a component needs a name and a macro.", line)
    name, macro = text[0], design.library.get(text[1])
    if macro is None:
        raise BrokenFileError(words.path, f"the library has no macro '{text[1][:60]}'.", line)
    kind = MACRO if macro.block else CELL
    node = builder.add_node(line, name, kind, macro.width, macro.height, fixed="FIXED" in text)
    design.macros[name] = macro
    placement = _placement(words.path, line, text, design.unit)
    if placement is not None:
        x, y, orientation = placement
        width, height = turned_size(ORIENTATIONS.index(orientation), macro.width, macro.height)
        builder.place(line, node, x + width / 2, y + height / 2, orientation)


def _placement(path: Path, line: int, text: list[str], unit: float) -> tuple[float, float, str] | None:
    """Position (µm) and orientation after ``+ PLACED``, ``+ FIXED`` or ``+ COVER``."""
    for word in ("PLACED", "FIXED", "COVER"):
        if word in text:
            rest = [item for item in text[text.index(word) + 1 :] if item not in ("(", ")")]
            if len(rest) < 3 or rest[2] not in ORIENTATIONS:
                raise BrokenFileError(path, f"{word} needs ( x y ) and an orientation.", line)
            x, y = parse_float(path, line, rest[0], "x"), parse_float(path, line, rest[1], "y")
            return x / unit, y / unit, rest[2]
    return None


def _read_port(design: _Design) -> None:
    words, builder = design.words, design.builder
    line, text = words.line, words.statement("a pin")
    placement = _placement(words.path, line, text, design.unit)
    if placement is None:
        raise BrokenFileError(words.path, f"the pin '{text[0][:60]}' has no position.", line)
    node = builder.add_node(line, f"PIN {text[0]}", PAD, 0.0, 0.0, fixed=True)
    builder.place(line, node, placement[0], placement[1])


def _read_net(design: _Design) -> None:
    words, builder = design.words, design.builder
    line, text = words.line, words.statement("a net")
    at, weight = 1, 1.0
    while at + 3 <= len(text) and text[at] == "(":
        builder.net_pins.append(_pin(design, line, text[0], text[at + 1], text[at + 2]))
        at = text.index(")", at) + 1
    if "WEIGHT" in text:
        weight = parse_float(words.path, line, text[text.index("WEIGHT") + 1], "WEIGHT", 0)
    if len(builder.net_pins) > builder.net_start[-1]:
        builder.end_net(weight)


def _pin(design: _Design, line: int, net: str, owner: str, pin: str) -> int:
    """Index of a pin of a component, or of a port (owner ``PIN``), made where it is first named."""
    path, builder = design.words.path, design.builder
    node = builder.index.get(f"PIN {pin}" if owner == "PIN" else owner)
    if node is None:
        raise BrokenFileError(
            path, f"the net '{net[:60]}' ends at '{owner[:40]} {pin[:40]}', which does not exist.", line
        )
    if (owner, pin) not in design.pins:
        dx = dy = 0.0
        if owner != "PIN":
            macro = design.macros[owner]
            if pin not in macro.pins:
                raise BrokenFileError(path, f"'{owner[:60]}' has no pin '{pin[:40]}'.", line)
            dx, dy = macro.pins[pin][0] - macro.width / 2, macro.pins[pin][1] - macro.height / 2
        design.pins[owner, pin] = builder.add_pin(node, dx, dy)
    return design.pins[owner, pin]


_SECTIONS: dict[str, Callable[[_Design], None]] = {
    "COMPONENTS": _read_component,
    "PINS": _read_port,
    "NETS": _read_net,
}

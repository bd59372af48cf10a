"""LEF and DEF as far as macro placement needs them: macros, their pins, components, ports and nets.

From the LEF: the database unit, and of every MACRO its CLASS, SIZE and its pins' shapes (a pin lies in the
middle of its shapes). From the DEF: DIEAREA, COMPONENTS (FIXED and PLACED), PINS and NETS. Components of
class BLOCK are macros, all others standard cells. Everything else is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.assembly import Assembly
from sandbox_chip.netlist import CELL, MACRO, ORIENTATIONS, PAD, Netlist, swaps_sides
from sandbox_chip.text import number, read


@dataclass(slots=True)
class LefMacro:
    """A macro of a library; lengths in µm.

    Attributes:
        block: Whether its class is BLOCK.
        width: Along x in orientation N.
        height: Along y.
        pins: Centre of every pin, from the lower-left corner.
    """

    block: bool = False
    width: float = 0.0
    height: float = 0.0
    pins: dict[str, tuple[float, float]] = field(default_factory=dict)


class _Words:
    """The words of a file, with their lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.items: list[tuple[int, str]] = []
        for line, text in enumerate(read(path).split("\n"), 1):
            bare = text.partition("#")[0]
            self.items += [(line, word) for word in bare.replace("(", " ( ").replace(")", " ) ").split()]
        self.at = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self.at >= len(self.items):
            raise StopIteration
        self.at += 1
        return self.items[self.at - 1]

    @property
    def line(self) -> int:
        """Line of the last word."""
        return self.items[min(max(self.at - 1, 0), len(self.items) - 1)][0] if self.items else 1

    def word(self, what: str) -> str:
        """The next word.

        Raises:
            BrokenFileError: If the file ends.
        """
        for _, word in self:
            return word
        raise BrokenFileError(self.path, f"ends where {what} is expected: it is truncated.", self.line)

    def number(self, what: str) -> float:
        """The next word as a number."""
        return number(self.path, self.line, self.word(what), what)

    def statement(self, what: str) -> list[str]:
        """Words up to the next ``;``."""
        found = []
        while (word := self.word(f"the end of {what}")) != ";":
            found.append(word)
        return found


def read_lef(path: Path) -> dict[str, LefMacro]:
    """Macros of a library by name.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    words, macros = _Words(path), {}
    for line, word in words:
        if word == "MACRO":
            name = words.word("a macro's name")
            if name in macros:
                raise BrokenFileError(path, f"the macro '{name[:60]}' is defined twice.", line)
            macros[name] = _lef_macro(words, name)
        elif word in ("PROPERTYDEFINITIONS", "UNITS"):
            while words.word(f"END {word}") != "END":
                pass
            words.word(f"END {word}")
    if not macros:
        raise BrokenFileError(path, "defines no macro.")
    return macros


def _lef_macro(words: _Words, name: str) -> LefMacro:
    macro, begun = LefMacro(), words.line
    while True:
        word = words.word(f"END {name}")
        if word == "END":
            if words.word(f"END {name}") != name:
                continue
            if macro.width <= 0 or macro.height <= 0:
                raise BrokenFileError(words.path, f"the macro '{name[:60]}' has no SIZE.", begun)
            return macro
        if word == "CLASS":
            macro.block = "BLOCK" in words.statement("CLASS")
        elif word == "SIZE":
            macro.width = words.number("a width")
            words.word("BY")
            macro.height = words.number("a height")
        elif word == "PIN":
            pin = words.word("a pin's name")
            macro.pins[pin] = _lef_pin(words, pin)
        elif word == "OBS":
            while words.word("END") != "END":
                pass


def _lef_pin(words: _Words, name: str) -> tuple[float, float]:
    """Centre of the box round a pin's rectangles."""
    xs: list[float] = []
    ys: list[float] = []
    while True:
        word = words.word(f"END {name}")
        if word == "END":
            if words.at < len(words.items) and words.items[words.at][1] == name:
                words.at += 1
                break
        elif word == "RECT":
            numbers = [text for text in words.statement("RECT") if text not in ("(", ")", "MASK")]
            if len(numbers) < 4:
                raise BrokenFileError(words.path, "a RECT needs four numbers.", words.line)
            x0, y0, x1, y1 = (number(words.path, words.line, text, "a corner") for text in numbers[-4:])
            xs, ys = [*xs, x0, x1], [*ys, y0, y1]
    if not xs:
        raise BrokenFileError(words.path, f"the pin '{name[:60]}' has no RECT.", words.line)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


@dataclass(slots=True)
class _Design:
    """A DEF file that is being read.

    Attributes:
        words: Its words.
        library: Macros by name.
        assembly: The netlist in the making.
        types: The macro of every component.
        pins: Index of every pin by owner and name.
        unit: Database units of a µm.
    """

    words: _Words
    library: dict[str, LefMacro]
    assembly: Assembly
    types: dict[str, LefMacro] = field(default_factory=dict)
    pins: dict[tuple[str, str], int] = field(default_factory=dict)
    unit: float = 1.0


def read_def(path: Path, lef: Path) -> Netlist:  # noqa: PLR0912 - one per section
    """Read a design whose macros are defined in a library.

    Args:
        path: The ``.def`` file.
        lef: The ``.lef`` file.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    words, assembly = _Words(path), Assembly(path)
    design = _Design(words, read_lef(lef), assembly)
    name, die = path.name.partition(".")[0], None
    for line, word in words:
        if word == "END":
            break  # DESIGN: what follows is none of ours
        if word == "DESIGN":
            name = words.statement("DESIGN")[0]
        elif word == "UNITS":
            design.unit = number(path, line, words.statement("UNITS")[-1], "the unit", 1)
        elif word == "DIEAREA":
            numbers = [
                number(path, line, text, "DIEAREA") / design.unit
                for text in words.statement("DIEAREA")
                if text not in ("(", ")")
            ]
            if len(numbers) < 4:
                raise BrokenFileError(path, "DIEAREA needs two corners.", line)
            die = (min(numbers[::2]), min(numbers[1::2]), max(numbers[::2]), max(numbers[1::2]))
        elif word in ("COMPONENTS", "PINS", "NETS"):
            read_section = {"COMPONENTS": _component, "PINS": _port, "NETS": _net}[word]
            count = int(number(path, line, words.statement(word)[0], "a count", 0))
            found = 0
            while (item := words.word(f"END {word}")) != "END":
                if item != "-":
                    raise BrokenFileError(path, f"expected '-', found '{item[:40]}'.", words.line)
                read_section(design)
                found += 1
            words.word(word)
            if found != count:
                raise BrokenFileError(path, f"{word} announces {count}, but there are {found}.", line)
        elif word in ("SPECIALNETS", "VIAS", "NONDEFAULTRULES", "REGIONS", "GROUPS", "BLOCKAGES"):
            while words.word(f"END {word}") != "END":
                pass
            words.word(word)
    if die is None:
        raise BrokenFileError(path, "has no DIEAREA.")
    return assembly.finish(name, die)


def _component(design: _Design) -> None:
    words, assembly = design.words, design.assembly
    line, text = words.line, words.statement("a component")
    if len(text) < 2:
        raise BrokenFileError(words.path, "a component needs a name and a macro.", line)
    name, macro = text[0], design.library.get(text[1])
    if macro is None:
        raise BrokenFileError(words.path, f"the library has no macro '{text[1][:60]}'.", line)
    kind = MACRO if macro.block else CELL
    node = assembly.node(line, name, kind, macro.width, macro.height, fixed="FIXED" in text)
    design.types[name] = macro
    at = _placed(words.path, line, text, design.unit)
    if at is None:
        return
    x, y, orientation = at
    width, height = macro.width, macro.height
    if swaps_sides(ORIENTATIONS.index(orientation)):
        width, height = height, width
    assembly.place(line, node, x + width / 2, y + height / 2, orientation)


def _placed(path: Path, line: int, text: list[str], unit: float) -> tuple[float, float, str] | None:
    """Position (µm) and orientation after ``+ PLACED`` or ``+ FIXED``."""
    for word in ("PLACED", "FIXED", "COVER"):
        if word in text:
            rest = [item for item in text[text.index(word) + 1 :] if item not in ("(", ")")]
            if len(rest) < 3 or rest[2] not in ORIENTATIONS:
                raise BrokenFileError(path, f"{word} needs ( x y ) and an orientation.", line)
            return number(path, line, rest[0], "x") / unit, number(path, line, rest[1], "y") / unit, rest[2]
    return None


def _port(design: _Design) -> None:
    words, assembly = design.words, design.assembly
    line, text = words.line, words.statement("a pin")
    at = _placed(words.path, line, text, design.unit)
    if at is None:
        raise BrokenFileError(words.path, f"the pin '{text[0][:60]}' has no position.", line)
    node = assembly.node(line, f"PIN {text[0]}", PAD, 0.0, 0.0, fixed=True)
    assembly.place(line, node, at[0], at[1])


def _net(design: _Design) -> None:
    words, assembly = design.words, design.assembly
    line, text = words.line, words.statement("a net")
    at, weight = 1, 1.0
    while at + 3 < len(text) + 1 and at < len(text) and text[at] == "(":
        owner, pin = text[at + 1], text[at + 2]
        node = assembly.index.get(f"PIN {pin}" if owner == "PIN" else owner)
        if node is None:
            raise BrokenFileError(
                words.path,
                f"the net '{text[0][:60]}' ends at '{owner[:40]} {pin[:40]}', which does not exist.",
                line,
            )
        key = (owner, pin)
        if key not in design.pins:
            dx = dy = 0.0
            if owner != "PIN":
                macro = design.types[owner]
                if pin not in macro.pins:
                    raise BrokenFileError(words.path, f"'{owner[:60]}' has no pin '{pin[:40]}'.", line)
                dx, dy = macro.pins[pin][0] - macro.width / 2, macro.pins[pin][1] - macro.height / 2
            design.pins[key] = assembly.pin(node, dx, dy)
        assembly.net_pins.append(design.pins[key])
        at = text.index(")", at) + 1
    if "WEIGHT" in text:
        weight = number(words.path, line, text[text.index("WEIGHT") + 1], "WEIGHT", 0)
    if len(assembly.net_pins) > assembly.net_start[-1]:
        assembly.end_net(weight)

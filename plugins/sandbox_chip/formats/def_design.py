"""A DEF file that is being read: what its sections share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.api import BrokenFileError
from sandbox_chip.formats.builder import NetlistBuilder
from sandbox_chip.formats.lef import LefMacro, Library
from sandbox_chip.formats.polygons import Point
from sandbox_chip.formats.words import Words
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.types import Canvas, Rectangles

DEFAULT_UNIT = 100.0
"""Database units of a µm where a file has no UNITS, as LEF and DEF define."""

Option = tuple[str, list[str]]
"""A word after ``+``, and the words that follow it."""


@dataclass(slots=True)
class Region:
    """A region of the section REGIONS.

    Attributes:
        boxes: Rectangles, µm.
        type: FENCE, GUIDE, or empty.
        members: Patterns of the components that lie in it.
    """

    boxes: Rectangles
    type: str
    members: list[str] = field(default_factory=list)


@dataclass(slots=True)
class DefDesign:
    """A DEF file that is being read.

    Attributes:
        words: Its words.
        library: Macros and sites by name.
        builder: The netlist in the making.
        name: Of the design.
        unit: Database units of a µm, 0 before UNITS.
        die: Corners of the die, µm.
        rows: Boxes of the rows of standard cells, µm.
        macros: The library's macro of every node, None for ports and unknown cells.
        pins: Index of every pin by node and name.
        sources: Pins that drive their net.
        left_out: Names of ports that are no pads.
        regions: By name.
    """

    words: Words
    library: Library
    builder: NetlistBuilder
    name: str = ""
    unit: float = 0.0
    die: list[Point] = field(default_factory=list)
    rows: list[Canvas] = field(default_factory=list)
    macros: list[LefMacro | None] = field(default_factory=list)
    pins: dict[tuple[int, str], int] = field(default_factory=dict)
    sources: set[int] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)
    regions: dict[str, Region] = field(default_factory=dict)

    def fail(self, message: str) -> BrokenFileError:
        """An error that names the line of the item that is being read."""
        return BrokenFileError(self.words.path, message, self.words.line)

    def length(self, text: str, what: str) -> float:
        """A length in µm from one in database units."""
        return self.words.number(text, what) / (self.unit or DEFAULT_UNIT)

    def points(self, words: list[str], what: str) -> list[Point]:
        """Points in µm."""
        return self.words.points(words, what, self.unit or DEFAULT_UNIT)

    def placement(self, word: str, words: list[str]) -> tuple[float, float, str]:
        """Position (µm) and orientation in the words after PLACED, FIXED or COVER."""
        if len(words) != 5 or words[4] not in ORIENTATIONS:
            raise self.fail(f"{word} needs ( x y ) and an orientation.")
        return self.length(words[1], "x"), self.length(words[2], "y"), words[4]


def items(design: DefDesign, section: str) -> Iterator[list[str]]:
    """The words of every item ``- … ;`` of a section, whose number its heading announces.

    Raises:
        BrokenFileError: For a section that does not end, or does not hold as many items as it says.
    """
    words = design.words
    heading = words.at
    announced = int(words.number((words.statement(section) or [""])[0], "a count", 0))
    end, at, count = words.end_of(section), words.at, 0
    if end is None:
        raise words.truncated(f"END {section}")
    while at < end:
        words.at = at + 1
        if words.words[at] != "-":
            raise design.fail(f"expected '-', found '{words.words[at][:40]}'.")
        try:
            stop = words.words.index(";", at, end)
        except ValueError:
            raise design.fail(f"this item of {section} has no ';'.") from None
        yield words.words[at + 1 : stop]
        at, count = stop + 1, count + 1
    words.at = heading
    if count != announced:
        raise design.fail(f"{section} announces {announced}, but there are {count}.")
    words.at = end + 2


def options(text: list[str], begin: int) -> list[Option]:
    """The parts of an item that begin with ``+``, from a word on."""
    parts: list[Option] = []
    while begin < len(text):
        try:
            end = text.index("+", begin + 1)
        except ValueError:
            end = len(text)
        if text[begin] == "+" and begin + 1 < end:
            parts.append((text[begin + 1], text[begin + 2 : end]))
        begin = end
    return parts

"""LEF libraries as far as macro placement needs them: sites, and of every MACRO its class, size and pins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.polygons import Point, bounding_box
from sandbox_chip.formats.words import Words
from sandbox_chip.notes import NoteBook

POWER = ("POWER", "GROUND")
"""Values of USE for what no signal net joins."""

HEADINGS = ("VERSION", "DIVIDERCHAR", "BUSBITCHARS", "NAMESCASESENSITIVE")
"""Statements of LEF and DEF about the file itself."""

_BLOCKS = ("DENSITY", "TIMING", "OBS")
"""Parts of a MACRO that end with ``END``, which their own word may follow."""


@dataclass(slots=True)
class LefMacro:
    """A macro of a library; lengths in µm.

    Attributes:
        kind: Its class: BLOCK, CORE, PAD, ...; empty where the library names none.
        soft: Whether it is of class BLOCK SOFT: a cluster of cells rather than a macro.
        width: Along x in orientation N.
        height: Along y.
        pins: Centre of the box around every signal pin's shapes, from the lower-left corner; the macro's
            centre for a pin without shapes.
        outputs: Names of the pins that drive a net.
        power: Names of the power and ground pins.
    """

    kind: str = ""
    soft: bool = False
    width: float = 0.0
    height: float = 0.0
    pins: dict[str, Point] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)
    power: set[str] = field(default_factory=set)

    @property
    def block(self) -> bool:
        """Whether it is a macro to place rather than a standard cell or a pad."""
        return self.kind == "BLOCK"


@dataclass(frozen=True, slots=True)
class Site:
    """A site of rows; lengths in µm.

    Attributes:
        width: Along x in orientation N, 0 where the library names no size.
        height: Along y.
        kind: Its class: CORE or PAD.
    """

    width: float
    height: float
    kind: str


@dataclass(slots=True)
class Library:
    """What several LEF files define together.

    Attributes:
        macros: By name.
        sites: By name.
    """

    macros: dict[str, LefMacro] = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)


def read_lef(paths: Sequence[Path], book: NoteBook | None = None) -> Library:
    """What one or several files define: technology, standard cells and macros may lie in files of their own.

    Args:
        paths: The files.
        book: Takes notes.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    library, book = Library(), book or NoteBook()
    for path in paths:
        _read_file(Words(path), library, book)
    if not library.macros:
        raise BrokenFileError(
            paths[-1], "defines no macro.", hint="Name the libraries that do with --set lef."
        )
    return library


def _read_file(words: Words, library: Library, book: NoteBook) -> None:
    file = words.path.name
    defined: set[str] = set()
    for word in words:
        if word == "MACRO":
            name = words.word("a macro's name")
            if name in defined:
                raise BrokenFileError(words.path, f"the macro '{name[:60]}' is defined twice.", words.line)
            macro = _read_macro(words, name, book)
            defined.add(name)
            if name in library.macros:
                book.add(file, "MACRO", 1, 0, "defined by a library before")
                continue
            library.macros[name] = macro
            book.add(file, "MACRO", 1)
        elif word == "SITE":
            name = words.word("a site's name")
            library.sites[name] = _read_site(words, name)
            book.add(file, "SITE", 1)
        elif word == "END":
            words.skip("LIBRARY")
        else:
            _skip(words, word)
            if word not in HEADINGS:
                book.add(file, word, 1, 0, "says nothing about places")


def _skip(words: Words, word: str) -> None:
    """Go past a part that is not needed: ``LAYER name … END name``, ``UNITS … END UNITS``, or a statement."""
    if word == "BEGINEXT":
        while words.word("ENDEXT") != "ENDEXT":
            pass
        return
    begun = words.at
    if words.skip_section(word):
        return
    name = words.word("the end of the file") if begun < len(words.words) else ""
    if name != ";" and not words.skip(";") and words.skip_section(name):
        return
    words.at = begun
    words.statement(word)


def _read_site(words: Words, name: str) -> Site:
    end = words.end_of(name)
    if end is None:
        raise words.truncated(f"END {name}")
    body = words.words[words.at : end]
    width = height = 0.0
    if "SIZE" in body:
        size = (body[body.index("SIZE") + 1 :] + [""] * 3)[:3]
        width, height = words.number(size[0], "a width", 0), words.number(size[2], "a height", 0)
    kind = body[body.index("CLASS") + 1] if "CLASS" in body[:-1] else ""
    words.at = end + 2
    return Site(width, height, kind)


def _read_macro(words: Words, name: str, book: NoteBook) -> LefMacro:
    macro, begun, origin = LefMacro(), words.at - 1, (0.0, 0.0)
    shapeless: list[str] = []
    while True:
        word = words.word(f"END {name}")
        if word == "END":
            if words.word(f"END {name}") == name:
                break
        elif word == "CLASS":
            kinds = words.statement("CLASS") or [""]
            macro.kind, macro.soft = kinds[0], "SOFT" in kinds
        elif word == "ORIGIN":
            numbers = [text for text in words.statement("ORIGIN") if text not in ("(", ")")]
            origin = _pair(words, numbers, "ORIGIN")
        elif word == "SIZE":
            width, height = ([part for part in words.statement("SIZE") if part != "BY"] + ["", ""])[:2]
            macro.width, macro.height = words.number(width, "a width", 0), words.number(height, "a height", 0)
        elif word == "PIN":
            _read_pin(words, macro, shapeless)
        elif word in _BLOCKS:
            if "OVERLAP" in _block(words, word):
                book.add(words.path.name, "rectilinear MACRO", 1, 0, "its bounding box counts")
        else:
            words.statement(word)
    _finish_macro(words, name, macro, begun, origin, shapeless)
    if shapeless:
        book.add(words.path.name, "PIN without a shape", len(shapeless), reason="at the macro's centre")
    if macro.power:
        book.add(words.path.name, "power and ground PIN", len(macro.power), 0, "joins no signal net")
    return macro


def _finish_macro(
    words: Words, name: str, macro: LefMacro, begun: int, origin: Point, shapeless: list[str]
) -> None:
    """Check a macro's size, and give its pins their places from the lower-left corner."""
    if macro.width <= 0 or macro.height <= 0:
        line = words.line_of(begun - 1)
        raise BrokenFileError(words.path, f"the macro '{name[:60]}' has no SIZE.", line)
    # Shapes are drawn from the macro's origin, which ORIGIN puts away from the lower-left corner.
    macro.pins = {pin: (x + origin[0], y + origin[1]) for pin, (x, y) in macro.pins.items()}
    macro.pins |= dict.fromkeys(shapeless, (macro.width / 2, macro.height / 2))


def _block(words: Words, name: str) -> list[str]:
    """The words up to the next ``END``, which is taken too, with the name that may follow."""
    try:
        end = words.words.index("END", words.at)
    except ValueError:
        raise words.truncated("END") from None
    body = words.words[words.at : end]
    words.at = end + 1
    words.skip(name)
    return body


def _read_pin(words: Words, macro: LefMacro, shapeless: list[str]) -> None:
    """Add a signal pin at the centre of the box around its shapes, or note a power pin."""
    name = words.word("a pin's name")
    points: list[Point] = []
    use = direction = ""
    while True:
        word = words.word(f"END {name}")
        if word == "END":
            if words.skip(name):
                break
        elif word == "USE":
            use = words.statement("USE")[0]
        elif word == "DIRECTION":
            direction = words.statement("DIRECTION")[0]
        elif word in ("RECT", "POLYGON", "PATH"):
            points += _shape(words, word)
    if use in POWER:
        macro.power.add(name)
        return
    if direction == "OUTPUT":
        macro.outputs.add(name)
    if not points:
        shapeless.append(name)
        return
    left, bottom, right, top = bounding_box(points)
    macro.pins[name] = ((left + right) / 2, (bottom + top) / 2)


def _shape(words: Words, word: str) -> list[Point]:
    """Corners of a shape such as ``RECT MASK 1 ITERATE 0 0 2 1 DO 3 BY 1 STEP 10 0``."""
    text = [part for part in words.statement(word) if part not in ("(", ")")]
    if text[:1] == ["MASK"]:
        text = text[2:]
    steps: list[Point] = [(0.0, 0.0)]
    if text[:1] == ["ITERATE"]:
        at = text.index("DO") if "DO" in text else len(text)
        counts, gaps = [*text[at + 1 : at + 4 : 2], "1", "1"], [*text[at + 5 : at + 7], "0", "0"]
        columns, rows = (words.number(part, "a number of shapes") for part in counts[:2])
        across, up = (words.number(part, "a step") for part in gaps[:2])
        steps.append(((columns - 1) * across, (rows - 1) * up))
        text = text[1:at]
    numbers = [words.number(part, "a corner") for part in text]
    if len(numbers) % 2 or len(numbers) < 4:
        expected = "four numbers" if word == "RECT" else "points"
        raise BrokenFileError(words.path, f"a {word} needs {expected}.", words.line)
    corners = list(zip(numbers[::2], numbers[1::2], strict=True))
    return [(x + dx, y + dy) for x, y in corners for dx, dy in steps]


def _pair(words: Words, text: list[str], what: str) -> Point:
    if len(text) < 2:
        raise BrokenFileError(words.path, f"{what} needs two numbers.", words.line)
    return words.number(text[0], what), words.number(text[1], what)

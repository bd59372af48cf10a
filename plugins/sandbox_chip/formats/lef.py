"""LEF libraries as far as macro placement needs them: of every MACRO its CLASS, SIZE and pins."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.text import parse_float
from sandbox_chip.formats.words import Words


@dataclass(slots=True)
class LefMacro:
    """A macro of a library; lengths in µm.

    Attributes:
        block: Whether its class is BLOCK.
        width: Along x in orientation N.
        height: Along y.
        pins: Centre of the box around every pin's rectangles, from the lower-left corner.
    """

    block: bool = False
    width: float = 0.0
    height: float = 0.0
    pins: dict[str, tuple[float, float]] = field(default_factory=dict)


def read_lef(path: Path) -> dict[str, LefMacro]:
    """Macros of a library by name.

    Raises:
        BrokenFileError: With file, line and reason.
    """
    words, macros = Words(path), {}
    for line, word in words:
        if word == "MACRO":
            name = words.word("a macro's name")
            if name in macros:
                raise BrokenFileError(path, f"the macro '{name[:60]}' is defined twice.", line)
            macros[name] = _read_macro(words, name)
        elif word in ("PROPERTYDEFINITIONS", "UNITS"):
            words.skip_past("END", f"END {word}")
            words.word(f"END {word}")
    if not macros:
        raise BrokenFileError(path, "defines no macro.")
    return macros


def _read_macro(words: Words, name: str) -> LefMacro:
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
            macro.pins[pin] = _read_pin(words, pin)
        elif word == "OBS":
            words.skip_past("END", "END")


def _read_pin(words: Words, name: str) -> tuple[float, float]:
    """Centre of the box around a pin's rectangles."""
    xs: list[float] = []
    ys: list[float] = []
    while True:
        word = words.word(f"END {name}")
        if word == "END":
            if words.skip(name):
                break
        elif word == "RECT":
            numbers = [text for text in words.statement("RECT") if text not in ("(", ")", "MASK")]
            if len(numbers) < 4:
                raise BrokenFileError(words.path, "a RECT needs four numbers.", words.line)
            x0, y0, x1, y1 = (parse_float(words.path, words.line, text, "a corner") for text in numbers[-4:])
            xs, ys = [*xs, x0, x1], [*ys, y0, y1]
    if not xs:
        raise BrokenFileError(words.path, f"the pin '{name[:60]}' has no RECT.", words.line)
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2

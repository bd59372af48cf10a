"""The words of a LEF or DEF file, taken one after another."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.text import parse_float, read_text

_QUOTED = re.compile(r'"[^"\n]*"')
_COMMENT = re.compile(r"(?m)(?:^|(?<=\s))#.*$")
_SEPARATORS = re.compile(r"[\s();#]")


class Words:
    """Words of a file; parentheses are words of their own, comments are left out, quoted text is one word.

    The whole file is split at once, which is many times faster than line by line; lines are counted only
    where an error names one.

    Args:
        path: The file.

    Attributes:
        path: The file.
        words: All words.
        at: Index of the next word.

    Raises:
        BrokenFileError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = read_text(path)
        if '"' in text:
            text = _QUOTED.sub(lambda match: _SEPARATORS.sub("_", match.group()), text)
        if "#" in text:
            text = _COMMENT.sub("", text)
        self._text = text
        self.words = text.replace("(", " ( ").replace(")", " ) ").split()
        self.at = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.at >= len(self.words):
            raise StopIteration
        self.at += 1
        return self.words[self.at - 1]

    @cached_property
    def ends(self) -> dict[str, list[int]]:
        """Indices of the words ``END`` by the word that follows, of all but the names of items."""
        ends: dict[str, list[int]] = {}
        at = -1
        while True:
            try:
                at = self.words.index("END", at + 1)
            except ValueError:
                return ends
            if at + 1 < len(self.words) and self.words[at - 1] != "-":
                ends.setdefault(self.words[at + 1], []).append(at)

    @property
    def line(self) -> int:
        """Line of the last word."""
        return self.line_of(max(self.at - 1, 0))

    def line_of(self, at: int) -> int:
        """Line of the word with an index."""
        left = min(at, len(self.words) - 1)
        for line, text in enumerate(self._text.split("\n"), 1):
            left -= len(text.replace("(", " ( ").replace(")", " ) ").split())
            if left < 0:
                return line
        return 1

    def word(self, what: str) -> str:
        """The next word.

        Raises:
            BrokenFileError: If the file ends where ``what`` is expected.
        """
        if self.at >= len(self.words):
            raise self.truncated(what)
        self.at += 1
        return self.words[self.at - 1]

    def skip(self, word: str) -> bool:
        """Take the next word if it is ``word``; whether it was."""
        if self.at < len(self.words) and self.words[self.at] == word:
            self.at += 1
            return True
        return False

    def number(self, text: str, what: str, low: float = -1e15, high: float = 1e15) -> float:
        """A word as a number within bounds.

        Raises:
            BrokenFileError: With the line of the word that was taken last.
        """
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if low <= value <= high:
            return value
        return parse_float(self.path, self.line, text, what, low, high)

    def statement(self, what: str) -> list[str]:
        """The words up to the next ``;``, which is taken too."""
        try:
            end = self.words.index(";", self.at)
        except ValueError:
            raise self.truncated(f"the end of {what}") from None
        begun, self.at = self.at, end + 1
        return self.words[begun:end]

    def end_of(self, section: str) -> int | None:
        """Index of the next ``END section``, None if there is none."""
        return next((at for at in self.ends.get(section, ()) if at >= self.at), None)

    def skip_section(self, section: str) -> bool:
        """Go past the next ``END section``; whether there was one."""
        end = self.end_of(section)
        if end is None:
            return False
        self.at = end + 2
        return True

    def truncated(self, what: str) -> BrokenFileError:
        """The error of a file that ends too early."""
        self.at = len(self.words)
        return BrokenFileError(self.path, f"ends where {what} is expected: it is truncated.", self.line)

    def points(self, words: list[str], what: str, unit: float = 1.0) -> list[tuple[float, float]]:
        """The points ``( x y )`` among some words, over a unit; ``*`` repeats the coordinate before.

        Raises:
            BrokenFileError: For what is no number, or a point without two coordinates.
        """
        points: list[tuple[float, float]] = []
        opened = [index for index, word in enumerate(words) if word == "("]
        for begin, end in pairwise([*opened, len(words)]):
            inside = words[begin + 1 : end]
            inside = inside[: inside.index(")")] if ")" in inside else inside
            if len(inside) < 2:
                raise BrokenFileError(self.path, f"{what} needs points ( x y ).", self.line)
            last = points[-1] if points else (0.0, 0.0)
            x, y = (
                last[axis] if word == "*" else self.number(word, what) / unit
                for axis, word in enumerate(inside[:2])
            )
            points.append((x, y))
        return points

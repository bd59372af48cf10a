"""The words of a LEF or DEF file, taken one after another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.text import parse_float, read_text


class Words:
    """Words with their lines; parentheses are words of their own, and comments are left out.

    Args:
        path: The file.

    Raises:
        BrokenFileError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._items: list[tuple[int, str]] = []
        for line, text in enumerate(read_text(path).split("\n"), 1):
            bare = text.partition("#")[0]
            self._items += [(line, word) for word in bare.replace("(", " ( ").replace(")", " ) ").split()]
        self._next = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if self._next >= len(self._items):
            raise StopIteration
        self._next += 1
        return self._items[self._next - 1]

    @property
    def line(self) -> int:
        """Line of the last word."""
        return self._items[min(max(self._next - 1, 0), len(self._items) - 1)][0] if self._items else 1

    def word(self, what: str) -> str:
        """The next word.

        Raises:
            BrokenFileError: If the file ends where ``what`` is expected.
        """
        for _, word in self:
            return word
        raise BrokenFileError(self.path, f"ends where {what} is expected: it is truncated.", self.line)

    def skip(self, word: str) -> bool:
        """Take the next word if it is ``word``; whether it was."""
        if self._next < len(self._items) and self._items[self._next][1] == word:
            self._next += 1
            return True
        return False

    def skip_past(self, word: str, what: str) -> None:
        """Take all words up to ``word``, and it."""
        while self.word(what) != word:
            pass

    def number(self, what: str) -> float:
        """The next word as a number."""
        return parse_float(self.path, self.line, self.word(what), what)

    def statement(self, what: str) -> list[str]:
        """The words up to the next ``;``, which is taken too."""
        words = []
        while (word := self.word(f"the end of {what}")) != ";":
            words.append(word)
        return words

"""The words of a LEF or DEF file, taken one after another."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox_chip.formats.text import parse_float, text_lines


class Words:
    """Words with their lines; parentheses are words of their own, and comments are left out.

    Args:
        path: The file.

    Raises:
        BrokenFileError: If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = enumerate(text_lines(path), 1)
        self._waiting: deque[tuple[int, str]] = deque()
        self._line = 1
        self._look()

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        if not self._look():
            raise StopIteration
        item = self._waiting.popleft()
        self._line = item[0]
        return item

    @property
    def line(self) -> int:
        """Line of the last word."""
        return self._line

    def _look(self) -> bool:
        """Read on to the next line with a word; whether there is one."""
        while not self._waiting:
            line, text = next(self._lines, (0, None))
            if text is None:
                return False
            bare = text.partition("#")[0].replace("(", " ( ").replace(")", " ) ")
            self._waiting.extend((line, word) for word in bare.split())
        return True

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
        if self._look() and self._waiting[0][1] == word:
            next(self)
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

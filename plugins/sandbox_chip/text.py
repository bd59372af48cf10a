"""Reading text files line by line, with errors that name the line."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path

from sandbox.api import BrokenFileError

LONGEST_LINE = 1_000_000
LARGEST_FILE = 2_000_000_000
"""Characters that a file may unpack to: a few bytes of gzip must not exhaust the memory."""


def read(path: Path) -> str:
    """The text of a file, unpacked where its name ends in ``.gz``.

    Raises:
        BrokenFileError: If there is no such file, or it cannot be read as text.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                data = file.read(LARGEST_FILE + 1)
        else:
            data = path.read_bytes()
        if len(data) > LARGEST_FILE:
            raise BrokenFileError(path, "is too large.")
        return data.decode("utf-8")
    except FileNotFoundError:
        raise BrokenFileError(path, "there is no such file.") from None
    except EOFError:
        raise BrokenFileError(path, "the compressed file ends too early: it is truncated.") from None
    except (OSError, zlib.error) as error:
        raise BrokenFileError(path, f"cannot be read ({error}).") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BrokenFileError(path, "is not a text file.", line) from None


def lines(path: Path, comment: str = "#") -> Iterator[tuple[int, list[str]]]:
    """Number and words of every line that is neither empty nor a comment."""
    for number, line in enumerate(read(path).split("\n"), 1):
        words = (line.partition(comment)[0] if comment in line else line).split()
        if words:
            yield number, words


def number(path: Path, line: int, text: str, what: str, low: float = -1e15, high: float = 1e15) -> float:
    """A finite number within bounds.

    Raises:
        BrokenFileError: Names the file, the line and what the number was to be.
    """
    try:
        value = float(text)
    except ValueError:
        raise BrokenFileError(path, f"{what} must be a number, not '{text[:40]}'.", line) from None
    if not math.isfinite(value) or not low <= value <= high:
        raise BrokenFileError(path, f"{what} must lie within [{low:g}, {high:g}], not {text[:40]}.", line)
    return value


def whole(path: Path, line: int, text: str, what: str, low: int = 0, high: int = 100_000_000) -> int:
    """A whole number within bounds; see `number`."""
    value = number(path, line, text, what, low, high)
    if value != int(value):
        raise BrokenFileError(path, f"{what} must be a whole number, not '{text[:40]}'.", line)
    return int(value)

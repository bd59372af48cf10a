"""Text files: read with errors that name the line, and written whole or not at all."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

from sandbox.api import BrokenFileError

MAX_BYTES = 2_000_000_000
"""Bytes that a file may unpack to: a few bytes of gzip must not exhaust the memory."""


def read_text(path: Path) -> str:
    """The text of a file, unpacked where its name ends in ``.gz``.

    Raises:
        BrokenFileError: If there is no such file, or it cannot be read as text.
    """
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rb") as file:
                data = file.read(MAX_BYTES + 1)
        else:
            data = path.read_bytes()
        if len(data) > MAX_BYTES:
            raise BrokenFileError(path, "is too large.")
        return data.decode("utf-8").removeprefix("\ufeff")  # spreadsheets and some editors put a mark there
    except FileNotFoundError:
        raise BrokenFileError(path, "there is no such file.") from None
    except EOFError:
        raise BrokenFileError(path, "the compressed file ends too early: it is truncated.") from None
    except (OSError, zlib.error) as error:
        raise BrokenFileError(path, f"cannot be read ({error}).") from None
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise BrokenFileError(path, "is not a text file.", line) from None


def lines_of_words(path: Path, heading: str = "") -> Iterator[tuple[int, list[str]]]:
    """Number and words of every line that is neither empty, nor a comment, nor begins with ``heading``."""
    for line, text in enumerate(read_text(path).split("\n"), 1):
        words = (text.partition("#")[0] if "#" in text else text).split()
        if words and words[0] != heading:
            yield line, words


def colons_apart(words: list[str]) -> list[str]:
    """Words with every colon after the first word as a word of its own: ``a O:5 0`` is ``a O : 5 0``."""
    if not any(":" in word and word != ":" for word in words[1:]):
        return words
    return [words[0], *" ".join(words[1:]).replace(":", " : ").split()]


def parse_float(path: Path, line: int, text: str, what: str, low: float = -1e15, high: float = 1e15) -> float:
    """A finite number within bounds.

    Raises:
        BrokenFileError: With the file, the line and ``what`` the number stands for.
    """
    try:
        value = float(text)
    except ValueError:
        raise BrokenFileError(path, f"{what} must be a number, not '{text[:40]}'.", line) from None
    if not math.isfinite(value) or not low <= value <= high:
        raise BrokenFileError(path, f"{what} must lie within [{low:g}, {high:g}], not {text[:40]}.", line)
    return value


def parse_int(path: Path, line: int, text: str, what: str, low: int = 0, high: int = 100_000_000) -> int:
    """A whole number within bounds; see `parse_float`."""
    value = parse_float(path, line, text, what, low, high)
    if value != int(value):
        raise BrokenFileError(path, f"{what} must be a whole number, not '{text[:40]}'.", line)
    return int(value)


def number_text(value: float) -> str:
    """A number that reads back as the same float."""
    return str(int(value)) if value == int(value) else repr(float(value))


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then rename it: a reader never sees half of it.

    Raises:
        BrokenFileError: If it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BrokenFileError(path, f"cannot be written ({error.strerror}).") from None

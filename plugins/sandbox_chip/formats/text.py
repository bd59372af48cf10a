"""Text files: read with errors that name the line, and written whole or not at all."""

from __future__ import annotations

import codecs
import gzip
import math
import os
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from sandbox.api import BrokenFileError
from sandbox.api.files import open_regular

MAX_BYTES = 512 * 2**20
"""Bytes that a file may have, unpacked: twice the largest file of a published design (bigblue4's nets)."""

MAX_LINE = 16 * 2**20
_BLOCK = 2**20


def read_text(path: Path) -> str:
    """The text of a file, unpacked where its name ends in ``.gz``.

    Raises:
        BrokenFileError: If there is no such file, it cannot be read as text, or it is too large.
    """
    return "\n".join(text_lines(path))


def text_lines(path: Path) -> Iterator[str]:
    """The lines of a file, one after the other, unpacked where its name ends in ``.gz``.

    Raises:
        BrokenFileError: As `read_text`.
    """
    size, number, rest = 0, 1, b""
    try:
        with open_regular(path) as plain, _unpacked(plain, path) as file:
            while block := file.read(_BLOCK):
                if size == 0:
                    block = block.removeprefix(codecs.BOM_UTF8)  # spreadsheets and some editors put it there
                size += len(block)
                if size > MAX_BYTES:
                    raise BrokenFileError(path, f"is too large: more than {MAX_BYTES:,} bytes.")
                *lines, rest = (rest + block).split(b"\n")
                if len(rest) > MAX_LINE:
                    raise BrokenFileError(path, f"has a line of more than {MAX_LINE:,} bytes.", number)
                for line in lines:
                    yield line.decode("utf-8")
                    number += 1
        yield rest.decode("utf-8")
    except FileNotFoundError:
        raise BrokenFileError(path, "there is no such file.") from None
    except EOFError:
        raise BrokenFileError(path, "the compressed file ends too early: it is truncated.") from None
    except (OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise BrokenFileError(path, f"cannot be read ({reason}).") from None
    except UnicodeDecodeError:
        raise BrokenFileError(path, "is not a text file.", number) from None


def _unpacked(file: BufferedReader, path: Path) -> BufferedReader | gzip.GzipFile:
    return gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file


def file_within(path: Path, name: str, line: int | None = None) -> Path:
    """The file ``name`` in the folder of ``path``, links followed.

    Raises:
        BrokenFileError: If it leaves that folder, or its links lead in a circle.
    """
    folder = path.parent
    try:
        file = (folder / name).resolve()
        inside = file.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:
        raise BrokenFileError(path, f"'{name[:80]}' is not a path: {error}.", line) from None
    if not inside:
        raise BrokenFileError(path, f"'{name[:80]}' lies outside the folder of {path.name}.", line)
    return file


def lines_of_words(path: Path, heading: str = "") -> Iterator[tuple[int, list[str]]]:
    """Number and words of every line that is neither empty, nor a comment, nor begins with ``heading``."""
    for line, text in enumerate(text_lines(path), 1):
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

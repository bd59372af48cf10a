"""Where output goes: people's text, the one JSON document, and failures."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.cli.failures import Failure

WIDE = 160
"""Columns of text that goes to a file or a pipe, where nothing wraps it."""


class Document(dict[str, Any]):
    """A document of a command that has done its work and found something wrong.

    Attributes:
        exit_code: What the command exits with.
    """

    exit_code = 0


@contextmanager
def stdout_for_documents(as_json: bool) -> Iterator[IO[str]]:
    """Standard output, kept for one document: all else that is printed goes to standard error.

    Simulators print from C, and worker processes inherit descriptors, so the descriptor itself is
    moved, not only ``sys.stdout``.
    """
    if not as_json:
        yield sys.stdout
        return
    original = sys.stdout
    try:
        sys.stdout.flush()
        kept, target = os.dup(original.fileno()), sys.stderr.fileno()
    except (OSError, ValueError, io.UnsupportedOperation):  # captured by a test or an embedding program
        with redirect_stdout(sys.stderr):
            yield original
        return
    number = original.fileno()
    os.dup2(target, number)
    stream = os.fdopen(kept, "w", encoding="utf-8")
    try:
        yield stream
    finally:
        original.flush()
        os.dup2(kept, number)
        with suppress(OSError):  # what could not be written has been reported when it was
            stream.close()


def print_document(document: Mapping[str, Any], stream: IO[str]) -> None:
    """Write strict JSON: no NaN, no infinity (both become null), nothing but plain types."""
    from sandbox.records.base import strict

    plain = strict(document)
    try:
        stream.write(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except UnicodeEncodeError:  # a terminal or file that is not UTF-8
        stream.write(json.dumps(plain, indent=2, allow_nan=False) + "\n")
    stream.flush()


def print_failure(failure: Failure) -> None:
    """The sentence and its hint, on standard error."""
    from rich.text import Text

    console = stderr()
    if failure.kind == "interrupted":
        if console.is_terminal:
            console.file.write("\r\x1b[K")  # over the ^C that the terminal has echoed
        console.print(Text(failure.message, style="yellow"), soft_wrap=True)
        return
    console.print(Text.assemble(("Error: ", "bold red"), failure.message), soft_wrap=not console.is_terminal)
    if failure.hint:
        console.print(Text(failure.hint, style="dim"), soft_wrap=not console.is_terminal)


def stdout() -> Console:
    """A console on the present standard output, wide where nobody sees it."""
    return _console(sys.stdout)


def stderr() -> Console:
    """A console on the present standard error."""
    return _console(sys.stderr)


def printable(text: str) -> str:
    """``text`` without control characters but line breaks: titles come from files and must not steer the
    terminal.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)


def _console(stream: IO[str]) -> Console:
    from rich.console import Console

    class _Console(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # main() ends quietly; rich would exit with 1

        def print(self, *objects: Any, **options: Any) -> None:
            super().print(
                *(printable(item) if isinstance(item, str) else item for item in objects), **options
            )

    terminal = bool(getattr(stream, "isatty", bool)())
    width = None if terminal or os.environ.get("COLUMNS", "").isdigit() else WIDE
    return _Console(file=stream, highlight=False, emoji=False, markup=False, width=width)

"""Any exception as the sentence, the hint and the exit code that the user gets."""

from __future__ import annotations

import errno
import traceback
from dataclasses import dataclass
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import Any

import typer

from sandbox.api.errors import SandboxError

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""Base of what the parser raises; Typer carries its own copy of Click, whose modules are private."""

_STORAGE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk reports an input/output error",
    errno.EFBIG: "the file would become too large",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
}


class CommandInterruptedError(Exception):
    """Ctrl-C, possibly with a word on what was kept."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, for people and, as a document, for programs."""

    kind: str
    message: str
    hint: str
    exit_code: int

    def document(self) -> dict[str, str]:
        """The value of ``error`` in the JSON document."""
        return {"kind": self.kind, "message": self.message, "hint": self.hint}


def explain(error: BaseException) -> Failure:
    """What to tell of an exception that ended a command."""
    if isinstance(error, SandboxError):
        return Failure(error.kind, error.message, error.hint, error.exit_code)
    if isinstance(error, UsageError):
        return _usage(error)
    if isinstance(error, CommandInterruptedError | KeyboardInterrupt | typer.Abort):
        return Failure("interrupted", str(error) or "Interrupted.", "", 130)
    if isinstance(error, OSError) and error.errno in _STORAGE:
        where = error.filename or "Cannot write"
        return Failure("storage", f"{where}: {_STORAGE[error.errno]}.", "See sandbox doctor.", 1)
    if isinstance(error, MemoryError):
        return Failure("run-failed", "The memory is used up.", "Try fewer environments: --num-envs.", 1)
    return Failure(
        "internal",
        f"Unexpected {type(error).__name__}{_place(error)}: {_first_line(error)}",
        "This is a bug in sandbox or in a plugin; SANDBOX_DEBUG=1 shows the traceback.",
        1,
    )


def _usage(error: Any) -> Failure:
    """A mistake on the command line, with the nearest thing that would have been right."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "sandbox"
    hint = f"See {command} --help."
    given = getattr(error, "option_name", "")
    near = [name for name in getattr(error, "possibilities", None) or () if _alike(name, given)]
    # Typer appends its own suggestions to the message of an unknown option.
    message = str(error.message) if given and error.message else error.format_message()
    name = message.partition("'")[2].partition("'")[0]
    if message.startswith("No such command"):
        commands = sorted(getattr(context.command, "commands", {})) if context is not None else []
        near = get_close_matches(name, commands, n=3, cutoff=0.5)
        hint = f"Commands: {', '.join(commands)}."
        return Failure("unknown-name", f"Unknown command '{name}'.", _did_you_mean(near) or hint, 2)
    if message.startswith("No such option"):
        option = message.partition(":")[2].strip()
        return Failure("usage", f"Unknown option '{option}'.", _did_you_mean(near) or hint, 2)
    kind = "usage"
    if message.startswith("Invalid value"):
        kind = "invalid-value"
    return Failure(kind, message if message.endswith((".", "?")) else f"{message}.", hint, 2)


def _alike(first: str, second: str) -> bool:
    return SequenceMatcher(None, first, second).ratio() >= 0.7


def _did_you_mean(names: list[str]) -> str:
    return f"Did you mean {' or '.join(sorted(names))}?" if names else ""


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no reason is given"


def _place(error: BaseException) -> str:
    """Where in the code it was raised; enough to tell a plugin's bug from ours."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    path = Path(frames[-1].filename)
    return f" ({path.parent.name}/{path.name}, line {frames[-1].lineno})"

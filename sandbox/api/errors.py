"""Errors for the person who made the mistake: what was given, what is allowed, how to fix it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher, get_close_matches
from typing import Any

_LONGEST_NAME = 80


class SandboxError(Exception):
    """A failure that is explained in a sentence and never shown as a traceback.

    Args:
        message: What went wrong and where, one sentence.
        hint: What to do about it; may be empty.

    Attributes:
        kind: Stable machine-readable name, the ``kind`` of the JSON error document.
        exit_code: What the command line exits with: 1 a run failed, 2 an impossible request.
    """

    kind = "error"
    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        # What is quoted may come from a file: no line breaks, no control sequences for the terminal.
        self.message = _printable(message)
        self.hint = _printable(hint)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, tuple[Any, str, str]]:
        # Worker processes send their errors to the parent by pickle; the default would drop the hint
        # and, for subclasses with another signature, fail to rebuild.
        return (_rebuild, (type(self), self.message, self.hint))


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _rebuild(cls: type[SandboxError], message: str, hint: str) -> SandboxError:
    error = cls.__new__(cls)
    SandboxError.__init__(error, message, hint)
    return error


MAX_LISTED = 60
"""Known names that a message lists."""


class UnknownNameError(SandboxError):
    """A name that nothing answers to; the message offers the nearest known ones."""

    kind = "unknown-name"

    def __init__(self, what: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = nearest(name, known)
        if not hint:
            if near:
                hint = f"Did you mean {' or '.join(near)}?"
            elif known:
                hint = f"Known: {_some(name, known)}."
            else:
                hint = f"No {what} is available."
        shown = name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
        super().__init__(f"Unknown {what} '{shown}'.", hint)


def _some(name: str, known: list[str]) -> str:
    """Known names; of many those of the same domain, else the first, and how many more there are."""
    if len(known) <= MAX_LISTED:
        return ", ".join(known)
    domain = name.partition("/")[0] + "/"
    alike = [other for other in known if other.startswith(domain)]
    shown = alike if 0 < len(alike) <= MAX_LISTED else known[:MAX_LISTED]
    return f"{', '.join(shown)} and {len(known) - len(shown)} more"


def nearest(name: str, known: Sequence[str]) -> list[str]:
    """Names that may have been meant: the most similar one and those nearly as similar."""
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    likeness = [SequenceMatcher(None, other, name).ratio() for other in near]
    return [other for other, like in zip(near, likeness, strict=True) if like > likeness[0] - 0.15]


class InvalidValueError(SandboxError):
    """A value of the wrong type or outside its range."""

    kind = "invalid-value"


class MisfitError(SandboxError):
    """An algorithm, policy or dataset that does not fit the task it was asked to work on."""

    kind = "misfit"


class MissingExtraError(SandboxError):
    """An optional dependency that is not installed; the hint is the command that installs it."""

    kind = "missing-extra"

    def __init__(self, what: str, modules: Iterable[str], extra: str | None) -> None:
        missing = list(modules)
        listed, are = ", ".join(missing), "is" if len(missing) == 1 else "are"
        command = f'pip install "sandbox-rl[{extra}]"' if extra else f"pip install {listed}"
        super().__init__(f"{what} needs {listed}, which {are} not installed.", command)


class BrokenFileError(SandboxError):
    """A file that cannot be read as what it should be.

    Args:
        path: The file.
        reason: What is wrong with it.
        line: 1-based line, where one is known.
        hint: What to do about it.
    """

    kind = "broken-file"

    def __init__(self, path: object, reason: str, line: int | None = None, hint: str = "") -> None:
        where = f"{path}, line {line}" if line is not None else f"{path}"
        super().__init__(f"{where}: {reason}", hint)


class PluginError(SandboxError):
    """A plugin that cannot be loaded or breaks the contract."""

    kind = "plugin"


class DamagedRunError(SandboxError):
    """A run directory that is incomplete, damaged or made by another version."""

    kind = "damaged-run"


class RunBusyError(SandboxError):
    """A run directory that another process is writing."""

    kind = "run-busy"


class RunFailedError(SandboxError):
    """Training or evaluation started and then failed."""

    kind = "run-failed"
    exit_code = 1


class StorageError(SandboxError):
    """The run directory cannot be written: full disk, no permission, input/output error."""

    kind = "storage"
    exit_code = 1

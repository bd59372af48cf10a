"""What a domain adds to the command line: commands of its own, and what its input files hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a domain: ``sandbox <domain> <name>``.

    Args:
        name: Unique in its domain.
        run: A function with Typer's annotations, or a ``"module:function"`` string, resolved when the
            domain's commands are asked for. It prints for people and returns None, or returns the document
            that its own ``--json`` asked for.
        description: One line of what it does.
    """

    name: str
    run: str | Callable[..., dict[str, Any] | None]
    description: str


@dataclass(frozen=True, slots=True)
class InputPart:
    """One kind of thing in an input file, for the table of ``sandbox info``.

    Args:
        file: Name of the file.
        item: What it is, in the format's own word where it has one.
        count: How many the file holds.
        used: How many of them take part.
        reason: Why the others are left out, or what the used ones do.
    """

    file: str
    item: str
    count: int
    used: int
    reason: str = ""

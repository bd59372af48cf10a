"""Paths as scenario files and options give them."""

from __future__ import annotations

from pathlib import Path

from sandbox.api.errors import InvalidValueError
from sandbox.scenarios.overrides import (
    shorten,
)


def absolute_path(folder: Path, text: str, what: str, resolve_links: bool = True) -> Path:
    """A path that starts in ``folder`` where it is relative.

    Raises:
        InvalidValueError: If it cannot be a path: a null character, an unknown user, a circle of links.
    """
    try:
        if "\0" in text:
            raise ValueError("it holds a null character")
        path = Path(text).expanduser()
        return (folder / path).resolve() if resolve_links else path
    except (RuntimeError, ValueError, OSError) as error:
        raise InvalidValueError(f"{what}: '{shorten(text)}' is not a path: {error}.") from None

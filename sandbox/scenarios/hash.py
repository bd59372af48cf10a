"""The content hash of a scenario: its parameters, the task's version and the input files."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.api.errors import BrokenFileError

if TYPE_CHECKING:
    from pydantic import BaseModel


def has_scheme(value: str) -> bool:
    head, colon, _ = value.partition(":")
    return bool(colon) and len(head) > 1 and "/" not in head and not Path(value).exists()


def input_fields(model: type[BaseModel]) -> dict[str, bool]:
    """Fields of a config that name input files, and whether each may name several."""
    from sandbox.api.scenario import InputFile

    fields: dict[str, bool] = {}
    for name, info in model.model_fields.items():
        for extra in info.metadata:
            if isinstance(extra, InputFile) or extra is InputFile:
                fields[name] = isinstance(extra, InputFile) and extra.many
    return fields


def located(value: Any, many: bool, locate: Callable[[str], Path]) -> Any:
    """The value of an input file's field with ``locate`` applied to its paths, but not to what has a scheme.

    Args:
        value: As it was given.
        many: Whether the field may name several files, as a list or separated by commas.
        locate: Makes a path absolute.
    """
    if many and isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        value = ",".join(value)
    if not isinstance(value, str) or not value:
        return value
    parts = value.split(",") if many else [value]
    return ",".join(part if has_scheme(part) else str(locate(part.strip())) for part in parts)


def input_digest(config: BaseModel, name: str, many: bool = False) -> str | None:
    """Content of an input file as SHA-256; for a value with a scheme, the value itself.

    For a field that may name several files, the digests are separated by commas.
    """
    value = getattr(config, name)
    if not value or not isinstance(value, str):
        return None
    return ",".join(_digest(part) for part in (value.split(",") if many else [value]))


def _digest(value: str) -> str:
    path = Path(value)
    if has_scheme(value):
        return value
    try:
        if not path.is_file():  # a device or a pipe has no end
            reason = "is not a regular file" if path.exists() else "cannot be read: No such file or directory"
            raise BrokenFileError(path, reason)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error

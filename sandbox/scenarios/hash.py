"""The content hash of a scenario: its parameters, the task's version and the input files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.api.errors import BrokenFileError

if TYPE_CHECKING:
    from pydantic import BaseModel


def has_scheme(value: str) -> bool:
    head, colon, _ = value.partition(":")
    return bool(colon) and len(head) > 1 and "/" not in head and not Path(value).exists()


def input_fields(model: type[BaseModel]) -> list[str]:
    from sandbox.api.scenario import InputFile

    return [
        name
        for name, info in model.model_fields.items()
        if any(isinstance(extra, InputFile) or extra is InputFile for extra in info.metadata)
    ]


def input_digest(config: BaseModel, name: str) -> str | list[str | None] | None:
    """Content of an input file as SHA-256, of each where a field names several.

    For a value with a scheme it is the value itself.
    """
    value = getattr(config, name)
    if isinstance(value, list | tuple):
        return [_digest(part) for part in value]
    return _digest(value)


def _digest(value: object) -> str | None:
    if not value or not isinstance(value, str):
        return None
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

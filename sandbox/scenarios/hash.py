"""The content hash of a scenario: its parameters, the task's version and the input files."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.api.errors import BrokenFileError
from sandbox.api.files import open_regular

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


def input_digest(config: BaseModel, name: str) -> str | None:
    """Content of an input file as SHA-256; for a value with a scheme, the value itself."""
    value = getattr(config, name)
    if not value or not isinstance(value, str):
        return None
    path = Path(value)
    if has_scheme(value):
        return value
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error

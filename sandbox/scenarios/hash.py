"""The content hash of a scenario: its parameters, the task's version and the input files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.api.errors import BrokenFileError
from sandbox.registry.resolve import resolve

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
    """Content of an input file as SHA-256; for a value with a scheme, the value itself; None for a folder."""
    from sandbox.api.scenario import InputFile

    value = getattr(config, name)
    if not value or not isinstance(value, str):
        return None
    path = Path(value)
    if has_scheme(value):
        return value
    marks = [extra for extra in type(config).model_fields[name].metadata if isinstance(extra, InputFile)]
    if marks and marks[0].folder:
        return None
    if marks and marks[0].members:
        return _digest_of_members(path, resolve(marks[0].members)(config))
    return _file_digest(path)


def _digest_of_members(main: Path, members: Iterable[Path]) -> str:
    """One sum over the contents of several files and their places relative to the main one."""
    total = hashlib.sha256()
    for member in sorted(members):
        place = os.path.relpath(member, main.parent)
        total.update(f"{place}\0{_file_digest(member)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _file_digest(path: Path) -> str:
    try:
        if not path.is_file():  # a device or a pipe has no end
            reason = "is not a regular file" if path.exists() else "cannot be read: No such file or directory"
            raise BrokenFileError(path, reason)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error

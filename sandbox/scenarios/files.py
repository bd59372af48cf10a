"""Input files that the fields of a config name: their paths and their digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

from sandbox.api.errors import BrokenFileError
from sandbox.api.files import open_regular
from sandbox.registry.resolve import resolve

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sandbox.api.scenario import InputFile

Digest = str | list[str | None] | None
"""Of a field's content; a list where the field is one."""


def has_scheme(value: str) -> bool:
    """Whether a path parameter names something that its plugin finds, not a file."""
    head, colon, _ = value.partition(":")
    return bool(colon) and len(head) > 1 and "/" not in head and not Path(value).exists()


def input_fields(model: type[BaseModel]) -> dict[str, InputFile]:
    """Fields of a config that name input files, with their marks."""
    from sandbox.api.scenario import InputFile

    fields: dict[str, InputFile] = {}
    for name, info in model.model_fields.items():
        for extra in info.metadata:
            if isinstance(extra, InputFile):
                fields[name] = extra
            elif extra is InputFile:
                fields[name] = InputFile()
    return fields


def several_files(model: type[BaseModel]) -> set[str]:
    """Fields of a config that name any number of input files, alone and behind ``config.``."""
    names = {name for name in input_fields(model) if get_origin(model.model_fields[name].annotation) is tuple}
    return names | {f"config.{name}" for name in names}


def located(value: Any, mark: InputFile, locate: Callable[[str], Path]) -> Any:
    """The value of an input file's field with ``locate`` applied to its paths, but not to what has a scheme.

    Args:
        value: As it was given: a path, or several as a list or, if the mark says so, separated by commas.
        mark: Of the field.
        locate: Makes a path absolute.
    """
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        parts = [_located(part, locate) for part in value]
        return ",".join(parts) if mark.many else parts
    if not isinstance(value, str):
        return value
    if mark.many:
        return ",".join(_located(part, locate) for part in value.split(","))
    return _located(value, locate)


def named_files(value: Any, mark: InputFile) -> list[str]:
    """The files that the value of an input field names; not what has a scheme."""
    values = value if isinstance(value, list | tuple) else [value]
    if mark.many:
        values = [part for text in values if isinstance(text, str) for part in text.split(",")]
    return [text for text in values if isinstance(text, str) and text and not has_scheme(text)]


def input_digest(config: BaseModel, name: str, mark: InputFile) -> Digest:
    """Content of an input file as SHA-256; for a value with a scheme, the value itself; None for a folder.

    For a field that names several files, the digests in a list, or separated by commas as the files are.
    """
    value = getattr(config, name)
    if not value or mark.folder:
        return None
    if mark.members and isinstance(value, str) and not has_scheme(value):
        return _digest_of_members(Path(value), resolve(mark.members)(config))
    if isinstance(value, list | tuple):
        return [_digest(part) for part in value]
    if mark.many and isinstance(value, str):
        return ",".join(_digest(part) or "" for part in value.split(","))
    return _digest(value)


def _located(value: str, locate: Callable[[str], Path]) -> str:
    path = value.strip()
    return str(locate(path)) if path and not has_scheme(path) else value


def _digest_of_members(main: Path, members: Iterable[Path]) -> str:
    """One sum over the contents of several files and their places relative to the main one."""
    total = hashlib.sha256()
    for member in sorted(members):
        place = os.path.relpath(member, main.parent)
        total.update(f"{place}\0{_file_digest(member)}\n".encode("utf-8", "surrogateescape"))
    return total.hexdigest()


def _digest(value: object) -> str | None:
    if not value or not isinstance(value, str):
        return None
    return value if has_scheme(value) else _file_digest(Path(value))


def _file_digest(path: Path) -> str:
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BrokenFileError(path, f"cannot be read: {error.strerror}") from error

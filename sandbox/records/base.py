"""The base of all documents: strict JSON, checked types, one way to read and one to write.

A document may come from a stranger, so it is validated before any of it is used: numbers are finite,
integers fit 64 bits, text is valid Unicode, and every entry has its declared type.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from stat import S_ISREG
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import from_json

from sandbox.api.errors import DamagedRunError

MAX_BYTES = 256 * 2**20
"""A larger document is not read."""

_LIMIT = 2**63
_LARGEST = 1e300


def strict(value: Any) -> Any:
    """``value`` as strict JSON can hold it.

    NaN and infinities become null, NumPy scalars plain numbers, paths text; half of a surrogate pair, as
    a file name that is not UTF-8 has, becomes a question mark.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {strict(str(key)): strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict(item) for item in value]
    if isinstance(value, Path):
        return strict(str(value))
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def finite(value: Any) -> Any:
    """A number that is not finite, or so large that a sum of some is not, as null; a NumPy scalar as a
    plain one.
    """
    if hasattr(value, "item") and getattr(value, "ndim", 1) == 0:
        value = value.item()
    return None if isinstance(value, float) and not -_LARGEST <= value <= _LARGEST else value


def bounded(value: Any) -> Any:
    """Free-form content as strict JSON, its integers within 64 bits.

    Raises:
        ValueError: For an integer that is larger.
    """
    if isinstance(value, Mapping):
        return {strict(str(key)): bounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [bounded(item) for item in value]
    plain = strict(value)
    if isinstance(plain, int) and not -_LIMIT <= plain < _LIMIT:
        raise ValueError("an integer does not fit 64 bits")
    return plain


Text = Annotated[str, BeforeValidator(lambda value: strict(value) if isinstance(value, str) else value)]
Whole = Annotated[int, Field(strict=True, ge=-_LIMIT, lt=_LIMIT)]
Count = Annotated[int, Field(strict=True, ge=0, lt=_LIMIT)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-_LARGEST, le=_LARGEST)]
Figure = Annotated[Number | None, BeforeValidator(finite)]
"""A measured number; null where it was not finite when it was written."""

Interval = tuple[Figure, Figure]
"""Lower and upper end."""

Plain = Annotated[dict[str, JsonValue], BeforeValidator(bounded)]
"""Free-form content: hyperparameters, a task's parameters."""


class Record(BaseModel):
    """A document, or a part of one. Undeclared entries, which another version may write, are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True, defer_build=True)
    readable: ClassVar[tuple[int, ...]] = ()
    """Formats that are read, where the document states its format."""

    @classmethod
    def parse(cls, content: bytes, file: Path) -> Self:
        """The document that a file holds.

        Raises:
            DamagedRunError: Names the file, the entry and what is wrong with it.
        """
        return cls.check(parse_json(content, file), file)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read and check a document.

        Raises:
            DamagedRunError: As `parse`, and for a file that cannot be read.
        """
        return cls.parse(read_bytes(file), file)

    @classmethod
    def check(cls, document: Any, file: Path) -> Self:
        """A parsed document as this model.

        Raises:
            DamagedRunError: Names the file, the entry and what is wrong with it.
        """
        version = document.get("format") if cls.readable and isinstance(document, dict) else None
        if isinstance(version, int) and version not in cls.readable:
            formats = " or ".join(map(str, cls.readable))
            raise DamagedRunError(
                f"{file} has format {str(version)[:20]}, this version reads format {formats}."
            )
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise DamagedRunError(f"{file} is damaged: {complaint(error)}.") from error

    def changed(self, **entries: object) -> Self:
        """A copy in which some entries are others, checked like the original.

        Raises:
            ValidationError: If an entry is not of its type.
        """
        return type(self).model_validate({**self._entries(), **entries})

    def without(self, name: str) -> Self:
        """A copy in which an entry is not set."""
        return type(self).model_validate({key: item for key, item in self._entries().items() if key != name})

    def to_json(self) -> dict[str, Any]:
        """The entries that are set, as strict JSON holds them."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def encode(self, indent: int | None = None) -> bytes:
        """The document as the content of a file."""
        return encode_json(self.to_json(), indent)

    def _entries(self) -> dict[str, Any]:
        declared = [name for name in type(self).model_fields if name in self.model_fields_set]
        return {name: getattr(self, name) for name in (*declared, *(self.model_extra or ()))}


class OpenRecord(Record):
    """A document whose undeclared entries are kept, so that another version's are not lost."""

    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, defer_build=True)
    __pydantic_extra__: dict[str, Annotated[JsonValue, BeforeValidator(bounded)]]


def read_bytes(file: Path) -> bytes:
    """Content of a regular file that is not too large.

    Raises:
        DamagedRunError: If it cannot be read, is no regular file, or is larger than `MAX_BYTES`.
    """
    try:
        status = file.stat()
        if not S_ISREG(status.st_mode):
            raise DamagedRunError(f"{file} cannot be read: it is not a regular file.")
        if status.st_size > MAX_BYTES:
            raise DamagedRunError(f"{file} cannot be read: it is larger than {MAX_BYTES // 2**20} MiB.")
        return file.read_bytes()
    except OSError as error:
        raise DamagedRunError(f"{file} cannot be read: {error.strerror or error}.") from error


def parse_json(content: bytes, file: Path) -> Any:
    """Strict JSON: no NaN, no half surrogate pairs, no endless nesting.

    Raises:
        DamagedRunError: If it is not that.
    """
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise DamagedRunError(f"{file} cannot be read: {error}.") from error


def encode_json(document: Mapping[str, Any], indent: int | None = None) -> bytes:
    """A document of plain values as a line (or indented lines) of JSON in UTF-8."""
    return json.dumps(document, indent=indent, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def complaint(error: ValidationError) -> str:
    """The first error of a validation: the entry and what is wrong with it."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    if first["type"] == "missing":
        return f"'{place}' is missing"
    reason = first["msg"].removeprefix("Value error, ")
    return f"'{place}': {reason[0].lower()}{reason[1:]}" if place else reason

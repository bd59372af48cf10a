"""Columns of numbers in a replay file: lists with six significant digits, or packed integers.

A packed column is ``{"type": "int16", "scale": s, "shift": b, "data": "…"}``: ``data`` is the base64
text of little-endian integers n that stand for ``b + s·n``; the type's lowest integer stands for no
value. Integers are packed exactly, other numbers to 1/65,000 of the column's range.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, PlainValidator

Floats = NDArray[np.float64]

_BITS = {"int8": 8, "int16": 16, "int32": 32}
_STEPS = 65_000
"""Steps that the range of a column of real numbers is divided into."""


class Packed(BaseModel):
    """The stored form of a packed column."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["int8", "int16", "int32"]
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    shift: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    data: str


def read_column(value: object) -> Floats:
    """A column as an array of shape ``(n,)``, NaN where there is no value.

    Args:
        value: A list of numbers and None, a one-dimensional array, or a packed column.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(value, dict | Packed):
        return _unpack(Packed.model_validate(value))
    if isinstance(value, np.ndarray):
        if value.ndim != 1 or value.dtype.kind not in "biuf":
            raise ValueError(
                f"an array of shape {value.shape} and type {value.dtype} is no column of numbers"
            )
        numbers = value.astype(np.float64)
    elif isinstance(value, list | tuple):
        numbers = _numbers(value)
    else:
        raise ValueError("a list of numbers, or a packed column, was expected")
    numbers[~np.isfinite(numbers)] = np.nan
    return numbers


def _numbers(values: Sequence[object]) -> Floats:
    for value in values:
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float | np.number)):
            raise ValueError(f"{str(value)[:40]!r} is no number")
    try:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    except OverflowError as error:
        raise ValueError("a number is too large") from error


def write_list(column: Floats) -> list[float | int | None]:
    """A column as JSON numbers with six significant digits, whole ones without a point."""
    return [None if np.isnan(value) else short(value) for value in column.tolist()]


def short(value: float) -> float | int:
    """A number with six significant digits, a whole one without a point."""
    number = float(f"{value:.6g}")
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def write_packed(column: Floats) -> list[float | int | None] | dict[str, object]:
    """A column in its packed form; as a list where it is short or too wide."""
    known = column[~np.isnan(column)]
    if len(column) < 8 or not len(known):
        return write_list(column)
    low, high = float(known.min()), float(known.max())
    scale, shift = 1.0, 0.0
    if not np.array_equal(known, np.rint(known)) or max(-low, high) >= 2**31:
        shift = (high + low) / 2
        scale = (high - low) / _STEPS or 1.0
    steps = np.rint((column - shift) / scale)
    size = np.nanmax(np.abs(steps))
    name = next(name for name, bits in _BITS.items() if size < 2 ** (bits - 1))
    lowest = -(2 ** (_BITS[name] - 1))
    data = np.where(np.isnan(steps), lowest, steps).astype(f"<i{_BITS[name] // 8}")
    document: dict[str, object] = {"type": name, "data": base64.b64encode(data.tobytes()).decode("ascii")}
    if scale != 1.0 or shift:
        document |= {"scale": scale, "shift": shift}
    return document


def _unpack(packed: Packed) -> Floats:
    bits = _BITS[packed.type]
    try:
        raw = base64.b64decode(packed.data, validate=True)
        steps = np.frombuffer(raw, f"<i{bits // 8}")
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the data of a packed column cannot be read: {error}") from error
    with np.errstate(over="ignore"):
        values = packed.shift + packed.scale * steps.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("the numbers of a packed column are too large")
    values[steps == -(2 ** (bits - 1))] = np.nan
    return values


Column = Annotated[Floats, PlainValidator(read_column), PlainSerializer(write_list)]
"""A column that is stored as a list: read by people, and exact to six digits."""

PackedColumn = Annotated[Floats, PlainValidator(read_column), PlainSerializer(write_packed)]
"""A column that is stored packed: long ones, such as the places of things that move."""

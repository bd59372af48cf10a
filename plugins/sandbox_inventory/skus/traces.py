"""Reads demand traces of many items from CSV or Parquet.

A file has three columns: ``period`` (a whole number from 0, a date, a week 2024-W05 or a month 2024-05),
``sku`` and ``demand``. An item has no demand in periods for which it has no row. CSV may be separated by
commas, semicolons or tabs, begin with a byte order mark, and have decimal commas where commas do not
separate; a file with both decimal commas and points is refused, since a point may then separate thousands.
The first bad row is reported with its line.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api import BrokenFileError
from sandbox.api.files import open_regular, read_regular
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.skus.periods import Period, Step, numbered, read_period

COLUMNS = ("period", "sku", "demand")
SEPARATORS = (",", ";", "\t")
MARK = "sep="
"""How a spreadsheet may begin the line before the header, which tells it the separator."""

MAX_ENTRIES = 20_000_000
"""Most entries of the table of periods × items."""

BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}

MAX_BYTES = 512 * 2**20
"""Bytes that a file may have."""

MAX_ROWS = 5_000_000
"""Most rows of a file: the table that they fill has gaps in most uses. They take up to 1 GB of memory."""

_BATCH = 65_536


@dataclass(frozen=True)
class Row:
    """A row of the file; the header is line 1."""

    line: int
    period: Period
    sku: str
    demand: float


@dataclass(frozen=True)
class Traces:
    """Demand of many items.

    Attributes:
        demand: Shape ``(periods, items)``, units.
        names: Of the items, sorted.
        step: What a period is.
    """

    demand: Array
    names: list[str]
    step: Step


def read_traces(path: Path, step: Step | None = None) -> Traces:
    """The traces of a file.

    Args:
        path: A CSV or Parquet file.
        step: What a period is; inferred from the file if None.

    Raises:
        BrokenFileError: With the line (1 is the header) and the reason of the first bad row, or the reason
            why the file cannot be read.
    """
    rows = list(_parquet(path) if path.suffix == ".parquet" else _csv(path))
    if not rows:
        raise BrokenFileError(path, "holds no demand")
    names = sorted({row.sku for row in rows})
    periods, known = numbered(path, [(row.line, row.period) for row in rows], step)
    first, last = min(periods), max(periods)
    if (last - first + 1) * len(names) > MAX_ENTRIES:
        raise BrokenFileError(path, f"spans {last - first + 1:,} periods of {len(names):,} items: too many")
    column = {name: index for index, name in enumerate(names)}
    demand = np.zeros((last - first + 1, len(names)))
    for row, period in zip(rows, periods, strict=True):
        demand[period - first, column[row.sku]] += row.demand
    return Traces(demand, names, known)


def _csv(path: Path) -> Iterator[Row]:
    try:
        content = read_regular(path, MAX_BYTES)
        text = content.decode(BYTE_ORDER_MARKS.get(content[:2], "utf-8-sig"))
        lines = text.split("\n", 2)
        marked = len(lines) > 1 and lines[0].lower().startswith(MARK)
        separator = _separator(path, lines[1 if marked else 0])
        reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
        if marked:
            next(reader)
        header = _header(next(reader, []))
        places = [header.index(name) for name in COLUMNS]
        marks: dict[str, int] = {}
        for number, row in enumerate(reader):
            if number >= MAX_ROWS:
                raise BrokenFileError(path, f"has more than {MAX_ROWS:,} rows")
            if not any(field.strip() for field in row):
                continue
            if len(row) != len(header):
                raise BrokenFileError(
                    path, f"has {len(row)} fields instead of {len(header)}", reader.line_num
                )
            period, sku, demand = (row[place] for place in places)
            if separator != ",":
                demand = _decimal_point(path, reader.line_num, demand, marks)
            yield _row(path, reader.line_num, period, sku, demand)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BrokenFileError(
            path, "has a character that is not in UTF-8", line, "Save the file as CSV in UTF-8."
        ) from error
    except (OSError, csv.Error) as error:
        raise BrokenFileError(path, f"cannot be read as CSV: {error}") from error


def _decimal_point(path: Path, line: int, demand: str, marks: dict[str, int]) -> str:
    """A number with a decimal point.

    Args:
        path: The file, for messages.
        line: The row's line.
        demand: A number with a point, a comma, or neither.
        marks: Line of the first number with each; changed in place.

    Raises:
        BrokenFileError: If the file has both.
    """
    for mark in ",.":
        if mark in demand:
            marks.setdefault(mark, line)
    if len(marks) == 2:
        raise BrokenFileError(
            path,
            f"has demand '{demand[:40]}' where line {min(marks.values())} has the other of decimal comma and "
            "point",
            line,
            "Write all numbers alike, without separators of thousands.",
        )
    return demand.replace(",", ".")


def _separator(path: Path, header: str) -> str:
    """The separator by which the header has all columns.

    Raises:
        BrokenFileError: If there is none.
    """
    for separator in SEPARATORS:
        if set(COLUMNS) <= set(_header(header.split(separator))):
            return separator
    best = max(SEPARATORS, key=header.count)
    names = _header(header.split(best))
    missing = next(name for name in COLUMNS if name not in names)
    raise BrokenFileError(
        path,
        f"has no column '{missing}'",
        1,
        f"Columns: {', '.join(COLUMNS)}; separated by commas, semicolons or tabs.",
    )


def _header(fields: list[str]) -> list[str]:
    return [name.strip().strip('"').strip().lower() for name in fields]


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 2
    try:
        with open_regular(path) as stream:
            file = pq.ParquetFile(stream)
            names = file.schema_arrow.names
            for name in COLUMNS:
                if name not in names:
                    raise BrokenFileError(
                        path, f"has no column '{name}'", None, f"Columns: {', '.join(COLUMNS)}."
                    )
            if file.metadata.num_rows > MAX_ROWS:
                raise BrokenFileError(path, f"has {file.metadata.num_rows:,} rows, more than {MAX_ROWS:,}")
            for batch in file.iter_batches(_BATCH, columns=list(COLUMNS)):
                for values in zip(*(batch.column(name).to_pylist() for name in COLUMNS), strict=True):
                    yield _row(path, number, *values)
                    number += 1
    except (OSError, pa.ArrowException) as error:
        raise BrokenFileError(path, f"cannot be read as Parquet: {error}") from error


def _row(path: Path, line: int, period: Any, sku: Any, demand: Any) -> Row:
    name = str(sku).strip() if sku is not None else ""
    if not name:
        raise BrokenFileError(path, "has no sku", line)
    try:
        value = float(demand)
    except (TypeError, ValueError):
        raise BrokenFileError(path, f"has demand '{str(demand)[:40]}', which is no number", line) from None
    if not math.isfinite(value) or value < 0:
        raise BrokenFileError(path, f"has demand {value}, which must be finite and at least 0", line)
    return Row(line, read_period(path, line, period), name, value)

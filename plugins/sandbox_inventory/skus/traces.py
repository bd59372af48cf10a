"""Reads demand traces of many items from CSV or Parquet.

A file has three columns: ``period`` (a whole number from 0, or a date), ``sku`` and ``demand``. An item has
no demand in periods for which it has no row. The first bad row is reported with its line.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api import BrokenFileError
from sandbox.api.files import open_regular
from sandbox_inventory.core.arrays import Array

COLUMNS = ("period", "sku", "demand")
MAX_ENTRIES = 20_000_000
"""Most entries of the table of periods × items."""

MAX_ROWS = 5_000_000
"""Most rows of a file: the table that they fill has gaps in most uses. They take up to 1 GB of memory."""

MAX_PERIOD = 10_000_000
_BATCH = 65_536

Row = tuple[int, str, float]
"""Period, sku, demand."""


def read_traces(path: Path) -> tuple[Array, list[str]]:
    """Demand of shape ``(periods, items)`` and the items' names, sorted.

    Raises:
        BrokenFileError: With the line (1 is the header) and the reason of the first bad row, or the reason
            why the file cannot be read.
    """
    rows = list(_parquet(path) if path.suffix == ".parquet" else _csv(path))
    if not rows:
        raise BrokenFileError(path, "holds no demand")
    names = sorted({sku for _, sku, _ in rows})
    first, last = min(row[0] for row in rows), max(row[0] for row in rows)
    if (last - first + 1) * len(names) > MAX_ENTRIES:
        raise BrokenFileError(path, f"spans {last - first + 1:,} periods of {len(names):,} items: too many")
    column = {name: index for index, name in enumerate(names)}
    demand = np.zeros((last - first + 1, len(names)))
    for period, sku, value in rows:
        demand[period - first, column[sku]] += value
    return demand, names


def _csv(path: Path) -> Iterator[Row]:
    try:
        with open_regular(path) as stream, TextIOWrapper(stream, encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            for name in COLUMNS:
                if name not in header:
                    raise BrokenFileError(
                        path, f"has no column '{name}'", 1, f"Columns: {', '.join(COLUMNS)}."
                    )
            places = [header.index(name) for name in COLUMNS]
            for number, row in enumerate(reader):
                if number >= MAX_ROWS:
                    raise BrokenFileError(path, f"has more than {MAX_ROWS:,} rows")
                if not row:
                    continue
                if len(row) <= max(places):
                    raise BrokenFileError(
                        path, f"has {len(row)} fields instead of {len(header)}", reader.line_num
                    )
                yield _row(path, reader.line_num, *(row[place] for place in places))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BrokenFileError(path, f"cannot be read as CSV: {error}") from error


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
    return _period(path, line, period), name, value


def _period(path: Path, line: int, period: Any) -> int:
    if isinstance(period, datetime.date):
        return period.toordinal()
    text = str(period).strip()
    try:
        number = int(text)
    except ValueError:
        try:
            return datetime.date.fromisoformat(text[:10]).toordinal()
        except ValueError:
            pass
    else:
        if 0 <= number < MAX_PERIOD:
            return number
    raise BrokenFileError(
        path, f"has period '{text[:40]}', which is neither a number from 0 nor a date", line
    )

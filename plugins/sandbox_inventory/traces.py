"""Demand traces of many items: read from CSV or Parquet with every bad row named, or generated from a seed.

A file holds three columns: ``period`` (a whole number from 0, or a date), ``sku`` and ``demand``. Periods
that an item has no row for have no demand.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.api import BrokenFileError
from sandbox_inventory.core.model import Array

COLUMNS = ("period", "sku", "demand")
LIMIT = 20_000_000
"""Most entries of the table of periods × items."""


def generated(seed: int, items: int, periods: int) -> Array:
    """Demand of shape ``(periods, items)``: level, trend, week and year, promotions, intermittency.

    Levels are log-normal around 8 units; a trend of up to ±30 % a year; weekly and yearly seasons;
    promotions of a
    week that double or triple demand some six times a year; a third of the items sell only now and
    then. Counts
    are Poisson around all that, with a gamma factor that makes them overdispersed.
    """
    rng = np.random.default_rng([seed, 7])
    day = np.arange(periods)[:, None]
    level = np.exp(rng.normal(np.log(8.0), 0.8, items))
    trend = 1 + rng.uniform(-0.3, 0.3, items) * day / 365
    week = 1 + rng.uniform(0, 0.4, items) * np.sin(2 * np.pi * (day / 7 + rng.random(items)))
    year = 1 + rng.uniform(0, 0.5, items) * np.sin(2 * np.pi * (day / 365 + rng.random(items)))
    starts = rng.random((periods, items)) < 6 / 365
    running = np.zeros((periods, items))
    for lag in range(7):
        running[lag:] += starts[: periods - lag] if lag else starts
    lift = 1 + np.minimum(running, 1) * rng.uniform(1.0, 2.0, items)
    sells = np.where(rng.random(items) < 1 / 3, rng.uniform(0.1, 0.5, items), 1.0)
    open_days = rng.random((periods, items)) < sells
    mean = level * np.maximum(trend, 0.1) * week * year * lift / sells * open_days
    shape = 8.0
    demand: Array = rng.poisson(mean * rng.gamma(shape, 1 / shape, (periods, items))).astype(np.float64)
    return demand


def read(path: Path) -> tuple[Array, list[str]]:
    """Demand of shape ``(periods, items)`` and the items' names, sorted.

    Raises:
        BrokenFileError: Names the file, the line (1 is the header) and the reason of the first bad row.
    """
    rows = list(_parquet(path) if path.suffix == ".parquet" else _csv(path))
    if not rows:
        raise BrokenFileError(path, "holds no demand")
    names = sorted({sku for _, sku, _ in rows})
    first, last = min(row[0] for row in rows), max(row[0] for row in rows)
    if (last - first + 1) * len(names) > LIMIT:
        raise BrokenFileError(path, f"spans {last - first + 1:,} periods of {len(names):,} items: too many")
    column = {name: index for index, name in enumerate(names)}
    demand = np.zeros((last - first + 1, len(names)))
    for period, sku, value in rows:
        demand[period - first, column[sku]] += value
    return demand, names


def _csv(path: Path) -> Iterator[tuple[int, str, float]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.reader(file)
            header = [name.strip().lower() for name in next(reader, [])]
            for name in COLUMNS:
                if name not in header:
                    raise BrokenFileError(
                        path, f"has no column '{name}'", 1, f"Columns: {', '.join(COLUMNS)}."
                    )
            places = [header.index(name) for name in COLUMNS]
            for row in reader:
                if not row:
                    continue
                if len(row) <= max(places):
                    raise BrokenFileError(
                        path, f"has {len(row)} fields instead of {len(header)}", reader.line_num
                    )
                yield _row(path, reader.line_num, *(row[place] for place in places))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BrokenFileError(path, f"cannot be read as CSV: {error}") from error


def _parquet(path: Path) -> Iterator[tuple[int, str, float]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BrokenFileError(path, f"cannot be read as Parquet: {error}") from error
    for name in COLUMNS:
        if name not in table.column_names:
            raise BrokenFileError(path, f"has no column '{name}'", None, f"Columns: {', '.join(COLUMNS)}.")
    columns = [table.column(name).to_pylist() for name in COLUMNS]
    for number, values in enumerate(zip(*columns, strict=True)):
        yield _row(path, number + 2, *values)


def _row(path: Path, line: int, period: Any, sku: Any, demand: Any) -> tuple[int, str, float]:
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
        if 0 <= number < 10_000_000:
            return number
    raise BrokenFileError(
        path, f"has period '{text[:40]}', which is neither a number from 0 nor a date", line
    )

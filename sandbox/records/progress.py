"""``progress.jsonl``: one flat record of numbers a line, with the steps done so far.

What the log says of itself (`LOG_FIELDS`) has plain names. Everything that a domain or an algorithm names
stands in a group: ``metric/NAME``, ``term/NAME``, ``validation/metric/NAME``, ``train/NAME``; what was used
of the machine in ``system/NAME``. So a domain may call a metric ``steps``. Logs of version 0.1 had metrics
under plain names; they are read as if they had not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter, ValidationError

from sandbox.api.errors import DamagedRunError
from sandbox.records.base import Number, Text, Whole, complaint, finite

Entry = Annotated[Whole | Number | None, BeforeValidator(finite)]
ProgressRow = dict[str, int | float | None]
"""Figures by name; ``steps`` is always there. A figure that was not finite is None."""

LOG_FIELDS = ("steps", "seconds", "return", "steps_per_second")
"""Names without a group; the first two are where a record stands and are no figures."""

AXES = LOG_FIELDS[:2]
VALIDATION = "validation/"


def metric_figure(metric: str) -> str:
    """Name of a metric's mean over the training episodes that ended last."""
    return f"metric/{metric}"


def validation_figure(metric: str) -> str:
    """Name of a metric's mean over the validation episodes."""
    return f"{VALIDATION}{metric_figure(metric)}"


_ROW: TypeAdapter[ProgressRow] = TypeAdapter(dict[Text, Entry])


def make_row(row: Mapping[str, Any]) -> ProgressRow:
    """Figures as a record.

    Raises:
        ValueError: If an entry is no number, or ``steps`` is missing.
    """
    try:
        made = _ROW.validate_python(row)
    except ValidationError as error:
        raise ValueError(complaint(error)) from error
    if made.get("steps") is None:
        raise ValueError("'steps' is missing")
    return made


def check_row(row: Any, where: Path) -> ProgressRow:
    """A line's content as a record.

    Raises:
        DamagedRunError: If an entry is no number, or ``steps`` is missing.
    """
    try:
        return _grouped(make_row(row))
    except ValueError as error:
        raise DamagedRunError(f"{where} is damaged: {error}.") from error


def readable_rows(lines: Iterable[bytes]) -> list[ProgressRow]:
    """The records of lines, for a page that must show what can be shown: lines that are none are left
    out, and what is no finite number is None.
    """
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and _number(row.get("steps")) is not None:
            row.pop("crc", None)  # the line's checksum
            rows.append(_grouped({name: _number(value) for name, value in row.items()}))
    return rows


def _grouped(row: ProgressRow) -> ProgressRow:
    """A record with the names that version 0.1 gave to metrics put into their group."""
    return {_name_now(name): value for name, value in row.items()}


def _name_now(name: str) -> str:
    if "/" not in name:
        return name if name in LOG_FIELDS else metric_figure(name)
    group, _, rest = name.partition("/")
    if f"{group}/" == VALIDATION and "/" not in rest and rest != "return":
        return validation_figure(rest)
    return name


def points(rows: Iterable[ProgressRow], name: str) -> tuple[list[float], list[float]]:
    """Steps and values of a figure, of the rows that have it."""
    known = [
        (steps, value)
        for row in rows
        if name not in AXES and (steps := row["steps"]) is not None and (value := row.get(name)) is not None
    ]
    return [steps for steps, _ in known], [value for _, value in known]


def column(
    rows: Iterable[Mapping[str, int | float | None]], name: str, most: int = 400
) -> tuple[list[float], list[float]]:
    """A figure over steps, at most ``most`` points; of several rows of one step the last counts."""
    values: dict[float, float] = {}
    for row in rows:
        value, steps = row.get(name), row.get("steps")
        if name not in AXES and value is not None and steps is not None:
            values[steps] = value
    ordered = sorted(values)
    if len(ordered) > most:
        last = len(ordered) - 1
        ordered = [ordered[round(place * last / (most - 1))] for place in range(most)]
    return ordered, [values[steps] for steps in ordered]


def _number(value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    bounded = -(2**63) <= value < 2**63 if isinstance(value, int) else math.isfinite(value)
    return value if bounded else None

"""Logs in CSV or Parquet, read by a mapping: which column is which part of a step.

::

    file: log.csv                  # beside the mapping; not needed where the table is named by itself
    episode: batch
    step: hour
    observation: [stock, on_order] # a name alone for a task that observes one choice; {part: [..]} for a Dict
    action: order                  # a list for continuous actions
    reward: profit
    probability: p                 # how likely the behaviour was to take this action (its density)
    terminated: failed             # optional: 1 where the process itself ended
    truncated: stopped             # optional
    mask: [may_wait, may_order]    # optional: 1 where allowed; a name alone for cells such as 1 0 1

A row is a step. A row without an action holds what was seen last in its episode; where there is none, the
last step of an episode that did not terminate is left out and its observation is that. What was allowed
belongs to what was seen, so that every row has it.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api.data import Dataset
from sandbox.api.errors import BrokenFileError
from sandbox.api.types import Array
from sandbox.datasets.build import build
from sandbox.datasets.digest import digest_of
from sandbox.datasets.places import LINES
from sandbox.scenarios.validation import validate
from sandbox.scenarios.yaml_guard import load_file

Names = str | list[str]


class Mapped(BaseModel):
    """Content of a mapping file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str | None = Field(None, description="the table, beside the mapping")
    episode: str = Field(description="column that tells episodes apart")
    step: str = Field(description="column that numbers the steps of an episode")
    observation: Names | dict[str, Names] = Field(description="columns of what was seen before the action")
    action: Names = Field(description="columns of the action")
    reward: str = Field(description="column of the reward that the action earned")
    probability: str | None = Field(None, description="column of the action's probability or density")
    terminated: str | None = Field(None, description="column that is 1 where the process itself ended")
    truncated: str | None = Field(None, description="column that is 1 where a limit ended the episode")
    mask: Names | None = Field(
        None, description="columns that are 1 where an action was allowed, or one that holds all: 1 0 1"
    )


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of the table: where it stands, its numbers by column, and what was allowed."""

    line: int
    episode: str
    step: float
    values: Mapping[str, float]
    acts: bool
    mask: tuple[bool, ...]


def read_table(path: Path, mapping: Path) -> Dataset:
    """Read a CSV or Parquet file.

    Args:
        path: The table, or the mapping itself where that names its ``file``.
        mapping: The mapping file.

    Raises:
        BrokenFileError: Names the line (the row, in Parquet) and what is wrong with it.
        InvalidValueError: If the mapping is none.
    """
    chosen: Mapped = validate(Mapped, load_file(mapping), "the mapping", mapping)
    if path == mapping:
        if chosen.file is None:
            raise BrokenFileError(mapping, "names no file", hint="Add file: NAME, or name the table itself.")
        path = mapping.parent / chosen.file
    if not path.is_file():
        raise BrokenFileError(path, "does not exist")
    rows = list(_rows(path, chosen))
    if not rows:
        raise BrokenFileError(path, "holds no steps")
    episodes: dict[str, list[_Row]] = {}
    for row in rows:
        episodes.setdefault(row.episode, []).append(row)
    whole = [_ordered(path, chosen, episode) for episode in episodes.values()]
    return _dataset(path, chosen, [parts for parts in whole if parts[0]])


def _columns(mapped: Mapped) -> list[str]:
    """Columns that hold numbers."""
    parts = mapped.observation.values() if isinstance(mapped.observation, dict) else [mapped.observation]
    names = [name for part in [*parts, mapped.action] for name in _listed(part)]
    optional = (mapped.probability, mapped.terminated, mapped.truncated)
    return [*names, mapped.reward, *(name for name in optional if name is not None)]


def _listed(names: Names) -> list[str]:
    return [names] if isinstance(names, str) else names


def _rows(path: Path, mapped: Mapped) -> Iterator[_Row]:
    names, actions = _columns(mapped), _listed(mapped.action)
    flags = [name for name in (mapped.terminated, mapped.truncated) if name is not None]
    seen = {name for name in names if name not in {*actions, *_after(mapped)}}
    masks = [] if mapped.mask is None else _listed(mapped.mask)
    for line, record in _records(path, [mapped.episode, mapped.step, *names, *masks]):
        acts = any(_given(record[name]) for name in actions)
        values = {name: _number(path, line, name, record[name]) for name in names if acts or name in seen}
        for name in flags:
            if values.get(name, 0) not in (0, 1):
                raise BrokenFileError(path, f"{name} is {values[name]:g}, neither 0 nor 1", line)
        step = _number(path, line, mapped.step, record[mapped.step])
        if not _given(record[mapped.episode]):
            raise BrokenFileError(path, f"{mapped.episode} is empty", line)
        mask = () if mapped.mask is None else _mask(path, line, mapped.mask, record)
        if acts and mask and not any(mask):
            raise BrokenFileError(path, f"{', '.join(masks)} allows no action", line)
        yield _Row(line, str(record[mapped.episode]), step, values, acts, mask)


def _mask(path: Path, line: int, names: Names, record: Mapping[str, object]) -> tuple[bool, ...]:
    """Which actions were allowed: a column an action, or all in one, as a text or a list of Parquet."""
    if isinstance(names, str):
        cell = record[names]
        whole = cell if isinstance(cell, list) else re.split(r"[\s,;]+", str(cell or "").strip("[]() \t"))
        entries = [(names, entry) for entry in whole]
    else:
        entries = [(name, record[name]) for name in names]
    numbers = [(name, _number(path, line, name, entry)) for name, entry in entries]
    for name, number in numbers:
        if number not in (0, 1):
            raise BrokenFileError(path, f"{name} is {number:g}, neither 0 nor 1", line)
    return tuple(bool(number) for _, number in numbers)


def _after(mapped: Mapped) -> list[str]:
    """Columns that belong to an action and are empty where there is none."""
    names = (mapped.reward, mapped.probability, mapped.terminated, mapped.truncated)
    return [name for name in names if name is not None]


def _given(value: object) -> bool:
    return value is not None and str(value).strip() != ""


def _number(path: Path, line: int, name: str, value: object) -> float:
    text = str(value).strip() if value is not None else ""
    words = {"true": 1.0, "false": 0.0}
    try:
        number = words[text.lower()] if text.lower() in words else float(text.replace("_", "x"))
    except ValueError:  # which Python's 1_000 is as well
        reason = f"{name} is '{text[:40]}', not a number" if text else f"{name} is empty"
        raise BrokenFileError(path, reason, line) from None
    if not math.isfinite(number):
        raise BrokenFileError(path, f"{name} is {text}", line)
    return number


def _records(path: Path, names: Sequence[str]) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Rows with the line that each stands in; in Parquet the number of the row, from 1 on."""
    if path.suffix.lower() in (".parquet", ".pq"):
        from pyarrow import parquet

        table = parquet.read_table(path)
        _require_columns(path, names, table.column_names)
        yield from enumerate(table.select(list(dict.fromkeys(names))).to_pylist(), start=1)
        return
    with path.open(newline="", encoding="utf-8-sig") as stream:
        head = stream.readline()
        if not head:
            raise BrokenFileError(path, "is empty")
        delimiter = max(",;\t", key=head.count)
        header = [name.strip() for name in next(csv.reader([head], delimiter=delimiter), [])]
        _require_columns(path, names, header)
        reader = csv.reader(stream, delimiter=delimiter)
        for cells in reader:
            line = reader.line_num + 1
            if not cells:
                continue
            if len(cells) != len(header):
                raise BrokenFileError(path, f"has {len(cells)} cells, the header has {len(header)}", line)
            yield line, dict(zip(header, cells, strict=True))


def _require_columns(path: Path, names: Sequence[str], header: Sequence[str]) -> None:
    twice = [name for name in names if header.count(name) > 1]
    if twice:
        raise BrokenFileError(path, f"has the column {twice[0]} {header.count(twice[0])} times", 1)
    missing = [name for name in dict.fromkeys(names) if name not in header]
    if missing:
        known = ", ".join(header[:20]) or "nothing"
        raise BrokenFileError(path, f"has no column {', '.join(missing)}; its columns are {known}", 1)


def _ordered(path: Path, mapped: Mapped, rows: list[_Row]) -> tuple[list[_Row], _Row | None]:
    """Steps of an episode in their order, and the row with what was seen last."""
    rows = sorted(rows, key=lambda row: row.step)
    for before, after in pairwise(rows):
        if after.step != before.step + 1:
            reason = f"episode {after.episode} goes from step {before.step:g} to step {after.step:g}"
            raise BrokenFileError(path, reason, after.line)
        if not before.acts:
            raise BrokenFileError(
                path, f"episode {before.episode} goes on after a row without action", before.line
            )
    if not rows[-1].acts:
        return rows[:-1], rows[-1]
    if mapped.terminated is not None and rows[-1].values[mapped.terminated]:
        return rows, rows[-1]  # nothing follows an end; what is repeated here counts for nothing
    return rows[:-1], rows[-1]


def _dataset(path: Path, mapped: Mapped, episodes: list[tuple[list[_Row], _Row | None]]) -> Dataset:
    if not episodes:
        raise BrokenFileError(path, "holds no episode of two rows or more")
    steps = [row for rows, _ in episodes for row in rows]
    seen = [row for rows, last in episodes for row in [*rows, *([last] if last else [])]]

    def flags(name: str | None) -> Array:
        return np.array([bool(name and row.values[name]) for row in steps])

    observation = mapped.observation
    columns: dict[str, Any] = {
        "observations": {key: _array(seen, part) for key, part in observation.items()}
        if isinstance(observation, dict)
        else _array(seen, observation),
        "actions": _array(steps, mapped.action),
        "rewards": _array(steps, mapped.reward),
        "terminated": flags(mapped.terminated),
        "truncated": flags(mapped.truncated),
        "lengths": np.array([len(rows) for rows, _ in episodes]),
        "probabilities": None if mapped.probability is None else _array(steps, mapped.probability),
        "masks": None if mapped.mask is None else _masks(path, seen),
    }
    facts = {
        "agent": path.stem,
        "columns": observation if isinstance(observation, list) else [],
        LINES: {"steps": [row.line for row in steps], "observations": [row.line for row in seen]},
    }
    return build(path, digest_of(path), columns, facts)


def _masks(path: Path, rows: list[_Row]) -> Array:
    first = rows[0]
    for row in rows:
        if len(row.mask) != len(first.mask):
            reason = f"its mask has {len(row.mask)} entries, that of line {first.line} has {len(first.mask)}"
            raise BrokenFileError(path, reason, row.line)
    return np.array([row.mask for row in rows])


def _array(rows: list[_Row], names: Names) -> Array:
    """Numbers of some columns; whole ones as integers."""
    if isinstance(names, str):
        values = np.array([row.values[names] for row in rows])
    else:
        values = np.array([[row.values[name] for name in names] for row in rows])
    whole: Array = values.astype(np.int64) if (np.abs(values) < 2**53).all() else values
    return whole if (whole == values).all() else values

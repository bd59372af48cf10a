"""The state of a training run in a checkpoint: ``training.json`` and ``training.npz``."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from sandbox.records.base import Count, Record

Value = float
"""A number that may be NaN or infinite: this state comes back bit by bit."""


class ProgressMark(Record):
    """The end of ``progress.jsonl`` at that moment: its length in bytes, and its last line's checksum."""

    bytes: Count
    sum: int = Field(strict=True, ge=0, lt=2**32)


class BestSoFar(Record):
    """The best policy on the validation seeds: its training step and validation metric."""

    steps: Count
    value: Value


class TrainingState(Record):
    """Counters, curves, environments and the place in the log; the algorithm keeps its own state beside it.

    Attributes:
        validated: Validations done.
        logged: Steps of the last record of the log.
        values: The algorithm's latest diagnostics.
        returns: Returns of the latest finished episodes.
        metrics: Metrics of those episodes.
        terms: Reward terms of those episodes.
        progress: End of the log.
        environments: State of every set of environments.
        sums: Return, length and reward terms so far of the episodes being played.
    """

    steps: Count
    train_seconds: Value
    validation_seconds: Value
    validated: Count
    logged: Count | None
    values: dict[str, Value]
    returns: tuple[Value, ...]
    metrics: tuple[dict[str, Value], ...]
    terms: tuple[dict[str, Value], ...]
    best: BestSoFar | None
    progress: ProgressMark
    environments: tuple[Any, ...]
    sums: tuple[Any, ...]

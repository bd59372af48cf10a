"""``tuning.json`` and a trial's ``result.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from sandbox.records.base import Count, Figure, Number, Plain, Record, Text, Whole
from sandbox.records.status import Better, TrialOutcome, TrialState

FORMAT = 1
TUNING = "tuning.json"
RESULT = "result.json"


class TrialResult(Record):
    """Result of a trial: ``result.json`` in its folder.

    Attributes:
        value: Mean over the training seeds.
        values: One a training seed.
        steps: Environment steps of all its runs.
        error: Why it failed.
    """

    status: TrialOutcome
    value: Figure
    values: tuple[Figure, ...] = ()
    steps: Count = 0
    error: Text | None = None


class TrialRecord(Record):
    """A trial of a search."""

    number: Count
    state: TrialState
    value: Figure
    values: tuple[Figure, ...] = ()
    hyperparameters: Plain = {}
    steps: Count = 0
    seconds: Figure = None
    error: Text | None = None


class TrialCounts(Record):
    """Trials by their state."""

    complete: Count = 0
    pruned: Count = 0
    failed: Count = 0
    running: Count = 0


class BudgetRecord(Record):
    """Budget of a trial: steps of each run, training seeds, tuning episodes a run is judged on."""

    steps: Count
    seeds: tuple[Whole, ...]
    episodes: Count


class BestTrial(Record):
    """The completed trial with the best value."""

    trial: Count
    value: Figure


class PresetRecord(Record):
    """The winner as a scenario file holds it."""

    steps: Count
    num_envs: Count
    hyperparameters: Plain


class RangeRecord(Record):
    """The range of a hyperparameter."""

    kind: Literal["real", "whole", "choice"]
    low: Whole | Number | None = None
    high: Whole | Number | None = None
    log: bool = False
    complement: bool = False
    values: tuple[JsonValue, ...] = ()


class TuningRecord(Record):
    """Content of ``tuning.json``; docs/reference/tuning.md explains every entry."""

    readable = (FORMAT,)

    format: Literal[1]
    scenario: Text
    scenario_hash: Text
    algorithm: Text
    metric: Text
    unit: Text
    better: Better
    folder: Text
    study: Text
    command: tuple[Text, ...] | None
    budget: BudgetRecord
    space: dict[Text, RangeRecord]
    wanted: Count
    counts: TrialCounts
    steps_spent: Count
    best: BestTrial | None
    preset: PresetRecord | None
    importances: dict[Text, Figure]
    trials: tuple[TrialRecord, ...]
    comparison: Text | None = None

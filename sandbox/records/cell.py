"""``cell.json``: the result of a cell of a grid, or the reason of its failure."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sandbox.records.base import Count, Figure, Number, Record, Text, Whole
from sandbox.records.code import Code
from sandbox.records.status import AgentKind, CellOutcome
from sandbox.records.sums import FileName

FORMAT = 1


class EpisodesRecord(Record):
    """Test episodes of one policy: the ranking metric of each, and means of everything else."""

    seeds: tuple[Whole, ...] = Field(min_length=1)
    values: tuple[Figure, ...]
    metrics: dict[Text, Figure] = {}
    reward_terms: dict[Text, Figure] = {}
    ret: Figure = Field(alias="return")
    length: Figure
    terminated: Figure = None

    @model_validator(mode="after")
    def _one_value_an_episode(self) -> Self:
        if len(self.values) != len(self.seeds):
            raise ValueError(f"{len(self.values)} values for {len(self.seeds)} episodes")
        return self

    @property
    def mean(self) -> float | None:
        """Mean of the ranking metric; None if an episode has no finite value."""
        known = [value for value in self.values if value is not None]
        return sum(known) / len(known) if len(known) == len(self.values) else None


class CellResults(Record):
    """Test episodes of the final and, where validation chose one, of the best-validation policy."""

    final: EpisodesRecord
    best: EpisodesRecord | None = None


class CellRecord(Record):
    """Content of ``cell.json``."""

    readable = (FORMAT,)

    format: Literal[1]
    id: Text
    kind: AgentKind
    scenario: Text
    scenario_hash: Text = ""
    algorithm: Text | None = None
    seed: Whole | None = None
    attempts: Count = 0
    packages: dict[Text, Text] = {}
    code: Code = ()
    started: Text = ""
    run_dir: FileName | None = None
    train_seconds: Figure = None
    steps_per_second: Figure = None
    status: CellOutcome
    results: CellResults | None = None
    error: Text | None = None
    seconds: Number | None = None
    ended: Text = ""

    @model_validator(mode="after")
    def _results_of_what_is_done(self) -> Self:
        if self.status == "done" and self.results is None:
            raise ValueError("a cell that is done has results")
        return self

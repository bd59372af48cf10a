"""``evaluation.json``: the results of every agent on the test episodes."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from sandbox.records.base import Count, Figure, Interval, Record, Text, Whole
from sandbox.records.status import Better, Verdict


class DifferenceRecord(Record):
    """An agent against the best baseline.

    Attributes:
        difference: Agent minus baseline in the ranking metric.
        unit: What the interval resamples.
    """

    baseline: Text
    difference: Figure = None
    ci95: Interval = (None, None)
    p: Figure = None
    p_holm: Figure = None
    verdict: Verdict = "unclear"
    unit: Literal["runs", "episodes"] = "episodes"


class AgentResult(Record):
    """Results of an agent over its test episodes."""

    mean: Figure
    std: Figure = None
    ci95: Interval = (None, None)
    metrics: dict[Text, Figure] = {}
    reward_terms: dict[Text, Figure] = {}
    ret: Figure = Field(alias="return")
    length: Figure = None
    deterministic: bool = True
    against_best_baseline: DifferenceRecord | None = None


class EvaluationRecord(Record):
    """Content of ``evaluation.json``; docs/reference/run-directory.md explains every entry."""

    metric: Text
    unit: Text
    better: Better = "lower"
    episodes: Count
    seeds: tuple[Whole, ...] = ()
    seconds: Figure = None
    best_baseline: Text | None = None
    agents: dict[Text, AgentResult]

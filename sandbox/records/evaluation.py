"""``evaluation.json``: the results of every agent on the test episodes."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from sandbox.records.base import Count, Figure, Interval, Number, Record, Text, Whole
from sandbox.records.status import Better, Verdict


class DifferenceRecord(Record):
    """An agent against the best baseline.

    Attributes:
        difference: Agent minus baseline in the ranking metric.
        percent: The same in % of the baseline's mean.
        unit: What the interval resamples; ``runs`` stands in documents of version 0.1 only.
        needed_runs: Where the verdict is unclear, how many runs would tell, if the difference is as measured.
        needed_episodes: Where it is unclear, how many test episodes would tell.
    """

    baseline: Text
    difference: Figure = None
    percent: Figure = None
    ci95: Interval = (None, None)
    p: Figure = None
    p_holm: Figure = None
    verdict: Verdict = "unclear"
    unit: Literal["runs", "episodes", "runs and episodes"] = "episodes"
    needed_runs: Count | None = None
    needed_episodes: Count | None = None


class BoundRecord(Record):
    """What no agent's mean can be better than: a lower bound where lower is better, else an upper one."""

    value: Number
    method: Text = ""
    source: Text = ""

    def gap(self, mean: float) -> float:
        """Distance of a mean from the bound, % of the bound; the optimum is at most as far away."""
        return 100.0 * abs(mean - self.value) / max(abs(self.value), 1e-12)


class LimitRecord(Record):
    """What agents are measured by: the proven optimum, else the bound, else the best baseline.

    Attributes:
        kind: Which of them it is.
        name: The agent that has the value, or how the bound was found.
        value: In the metric's unit.
    """

    kind: Literal["optimum", "bound", "best baseline"]
    name: Text
    value: Number

    def gap(self, mean: float | None, better: Better) -> float | None:
        """How much worse a mean is, % of the value; negative where it is better.

        None where it cannot be said: the mean is not known, or the value is zero.
        """
        if mean is None or not math.isfinite(mean) or abs(self.value) < 1e-12:
            return None
        return 100.0 * (mean - self.value) / abs(self.value) * (1.0 if better == "lower" else -1.0)


class AgentResult(Record):
    """Results of an agent over its test episodes.

    Attributes:
        gap: How much worse its mean is than the evaluation's limit, %.
        beats: Classical methods that it is clearly better than; of learned agents only.
    """

    mean: Figure
    std: Figure = None
    ci95: Interval = (None, None)
    metrics: dict[Text, Figure] = {}
    reward_terms: dict[Text, Figure] = {}
    ret: Figure = Field(alias="return")
    length: Figure = None
    deterministic: bool = True
    against_best_baseline: DifferenceRecord | None = None
    gap: Figure = None
    beats: tuple[Text, ...] = ()


class EvaluationRecord(Record):
    """Content of ``evaluation.json``; docs/reference/run-directory.md explains every entry."""

    metric: Text
    unit: Text
    better: Better = "lower"
    episodes: Count
    seeds: tuple[Whole, ...] = ()
    seconds: Figure = None
    kept_episodes: Count = 0
    """Episodes of baselines that had been played before, by the same code, and were not played again."""

    best_baseline: Text | None = None
    optimum: Text | None = None
    limit: LimitRecord | None = None
    bound: BoundRecord | None = None
    agents: dict[Text, AgentResult]

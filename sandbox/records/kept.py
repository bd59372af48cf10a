"""A line of kept episodes: one played episode of an agent that does not learn."""

from __future__ import annotations

from sandbox.records.base import Count, Number, Record, Text, Whole


class KeptEpisode(Record):
    """An episode as `sandbox.evaluation.rollout.Episode` has it, without the agent's name.

    Attributes:
        seed: The episode's seed.
        ret: Undiscounted return.
        length: Steps.
        terminated: The process itself ended.
        truncated: A limit ended it.
        reward_terms: Sums of unweighted reward terms.
        metrics: What the environment reported at the end.
    """

    seed: Whole
    ret: Number
    length: Count
    terminated: bool
    truncated: bool
    reward_terms: dict[Text, Number]
    metrics: dict[Text, Number]

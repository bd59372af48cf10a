"""Bounds on what any agent can reach, for scenarios whose optimum is not known."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """A value of the ranking metric that the mean of no agent can be better than.

    Args:
        value: In the metric's unit; a lower bound where lower is better, else an upper bound.
        method: How it is obtained, and what it holds for, in a few words.
        source: Paper or handbook.
    """

    value: float
    method: str
    source: str = ""

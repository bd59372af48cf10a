"""What a practitioner of the domain reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of merit of one episode, given by the environment in ``info["metrics"]`` at its end.

    Metrics are never part of the reward; agents are ranked by the scenario's metric, not by return.

    Args:
        name: Key in ``info["metrics"]``.
        unit: For example ``"s"`` or ``"vehicles"``; ``"1"`` for a pure number.
        better: Which direction is better.
        description: Definition in one sentence.
        from_term: Reward term that it is computed from; then the environment need not give it.
        from_info: Entry of every step's info that it is computed from; then the environment need not give it.
        how: What is taken of the values of an episode's steps; steps without a value do not count.
    """

    name: str
    unit: str
    better: Literal["lower", "higher"]
    description: str = ""
    from_term: str = ""
    from_info: str = ""
    how: Literal["sum", "mean", "max", "min", "last"] = "sum"

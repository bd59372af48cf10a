"""What the tests of this folder hold an algorithm to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """The smallest task on which it is known what an algorithm has to come to.

    Attributes:
        task: What is learned, and where the known figure comes from.
        known: The figure.
        bound: How far what is reached may be from it.
        reached: Trains the algorithm of a name and returns what it reached.
        untrained: Figure of something that has learned nothing, further away than ``bound``.
        requires: Modules without which the test is skipped, beside those of the algorithm.
    """

    task: str
    known: float
    bound: float
    reached: Callable[[str], float]
    untrained: float
    requires: tuple[str, ...] = ()

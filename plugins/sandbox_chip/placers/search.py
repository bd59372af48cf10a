"""What all searches share: how long they may take, and what they return."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox_chip.types import Places


class SearchBudget:
    """When a search ends: after some time, or after a number of evaluations, so that its result repeats.

    Args:
        seconds: Time, s; None to count evaluations.
        evaluations: How many, where no time is given.
        timer: Gives the time, s: of the wall, or of the processor where a machine is shared.
    """

    def __init__(
        self,
        seconds: float | None = None,
        evaluations: int = 0,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.seconds, self.evaluations = seconds, max(evaluations, 1)
        self.done = 0
        self.timer, self.began = timer, timer()

    @property
    def spent(self) -> float:
        """Share of the budget that is spent; 1 or more when it is exhausted."""
        if self.seconds is not None:
            return self.elapsed / max(self.seconds, 1e-9)
        return self.done / self.evaluations

    @property
    def elapsed(self) -> float:
        """Time since the start, s."""
        return self.timer() - self.began

    def batch(self, size: int) -> int:
        """How many evaluations to do before looking at the budget again: ``size``, or what is left."""
        return size if self.seconds is not None else max(min(size, self.evaluations - self.done), 0)


@dataclass
class SearchResult:
    """The best placement of a search.

    Attributes:
        cost: Wirelength, µm; infinite without a legal placement of all macros.
        places: Column, row and orientation choice of every macro, shape ``(n, 3)``.
        history: Time (s) and best cost, whenever it fell and at the end.
        evaluations: How many placements or moves were tried.
    """

    cost: float
    places: Places
    history: list[tuple[float, float]] = field(default_factory=list)
    evaluations: int = 0

    def record(self, budget: SearchBudget) -> None:
        """Append the time and the best cost so far to the history."""
        self.history.append((budget.elapsed, self.cost))

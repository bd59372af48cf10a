"""What a check may find and how long it may take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["quick", "full"]
Status = Literal["passed", "failed", "expected", "stale", "skipped"]


class Violation(Exception):  # noqa: N818 - what a check finds, not a fault of the suite
    """A promise that is not kept; the message says which, where, and what to do."""


class NotApplicable(Exception):  # noqa: N818 - no fault of the suite either
    """The check has nothing to say about this subject; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one check on one task.

    Attributes:
        task: Full name of the task.
        check: Name of the check.
        status: ``passed``, ``failed``, ``expected`` (it failed, as the plugin says it would), ``stale``
            (it passed, though the plugin says that it would not) or ``skipped``.
        message: What is wrong, why it was skipped, the plugin's reason, or of a check that passed what it
            saw, and what it could not look at in the time there was.
        seconds: Time it took.
    """

    task: str
    check: str
    status: Status
    message: str
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """As a plain document."""
        return asdict(self)


_cuts: list[str] = []


def cut(what: str) -> None:
    """Say of the running check that it did not look at all that it should have: time was up."""
    if what not in _cuts:
        _cuts.append(what)


def take_cuts() -> list[str]:
    """What was cut short since the last call."""
    taken = list(_cuts)
    _cuts.clear()
    return taken


@dataclass(frozen=True, slots=True)
class Budget:
    """How much work a check may do.

    Attributes:
        steps: Most steps of one rollout.
        seconds: Most seconds of one rollout; it is cut, not failed.
        survey_seconds: Most seconds of the long random rollout that most checks look at.
        episodes: Episodes in which baselines meet random actions.
        algorithms: Most algorithms that are tried; None for all that fit.
    """

    steps: int
    seconds: float
    survey_seconds: float
    episodes: int
    algorithms: int | None


BUDGETS: Mapping[Level, Budget] = {
    "quick": Budget(steps=600, seconds=0.5, survey_seconds=5.0, episodes=2, algorithms=1),
    "full": Budget(steps=20_000, seconds=10.0, survey_seconds=60.0, episodes=20, algorithms=None),
}


class Clock:
    """Seconds left of a budget."""

    def __init__(self, seconds: float) -> None:
        self._end = time.perf_counter() + seconds

    @property
    def left(self) -> float:
        """Seconds left, not below zero."""
        return max(0.0, self._end - time.perf_counter())

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.left <= 0.0

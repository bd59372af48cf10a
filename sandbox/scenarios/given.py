"""A scenario however it is given: by name, by path, or resolved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sandbox.api.errors import InvalidValueError
from sandbox.scenarios.resolve import Problem, load_problem


def as_problem(
    scenario: str | Path | Problem, changes: Sequence[str] = (), reward: Sequence[str] = ()
) -> Problem:
    """``scenario`` resolved and checked.

    Raises:
        InvalidValueError: If a resolved problem is to be changed.
    """
    if isinstance(scenario, Problem):
        if changes or reward:
            raise InvalidValueError("A resolved problem cannot be changed; load it again with the changes.")
        return scenario
    return load_problem(str(scenario), changes, reward)

"""Which episodes are played: the first seeds of a range."""

from __future__ import annotations

from sandbox.api.errors import InvalidValueError
from sandbox.scenarios.resolve import ResolvedScenario


def evaluation_seeds(scenario: ResolvedScenario, episodes: int | None = None) -> list[int]:
    """The first seeds of the scenario's test range.

    Raises:
        InvalidValueError: If there are fewer than ``episodes`` of them.
    """
    count = scenario.spec.evaluation.episodes if episodes is None else episodes
    return _first(scenario.spec.evaluation.seeds.test, count, "test")


def validation_seeds(scenario: ResolvedScenario) -> list[int]:
    """The first seeds of the scenario's validation range."""
    evaluation = scenario.spec.evaluation
    return _first(evaluation.seeds.validation, evaluation.validation_episodes, "validation")


def _first(bounds: tuple[int, int], count: int, what: str) -> list[int]:
    low, high = bounds
    if not 1 <= count <= high - low:
        raise InvalidValueError(
            f"There are {high - low} {what} seeds, so {count} episodes cannot be played.",
            f"Allowed: 1 to {high - low} episodes.",
        )
    return list(range(low, low + count))

"""The bound of a scenario's metric, beside which agents are shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from sandbox.api.bound import Bound
from sandbox.api.errors import InvalidValueError
from sandbox.envs.make import make
from sandbox.records.evaluation import BoundRecord
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario

KEPT = 64
"""Bounds that are remembered: a comparison is summarised again after every cell."""


def bound_of(scenario: ResolvedScenario, seeds: Sequence[int]) -> BoundRecord | None:
    """What no agent's mean over these test episodes can be better than; None where none is known.

    Args:
        scenario: What is played, with the parameters of evaluation.
        seeds: Seeds of the test episodes.
    """
    if scenario.task.bound is None:
        return None
    return _Question(scenario, tuple(seeds)).answer()


class _Question:
    """A scenario and its seeds, equal to another if the scenario's hash is."""

    def __init__(self, scenario: ResolvedScenario, seeds: tuple[int, ...]) -> None:
        self.scenario, self.seeds = scenario, seeds
        self._key = (scenario.hash, seeds)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Question) and self._key == other._key

    def answer(self) -> BoundRecord | None:
        """The bound, computed once."""
        return _computed(self)


@lru_cache(maxsize=KEPT)
def _computed(question: _Question) -> BoundRecord | None:
    scenario = question.scenario
    assert scenario.task.bound is not None
    env = make(scenario, evaluation=True)
    try:
        bound: Bound | None = resolve(scenario.task.bound)(
            env.unwrapped, scenario.metric.name, question.seeds
        )
    except InvalidValueError:  # too large, or demand of another kind than the method needs
        return None
    finally:
        env.close()
    if bound is None or not math.isfinite(bound.value):
        return None
    return BoundRecord(value=bound.value, method=bound.method, source=bound.source)

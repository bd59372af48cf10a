"""Returns of what might be done, in copies of the task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.simulator import Simulator
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array

Floats = NDArray[np.float64]

Act = Callable[[int, Simulator], Array]
"""From the number of a step to the actions of all copies."""


class LookAhead:
    """Plays what a planner wants to try from the present states of an environment.

    Args:
        env: The environment that is played, unwrapped.
        models: Make the copies.
    """

    def __init__(self, env: Any, models: TaskModels) -> None:
        self.env, self.models = env, models
        self._simulators: dict[int, Simulator] = {}

    def copies(self, number: int) -> Simulator:
        """So many copies, made once."""
        if number not in self._simulators:
            self._simulators.clear()  # batches of one size follow one another
            self._simulators[number] = self.models.simulator(number)
        return self._simulators[number]

    def returns(
        self,
        rows: int,
        options: int,
        scenarios: int,
        act: Act,
        horizon: int,
        gamma: float,
        rng: np.random.Generator,
    ) -> Floats:
        """Discounted returns of every option in every scenario, shape ``(rows, options, scenarios)``.

        Options of a row meet the same scenarios: their differences are not blurred by luck.

        Args:
            rows: Rows of the environment that is played.
            options: Of each row.
            scenarios: Futures of each row.
            act: Actions of all copies in each step, options of a row one after the other.
            horizon: Steps.
            gamma: Discount factor.
            rng: Draws the scenarios.
        """
        shape = (rows, options, scenarios)
        row, _, scenario = (part.ravel() for part in np.indices(shape))
        copies = self.copies(row.size)
        copies.branch(self.env, row, row * scenarios + scenario, rng)
        total, weight, running = np.zeros(row.size), 1.0, np.ones(row.size, np.bool_)
        for step in range(horizon):
            reward, ended = copies.step(act(step, copies))
            total += np.where(running, weight * reward, 0.0)
            running &= ~ended
            weight *= gamma
            if not running.any():
                break
        return total.reshape(shape)


def bound_look_ahead(look_ahead: LookAhead | None, name: str) -> LookAhead:
    """What `bind` has made.

    Raises:
        MisfitError: If the policy was never bound to an environment.
    """
    if look_ahead is None:
        raise MisfitError(
            f"A policy of {name} plans in its environment and has not been given one.",
            "Play it with sandbox eval, or call policy.bind(env, models) first.",
        )
    return look_ahead

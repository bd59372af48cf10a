"""Copies of a task in which a planner looks ahead."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array


class Simulator(Protocol):
    """What ``Task.simulator`` gives: ``num_envs`` copies of the task for a planner.

    Copies begin in the present state of an environment that is played. They never learn what chance will
    decide there: all that is random in them comes from the generator that `branch` is given. An
    environment that has drawn its future ahead therefore leaves it behind.

    Baselines are made for a simulator as they are for an environment (`sandbox.api.Baseline.make`); they
    then act in the copies.
    """

    def branch(
        self, env: Any, rows: NDArray[np.int64], streams: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Begin in the present state of an environment.

        Args:
            env: The environment that is played, unwrapped: single or native.
            rows: Row of it whose state each copy takes, shape ``(num_envs,)``; 0 of a single one.
            streams: Number of the stream of chance of each copy, shape ``(num_envs,)``. Copies with the
                same number meet the same chance: common random numbers.
            rng: Draws all streams.
        """
        ...

    def observe(self) -> Any:
        """What an agent sees in each copy, ``num_envs`` rows."""
        ...

    def step(self, actions: Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """One step of all copies; a copy whose episode has ended goes on with any reward.

        Args:
            actions: Shape ``(num_envs, *action_shape)``.

        Returns:
            The rewards, and whether the process itself has ended, each of shape ``(num_envs,)``.
        """
        ...

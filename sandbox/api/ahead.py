"""Environments that run ahead of each other: what vector environments offer for it, and how learners find it.

See `sandbox.envs.ahead` for what it is good for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array, Element, Space, VectorStep

Player = Callable[[Element, NDArray[np.bool_] | None], Array]
"""``(observation, action mask) -> action`` of one environment in one rollout, without the axis over
environments. It has random numbers of its own, and can be sent to another machine by cloudpickle."""


class StepsApart(Protocol):
    """A vector environment whose environments can be stepped one by one."""

    @property
    def num_envs(self) -> int:
        """Number of environments."""
        ...

    def set_apart(self) -> None:
        """Prepare for stepping environments one by one; episodes that have begun go on."""
        ...

    def send(self, index: int, action: Element) -> None:
        """Begin a step of environment ``index``."""
        ...

    def ready(self) -> list[int]:
        """Wait until steps have ended, and say in which environments."""
        ...

    def receive(self, index: int) -> VectorStep:
        """The step of environment ``index``, with autoreset, as of a vector environment of it alone."""
        ...

    def together(self, steps: Sequence[VectorStep]) -> VectorStep:
        """One step of each environment, in order, as the step of the vector environment."""
        ...


class RunsAhead(Protocol):
    """A layer of a vector environment that plays rollouts in which no environment waits for another."""

    @property
    def num_envs(self) -> int:
        """Number of environments."""
        ...

    @property
    def single_action_space(self) -> Space:
        """Action space of one environment, of all its agents where it has several."""
        ...

    def set_apart(self) -> None:
        """Prepare for rollouts; episodes that have begun go on."""
        ...

    def play(
        self, steps: int, observation: Element, mask: NDArray[np.bool_] | None, players: list[Player]
    ) -> Array:
        """Play a rollout. The same number of calls of `step` then gives it out, one step each.

        Args:
            steps: Steps of every environment.
            observation: Present observations, shape ``(num_envs, …)``.
            mask: Present action masks, shape ``(num_envs, …)``, None without masks.
            players: Choose the actions, one of them those of one environment. Where environments live on
                other machines, each is replaced by what came back from there.

        Returns:
            The actions, shape ``(steps, num_envs, …)``.
        """
        ...


def find_ahead(envs: Any) -> RunsAhead | None:
    """The layer that plays such rollouts, None where there is none or observations change above it."""
    for layer in chain(envs):
        if getattr(layer, "changes_observations", False):
            return None
        if hasattr(type(layer), "play") and hasattr(type(layer), "set_apart"):
            found: RunsAhead = layer
            return found
    return None


def chain(envs: Any) -> Iterator[Any]:
    """A vector environment and all that it wraps."""
    while envs is not None:
        yield envs
        wrapped = envs.env if isinstance(envs, gym.vector.VectorWrapper) else None
        envs = getattr(envs, "joint_envs", None) or wrapped

"""Dynamics as pure functions over arrays of any library, for planning and for gradients through them."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy as np

from sandbox.api.types import Array

ArrayLike: TypeAlias = Any
"""An array of the library whose namespace is passed: a NumPy array, a torch tensor, …"""

State: TypeAlias = Mapping[str, ArrayLike]
"""Arrays by name, batch first: shape ``(num_envs, …)``."""


class Dynamics(Protocol):
    """What ``Task.dynamics`` gives: the task written once in array operations.

    ``xp`` is the namespace that the arrays belong to: ``numpy``, ``torch``, or any module with the
    functions of the Python array API standard that the dynamics call (``xp.maximum``, ``xp.where``,
    ``xp.sum(values, axis=-1)``, ``xp.stack``, …). What is written with them and with operators runs on
    NumPy arrays for planning and on tensors for gradients, and the plugin never imports torch.

    Nothing in it changes after construction, and no function changes its arguments. `begin` and `noise`
    draw with NumPy; `observe` and `step` draw nothing.

    It may also have ``played(action, xp)``: the actions that the environment makes of these before it plays
    them, for example those of whole orders. What has gradients then plays them and differentiates as if it
    did not.

    Attributes:
        horizon: Steps of an episode.
        differentiable: Whether the reward of an episode has useful gradients with respect to its
            actions: no rounding, no choice among discrete actions on the way.
    """

    @property
    def horizon(self) -> int: ...

    @property
    def differentiable(self) -> bool: ...

    def begin(self, rng: np.random.Generator, num_envs: int) -> dict[str, Array]:
        """States in which episodes begin, drawn as the environment draws them."""
        ...

    def noise(self, rng: np.random.Generator, num_envs: int, steps: int) -> Array:
        """All that chance decides in the steps that follow, shape ``(steps, num_envs, …)``."""
        ...

    def observe(self, state: State, xp: ModuleType) -> ArrayLike:
        """What an agent observes, shape ``(num_envs, *observation_shape)``."""
        ...

    def step(self, state: State, action: ArrayLike, noise: ArrayLike, xp: ModuleType) -> tuple[State, Any]:
        """One step.

        Args:
            state: Of ``num_envs`` episodes.
            action: Shape ``(num_envs, *action_shape)``, as the environment takes them.
            noise: One entry of what `noise` gave, shape ``(num_envs, …)``.
            xp: Namespace of all these arrays.

        Returns:
            The next state, and the transition that the task's reward terms are functions of.
        """
        ...


class ObservedDynamics(Dynamics, Protocol):
    """Dynamics of a task whose observation tells the whole state, so that a policy can plan from it."""

    def state_of(self, observation: ArrayLike, xp: ModuleType) -> State:
        """The state that is observed."""
        ...

"""The action that drives no motor, or with which servos hold the start pose."""

from __future__ import annotations

import numpy as np

from sandbox_locomotion.arrays import Array, Flags
from sandbox_locomotion.baselines.base import ClassicalPolicy, SimulatedEnv


class ConstantPolicy(ClassicalPolicy):
    """The same action at every step.

    Args:
        action: Shape ``(motors,)``.
    """

    def __init__(self, action: Array) -> None:
        self._action = action
        self._num_envs = 1

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Prepare for ``num_envs`` rows."""
        self._num_envs = num_envs

    def act(self, observation: Array, mask: Flags | None = None, deterministic: bool = True) -> Array:
        """The action for every row, ``(num_envs, motors)``."""
        return np.tile(self._action, (self._num_envs, 1))


def zero(env: SimulatedEnv) -> ConstantPolicy:
    """The baseline ``zero``: no motor is driven, and servos hold the start pose."""
    robot = env.core.simulation.robot
    return ConstantPolicy(robot.rest.astype(robot.action_space.dtype))

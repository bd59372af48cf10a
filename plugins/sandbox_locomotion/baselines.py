"""Classical controllers, played beside every learned one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class FixedPolicy:
    """The same action for ever.

    Args:
        action: Shape ``(motors,)``.
    """

    def __init__(self, action: Array) -> None:
        self._action = action
        self._rows = 1

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to forget."""
        self._rows = num_envs

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """The action for every row."""
        return np.tile(self._action, (self._rows, 1))

    def save(self, directory: Path) -> None:
        """A baseline is made from its environment, not from a file.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def zero(env: Any) -> FixedPolicy:
    """No motor is driven."""
    space = env.simulation.action_space
    return FixedPolicy(np.zeros(space.shape, space.dtype))


def gait_policy(simulation: Any) -> tuple[Any, float]:
    """The shipped gait of a simulation's robot, and the length of its cycle, s."""
    from sandbox_locomotion.oscillators import OscillatorPolicy, shipped_gait
    from sandbox_locomotion.trot import TrotPolicy, shipped_trot

    config = simulation.config
    if config.robot == "quadruped":
        numbers = shipped_trot(config.body, config.command_speed is not None)
        return TrotPolicy(numbers, simulation), 1.0 / float(numbers[0])
    gait = shipped_gait(config.robot, simulation.base.nu)
    return OscillatorPolicy(gait, simulation), float(np.pi / gait.swing + np.pi / gait.stance)

"""Copies of robots in which a planner looks ahead; see `sandbox.api.Simulator`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_locomotion.arrays import Array
from sandbox_locomotion.config import LocomotionConfig
from sandbox_locomotion.observations import Observer
from sandbox_locomotion.simulation import Simulation


class LocomotionSimulator:
    """``num_envs`` robots with the physics and the reward of the task, without sensor noise.

    Args:
        config: The task's parameters.
        reward: Its reward.
        num_envs: Copies.

    Raises:
        InvalidValueError: If episodes differ in their physics, which a planner does not know.
    """

    def __init__(self, config: LocomotionConfig, reward: RewardSpec, num_envs: int) -> None:
        changes = {"observation": "state", "noise_position": 0.0, "noise_velocity": 0.0, "imitate": False}
        plain = config.model_copy(update=changes)
        self.reward = reward
        self.simulation = Simulation(plain, num_envs, config.threads, fast=config.fast)
        if self.simulation.robot.varies:
            self.close()
            raise InvalidValueError(
                "Planning needs to know the physics, but this scenario draws it anew for every episode.",
                "Fix friction, gravity, mass, torso_mass and motor to one value, on flat ground or a slope.",
            )
        self.simulation.reset(range(num_envs))
        self._observer: Observer | None = None

    def branch(
        self, env: Any, rows: NDArray[np.int64], streams: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Begin in the present state of robots; commands and pushes to come are drawn anew."""
        played, copies = env.core.simulation, self.simulation
        copies.physics.state[:] = played.physics.state[rows]
        for name in copies.physics.gathered:
            copies.physics.fields[name][:] = played.physics.fields[name][rows]
        saved = played.state.saved()
        for name, values in copies.state.saved().items():
            values[:] = saved[name][rows]
        config = copies.config
        if config.push_speed or (config.command_speed is not None and config.command_interval):
            seeds = rng.integers(2**63, size=int(streams.max()) + 1)
            for copy, stream in enumerate(streams.tolist()):
                copies.rngs[copy] = np.random.default_rng(int(seeds[stream]))
        if self._observer is not None:
            self._observer.reset(np.arange(copies.num_envs))

    def observe(self) -> Array:
        """Joint state, as the task's observation ``state`` gives it."""
        if self._observer is None:
            self._observer = Observer(self.simulation)
            self._observer.reset(np.arange(self.simulation.num_envs))
        return self._observer.observation()

    def step(self, actions: Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """One control step."""
        step = self.simulation.step(actions)
        reward = np.asarray(self.reward(step).total, np.float64)
        if self._observer is not None:
            self._observer.update()
        return reward, self.simulation.terminated

    def close(self) -> None:
        """Stop threads and worker processes."""
        self.simulation.close()


def simulator(config: LocomotionConfig, reward: RewardSpec, num_envs: int) -> LocomotionSimulator:
    """`sandbox.api.Task.simulator`."""
    return LocomotionSimulator(config, reward, num_envs)

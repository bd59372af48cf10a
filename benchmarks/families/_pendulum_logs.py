"""Logs of Gymnasium's Pendulum, whose actions are continuous.

A controller that pumps energy and then holds the pendulum up, with gains of its own, and normal noise of σ
from 0.4 to 1.6 Nm between the bounds of the torque, whose density is logged; 40, 80 or 160 episodes of 200
steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from benchmarks.families._logs import Act, Behaviour, Steps, Task, reference_from
from benchmarks.families._pendulum import HORIZON, MAX_TORQUE
from sandbox.api import Dataset

EVERYWHERE = 10.0
"""σ of noise that is all but uniform between the bounds, in largest torques."""

SECONDS, MAX_SPEED, GRAVITY = 0.05, 8.0, 10.0
"""Of a step; of the pendulum, rad/s; of the Earth, m/s². Mass and length are 1."""


class Noise:
    """Actions of a rule with normal noise, drawn between −1 and 1.

    Args:
        player: Acts; its ``share`` is σ.
        rng: Draws.
    """

    def __init__(self, player: Behaviour, rng: np.random.Generator) -> None:
        self._player, self._rng = player, rng

    def choose(self, seen: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Actions, shape ``(rows, 1)``, and their densities; without noise the density is given as 1."""
        mean = np.clip(np.asarray(self._player.act(seen, None), np.float64), -1, 1)
        sigma = self._player.share
        if sigma == 0:
            return mean, np.ones(len(mean))
        low, high = ndtr((-1 - mean) / sigma), ndtr((1 - mean) / sigma)
        drawn = ndtri(low + self._rng.random(mean.shape) * (high - low))
        density = np.exp(-(drawn**2) / 2) / (np.sqrt(2 * np.pi) * sigma * (high - low))
        return np.clip(mean + sigma * drawn, -1, 1), density[:, 0]


class Pendulums:
    """Gymnasium's Pendulum-v1 for many rows at once; torques in largest torques.

    Attributes:
        angle: From upright, rad; shape ``(rows,)``.
        speed: rad/s.
    """

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self.angle, self.speed = rng.uniform(-np.pi, np.pi, count), rng.uniform(-1, 1, count)

    def observe(self) -> NDArray[np.float32]:
        """cos θ, sin θ and the speed."""
        return np.stack([np.cos(self.angle), np.sin(self.angle), self.speed], 1).astype(np.float32)

    def step(self, share: Any) -> NDArray[np.float64]:
        """Turn for a step; the reward."""
        torque = np.clip(MAX_TORQUE * np.asarray(share, np.float64)[:, 0], -MAX_TORQUE, MAX_TORQUE)
        angle = (self.angle + np.pi) % (2 * np.pi) - np.pi
        cost = angle**2 + 0.1 * self.speed**2 + 0.001 * torque**2
        faster = 1.5 * GRAVITY * np.sin(self.angle) + 3 * torque
        self.speed = np.clip(self.speed + faster * SECONDS, -MAX_SPEED, MAX_SPEED)
        self.angle = self.angle + self.speed * SECONDS
        return -cost


def pendulum_task() -> Task:
    """Swing up and hold."""

    def controller(rng: np.random.Generator, direction: float) -> Act:
        """Torque along the speed until the energy is that of standing, then k₁ θ + k₂ ω against the fall."""
        pump, near = rng.uniform(0.4, 1.0), rng.uniform(0.2, 0.8)
        stiffness, damping = rng.uniform(3.0, 8.0), rng.uniform(0.3, 2.0)

        def act(seen: Any, mask: Any) -> Any:
            cos, sin, speed = np.asarray(seen, np.float64).T
            angle, energy = np.arctan2(sin, cos), speed**2 / 6 + 5 * cos
            pumped = direction * pump * np.where(speed < 0, -1.0, 1.0) * np.sign(5.0 - energy)
            return np.where(np.abs(angle) < near, -(stiffness * angle + damping * speed), pumped)[:, None]

        return act

    def behaviour(seed: int, direction: float = 1.0) -> Behaviour:
        rng = np.random.default_rng([7, seed])
        sigma, episodes = float(rng.uniform(0.2, 0.8)), int(rng.choice([40, 80, 160]))
        return Behaviour(controller(rng, direction), sigma, episodes)

    def play(player: Behaviour, start: Behaviour, episodes: int, seed: int) -> Dataset:
        pendulums = Pendulums(episodes, np.random.default_rng([8, seed]))
        noise, seen = Noise(player, np.random.default_rng([9, seed])), pendulums.observe()
        steps = Steps(seen)
        for _ in range(HORIZON):
            action, density = noise.choose(seen)
            earned = pendulums.step(action)
            seen = pendulums.observe()
            steps.add(action[:, 0].astype(np.float32), density, earned, seen)
        dataset = steps.dataset()
        return replace(dataset, actions=dataset.actions[:, None])

    random = Behaviour(lambda seen, mask: np.zeros((len(seen), 1)), EVERYWHERE, 6)
    high = np.array([1.0, 1.0, MAX_SPEED], np.float32)
    return Task(
        0.97,
        (gymnasium.spaces.Box(-high, high), gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)),
        behaviour,
        lambda seed: behaviour(seed, -1.0),
        play,
        reference_from(play(random, random, 6, 777)),
        updates=2000,
    )

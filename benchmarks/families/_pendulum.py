"""Records of a pendulum: a controller by energy that acts at random in a share of each episode's steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import Dataset

HORIZON = 200
MAX_TORQUE = 2.0


class Swing:
    """Pumps energy until the pendulum stands, then holds it there (Åström & Furuta 2000)."""

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        """Torques of shape ``(n, 1)`` for (cos θ, sin θ, ω), θ = 0 upright."""
        cos, sin, speed = np.asarray(observation, np.float64).T
        angle = np.arctan2(sin, cos)
        energy = speed**2 / 6 + 5 * cos  # of a rod of mass 1 and length 1; 5 upright
        pumping = MAX_TORQUE * np.sign(speed) * np.sign(5.0 - energy)
        pumping = np.where(speed == 0, MAX_TORQUE, pumping)
        holding = -(12 * angle + 3 * speed)
        near = np.abs(angle) < 0.5
        return np.clip(np.where(near, holding, pumping), -MAX_TORQUE, MAX_TORQUE)[:, None].astype(np.float32)


def pendulum_records(episodes: int, seed: int) -> Dataset:
    """Episodes whose shares of random torques are spread evenly from 0 to 1."""
    rng, shares = np.random.default_rng(seed), np.linspace(0, 1, episodes)
    rng.shuffle(shares)

    def explored(observation: Any) -> Any:
        actions = Swing().act(observation)
        at_random = rng.uniform(-MAX_TORQUE, MAX_TORQUE, actions.shape).astype(np.float32)
        return np.where(rng.random(actions.shape) < shares[:, None], at_random, actions)

    seen, actions, rewards = rollout(explored, episodes, 1_000 * seed)
    cut = np.zeros((episodes, HORIZON), np.bool_)
    cut[:, -1] = True
    return Dataset(
        observations=seen.reshape(-1, 3),
        actions=actions.reshape(-1, 1),
        rewards=rewards.reshape(-1),
        terminated=np.zeros(cut.size, np.bool_),
        truncated=cut.reshape(-1),
        lengths=np.full(episodes, HORIZON),
    )


def rollout(act: Any, episodes: int, seed: int) -> tuple[Any, Any, Any]:
    """Whole episodes in Gymnasium's Pendulum-v1: observations, torques and rewards, one row an episode."""
    import gymnasium

    envs = [gymnasium.make("Pendulum-v1") for _ in range(episodes)]
    seen = [np.stack([env.reset(seed=seed + row)[0] for row, env in enumerate(envs)])]
    actions, rewards = [], []
    for _ in range(HORIZON):
        actions.append(np.asarray(act(seen[-1]), np.float32))
        steps = [env.step(action) for env, action in zip(envs, actions[-1], strict=True)]
        seen.append(np.stack([step[0] for step in steps]))
        rewards.append(np.array([step[1] for step in steps], np.float64))
    for env in envs:
        env.close()
    return np.stack(seen, 1), np.stack(actions, 1), np.stack(rewards, 1)

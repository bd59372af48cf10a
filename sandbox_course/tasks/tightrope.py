"""A walk on a rope, on which imitation can be measured exactly: what does a mistake cost?

On the rope a new place is seen at every step, and of two actions one is right; a wrong one is a fall. Off the
rope a step costs 1, and a third action climbs back, which whoever never falls never shows.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api import Dataset

CLIMB = 2


class Tightrope(gym.vector.VectorEnv[Any, Any, Any]):
    """Walks of the same length side by side; truncated together at the horizon.

    Observation: ``(3,)``: a place in the unit square, and whether one has fallen. Reward: -1 for every step
    that begins off the rope. ``info["expert_action"]`` is the right action.

    Args:
        horizon: Steps of a walk.
        num_envs: Walks.
        seed: Of the places.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, horizon: int, num_envs: int, seed: int) -> None:
        self.horizon, self.num_envs = horizon, num_envs
        self.single_observation_space = gym.spaces.Box(0.0, 1.0, (3,), np.float32)
        self.single_action_space = gym.spaces.Discrete(3)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._rng = np.random.default_rng(seed)
        self._begin()

    def _begin(self) -> None:
        self.clock, self.fallen = 0, np.zeros(self.num_envs, np.bool_)
        self._look()

    def _look(self) -> None:
        place = self._rng.random((self.num_envs, 2))
        self.seen = np.column_stack([place, self.fallen]).astype(np.float32)
        above = place[:, 1] > 0.5 + 0.3 * np.sin(2 * np.pi * place[:, 0])
        self.right = np.where(self.fallen, CLIMB, above.astype(np.int64))

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin at the start of the rope."""
        self._begin()
        return self.seen, {"expert_action": self.right}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Walk, fall or climb."""
        reward = -self.fallen.astype(np.float64)
        self.fallen = np.asarray(actions) != self.right
        self.clock += 1
        self._look()
        never, over = (np.full(self.num_envs, value) for value in (False, self.clock >= self.horizon))
        info: dict[str, Any] = {}
        if over[0]:
            last = np.full(self.num_envs, None, object)
            last[:] = list(self.seen)
            info = {"final_obs": last}
            self._begin()
        return (
            self.seen,
            reward,
            never,
            over,
            info | {"expert_action": self.right},
        )


def demonstrations(horizon: int, steps: int, seed: int) -> Dataset:
    """Whole walks of the expert, so many steps in all."""
    count = steps // horizon
    envs = Tightrope(horizon, count, seed)
    observations, actions = [envs.seen], []
    for _ in range(horizon):
        actions.append(envs.right)
        observation, _, _, _, info = envs.step(envs.right)
        observations.append(np.stack(list(info["final_obs"])) if "final_obs" in info else observation)
    ends = np.tile(np.arange(horizon) == horizon - 1, count)
    return Dataset(
        observations=np.stack(observations, axis=1).reshape(-1, 3),
        actions=np.stack(actions, axis=1).reshape(-1),
        rewards=np.zeros(count * horizon),
        terminated=np.zeros(count * horizon, np.bool_),
        truncated=ends,
        lengths=np.full(count, horizon),
    )


def excess_cost(policy: Any, horizon: int, walks: int, seed: int) -> float:
    """Mean steps off the rope in a walk; the expert has none."""
    envs, total = Tightrope(horizon, walks, seed), 0.0
    for _ in range(horizon):
        _, reward, *_ = envs.step(policy.act(envs.seen))
        total -= float(reward.sum())
    return total / walks

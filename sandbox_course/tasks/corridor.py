"""The short corridor with switched actions: Sutton & Barto (2018), Example 13.1.

Three cells and a goal to their right. Right moves right and left moves left, but in the second cell they are
swapped. A step costs 1, and all cells look alike. With p the probability of right, the value of the start is
v(p) = -(4 - 2p) / (p (1 - p)), best at p = 2 - √2 with v = -(6 + 4√2); a policy without chance never arrives.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

BEST_P = 2 - 2**0.5
BEST_VALUE = -(6 + 4 * 2**0.5)
HORIZON = 2_000
GOAL, SWAPPED, RIGHT = 3, 1, 1


def value(p: float) -> float:
    """What the start is worth if right is taken with probability ``p``."""
    return -(4 - 2 * p) / (p * (1 - p)) if 0 < p < 1 else -float(HORIZON)


class Corridor(gym.vector.VectorEnv[Any, Any, Any]):
    """Corridors side by side. Observation: ``(1,)``, always 1. Action: 0 left, 1 right. Reward: -1 a step."""

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, num_envs: int) -> None:
        self.num_envs = num_envs
        self.single_observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.single_action_space = gym.spaces.Discrete(2)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._begin(np.ones(num_envs, np.bool_))

    def _begin(self, rows: Any) -> None:
        if not hasattr(self, "cells"):
            self.cells, self.clock = np.zeros((2, self.num_envs), np.int64)
        self.cells[rows] = self.clock[rows] = 0

    @property
    def _seen(self) -> Any:
        return np.ones((self.num_envs, 1), np.float32)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Into the first cell."""
        self._begin(np.ones(self.num_envs, np.bool_))
        return self._seen, {}

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Move; a corridor that ends begins again."""
        right = (np.asarray(actions) == RIGHT) != (self.cells == SWAPPED)
        self.cells = np.maximum(self.cells + np.where(right, 1, -1), 0)
        self.clock += 1
        arrived = self.cells == GOAL
        cut = ~arrived & (self.clock >= HORIZON)
        ended, info = arrived | cut, {}
        if ended.any():
            last = np.full(self.num_envs, None, object)
            for row in np.flatnonzero(ended):
                last[row] = self._seen[row]
            info = {"final_obs": last, "_final_obs": ended, "final_info": {}, "_final_info": ended}
            self._begin(ended)
        return self._seen, np.full(self.num_envs, -1.0), arrived, cut, info

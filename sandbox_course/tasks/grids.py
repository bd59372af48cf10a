"""Grids with known answers: the cliff and the maze of Sutton & Barto (2018), Example 6.6 and Figure 8.2."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, SyncVectorEnv

MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""Up, right, down, left."""

MAZE = (
    ".......#G",
    "..#....#.",
    "S.#....#.",
    "..#......",
    ".....#...",
    ".........",
)
SHORTEST = 14
"""Steps of the shortest way through the maze."""


class Cliff(gym.Env[Any, Any]):
    """From the lower left to the lower right of 12 by 4 cells; those between are a cliff.

    Observation: the number of the cell. Reward: -1 a step, -100 for a fall, which leads back to the start.
    """

    width, height = 12, 4

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Discrete(self.width * self.height)
        self.action_space = gym.spaces.Discrete(4)
        self.x = self.y = self.clock = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        """To the lower left."""
        super().reset(seed=seed)
        self.x = self.y = self.clock = 0
        return 0, {}

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Move one cell."""
        dx, dy = MOVES[int(action)]
        x, y = min(max(self.x + dx, 0), self.width - 1), min(max(self.y + dy, 0), self.height - 1)
        self.clock += 1
        fell = y == 0 and 0 < x < self.width - 1
        self.x, self.y = (0, 0) if fell else (x, y)
        arrived = y == 0 and x == self.width - 1
        over = not arrived and self.clock >= 500
        return self.y * self.width + self.x, -100.0 if fell else -1.0, arrived, over, {}


class Maze(gym.Env[Any, Any]):
    """Nine by six cells with walls. Observation: the number of the cell. Reward: 1 at the goal, else 0."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Discrete(len(MAZE) * len(MAZE[0]))
        self.action_space = gym.spaces.Discrete(4)
        self.clock, self.place = 0, _find("S")

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[int, dict[str, Any]]:
        """To S."""
        super().reset(seed=seed)
        self.clock, self.place = 0, _find("S")
        return self._seen, {}

    @property
    def _seen(self) -> int:
        return self.place[1] * len(MAZE[0]) + self.place[0]

    def step(self, action: Any) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Move one cell; walls and the border are no way."""
        dx, dy = MOVES[int(action)]
        x, y = self.place[0] + dx, self.place[1] - dy
        if 0 <= x < len(MAZE[0]) and 0 <= y < len(MAZE) and MAZE[y][x] != "#":
            self.place = x, y
        self.clock += 1
        arrived = MAZE[self.place[1]][self.place[0]] == "G"
        return self._seen, float(arrived), arrived, not arrived and self.clock >= 2_000, {}


def _find(sign: str) -> tuple[int, int]:
    return next((row.index(sign), y) for y, row in enumerate(MAZE) if sign in row)


def one_of(make: Any, seed: int) -> Any:
    """One environment as a batch, started by a seed."""
    envs: Any = SyncVectorEnv([make], autoreset_mode=AutoresetMode.SAME_STEP)
    envs.reset(seed=seed)
    return envs


def walked(policy: Any, env: Any, most: int = 200) -> list[int]:
    """Cells on the way of a policy without chance, at most so many."""
    import numpy as np

    cells, ended = [int(env.reset(seed=0)[0])], False
    while not ended and len(cells) < most:
        cell, _, terminated, truncated, _ = env.step(policy.act(np.array([cells[-1]]))[0])
        cells.append(int(cell))
        ended = terminated or truncated
    return cells

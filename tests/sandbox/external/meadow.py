"""A parallel environment of PettingZoo: sheep that leave one after the other, two of them with masks."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from pettingzoo import ParallelEnv


class Meadow(ParallelEnv):
    """Sheep i leaves after 2 + i steps; grazing (action 1) earns 1."""

    metadata = {"name": "meadow", "render_modes": ["rgb_array"]}  # noqa: RUF012 - PettingZoo's convention

    def __init__(
        self, sheep: int = 3, masks: bool = False, tell: bool = False, render_mode: str | None = None
    ) -> None:
        self.possible_agents = [f"sheep_{index}" for index in range(sheep)]
        self.masks, self.tell, self.render_mode = masks, tell, render_mode
        self.agents: list[str] = []

    def observation_space(self, agent: str) -> Any:
        seen = gym.spaces.Box(0.0, 10.0, (2,), np.float32)
        if self.masks:
            return gym.spaces.Dict(observation=seen, action_mask=gym.spaces.MultiBinary(2))
        return seen

    def action_space(self, agent: str) -> Any:
        return gym.spaces.Discrete(2)

    def reset(self, seed: int | None = None, options: Any = None) -> Any:
        self.rng = np.random.default_rng(seed)
        self.agents, self.count = list(self.possible_agents), 0
        return self._observe(self.agents), {agent: self._mask() for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> Any:
        self.count += 1
        present = self.agents
        left = {agent: self.count >= 2 + self.possible_agents.index(agent) for agent in present}
        self.agents = [agent for agent in present if not left[agent]]
        rewards = {agent: float(actions[agent] == 1) for agent in present}
        infos = {agent: {"grass": 10.0 - self.count, **self._mask()} for agent in present}
        return self._observe(present), rewards, left, dict.fromkeys(present, False), infos

    def render(self) -> Any:
        return np.zeros((4, 4, 3), np.uint8)

    def _mask(self) -> Any:
        return {"action_mask": np.array([0, 1], np.int8)} if self.tell else {}

    def _observe(self, agents: list[str]) -> Any:
        seen = {agent: np.array([self.count, self.rng.random()], np.float32) for agent in agents}
        if not self.masks:
            return seen
        return {
            agent: {"observation": seen[agent], "action_mask": np.array([1, 0], np.int8)} for agent in seen
        }


def parallel_env(**kwargs: Any) -> Meadow:
    return Meadow(**kwargs)

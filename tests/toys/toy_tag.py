"""Three unlike hunters on a line, each of which leaves when it has touched the wandering prey.

Hunters differ in reach: the walker jumps 1 cell at most, the runner 2, the jumper 3, so they have 3,
5 and 7 actions; and in sight: 2, 3 and 5 numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from pettingzoo import ParallelEnv
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import RewardSpec, RewardTerm

REACH = {"walker": 1, "runner": 2, "jumper": 3}
SIGHT = {"walker": 2, "runner": 3, "jumper": 5}
PREY_MOVES = (-1, 0, 0, 1)


class TagConfig(BaseModel):
    """Parameters of the game."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    length: int = Field(11, ge=5, le=101, description="cells of the line, cells")
    horizon: int = Field(50, ge=1, le=10_000, description="steps until truncation")


@dataclass(frozen=True, slots=True)
class Transition:
    """One hunter's step: whether it touched the prey, and how far from it it ended, cells."""

    touched: bool
    distance: int


REWARDS = {
    "touch": RewardSpec(
        (
            RewardTerm("time", lambda step: 1.0, -1.0, "steps", description="1 for every step"),
            RewardTerm(
                "touch", lambda step: float(step.touched), 5.0, "touches", description="touched the prey"
            ),
            RewardTerm(
                "distance", lambda step: float(step.distance), 0.0, "cells", description="to the prey"
            ),
        )
    )
}


def jumps(agent: str) -> Any:
    """Displacement of every action, cells: 0, -1, +1, -2, +2, …; shape ``(2 · reach + 1,)``."""
    return np.array([0, *(sign * size for size in range(1, REACH[agent] + 1) for sign in (-1, 1))])


class TagEnv(ParallelEnv[str, Any, int]):
    """Parallel game.

    Observation of a hunter, all in [-1, 1]: own place, place of the prey, (runner and jumper) the
    prey's last move, (jumper) presence of the two others. Places are scaled from [0, length - 1].
    Action: a jump, see `jumps`. Mask: no jump off the line; a forbidden one is a jump of 0.
    A hunter that shares the prey's cell after both moved is terminated; at the horizon all that are
    left are truncated. The infos of the last step hold the whole game's metrics.
    """

    metadata = {"name": "toy_tag_v1", "render_modes": []}  # noqa: RUF012 - PettingZoo's convention

    def __init__(self, config: TagConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.possible_agents = list(REACH)
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: gym.spaces.Box(-1.0, 1.0, (SIGHT[agent],), np.float32) for agent in REACH
        }
        self.action_spaces = {agent: gym.spaces.Discrete(2 * REACH[agent] + 1) for agent in REACH}
        self.rng = np.random.default_rng()

    def observation_space(self, agent: str) -> gym.Space[Any]:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> gym.Space[Any]:
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.agents = self.possible_agents[:]
        cells = self.rng.permutation(self.config.length)
        self.prey, self.prey_move, self.steps = int(cells[0]), 0, 0
        self.place = {agent: int(cell) for agent, cell in zip(REACH, cells[1:], strict=False)}
        return (
            {agent: self._observe(agent) for agent in self.agents},
            {agent: {"action_mask": self.mask(agent)} for agent in self.agents},
        )

    def mask(self, agent: str) -> Any:
        """Allowed jumps of a hunter, shape ``(2 · reach + 1,)``."""
        there = self.place[agent] + jumps(agent)
        return (there >= 0) & (there < self.config.length)

    def step(self, actions: dict[str, int]) -> tuple[Any, Any, Any, Any, Any]:
        playing, start = self.agents, self.prey
        for agent in playing:
            action = int(actions[agent])
            if self.mask(agent)[action]:
                self.place[agent] += int(jumps(agent)[action])
        wish = start + int(self.rng.choice(PREY_MOVES))
        self.prey = min(max(wish, 0), self.config.length - 1)
        self.prey_move = self.prey - start
        self.steps += 1
        touched = {agent: self.place[agent] == self.prey for agent in playing}
        late = self.steps >= self.config.horizon
        truncated = {agent: late and not touched[agent] for agent in playing}
        rewards, infos = {}, {}
        for agent in playing:
            breakdown = self.reward(Transition(touched[agent], abs(self.place[agent] - self.prey)))
            rewards[agent] = float(breakdown.total)
            infos[agent] = {"reward_terms": breakdown.terms, "action_mask": self.mask(agent)}
        self.agents = [agent for agent in playing if not (touched[agent] or truncated[agent])]
        if not self.agents:
            metrics = {"duration": float(self.steps), "touched": float(len(REACH) - sum(truncated.values()))}
            for agent in playing:
                infos[agent]["metrics"] = metrics
        return {agent: self._observe(agent) for agent in playing}, rewards, touched, truncated, infos

    def _observe(self, agent: str) -> Any:
        scale = 2 / (self.config.length - 1)
        others = [float(other in self.agents) for other in REACH if other != agent]
        everything = [self.place[agent] * scale - 1, self.prey * scale - 1, self.prey_move, *others]
        return np.array(everything[: SIGHT[agent]], np.float32)


def make(config: TagConfig, reward: RewardSpec, render_mode: str | None = None) -> TagEnv:
    """The environment of a scenario."""
    return TagEnv(config, reward, render_mode)


class ChasePolicy:
    """Every hunter takes the jump that ends nearest to the prey; reads the simulator."""

    def __init__(self, env: TagEnv) -> None:
        self.env = env

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        env = self.env
        actions = np.zeros(len(REACH), np.int64)
        for row, agent in enumerate(env.possible_agents):
            distance = np.abs(env.place[agent] + jumps(agent) - env.prey).astype(np.float64)
            distance[~env.mask(agent)] = np.inf
            actions[row] = distance.argmin()
        return actions

    def save(self, directory: Path) -> None:
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def make_chase(env: TagEnv) -> ChasePolicy:
    """Bound to the game that it plays."""
    return ChasePolicy(env)


def draw_steps(request: Any) -> None:
    """Rewards along the way, and the record of every episode."""
    played = []
    for agent in request.agents:
        for seed in request.seeds:
            rewards: list[float] = []
            episode = request.play(agent, seed, lambda env, moment, to=rewards: to.append(moment.reward))
            played.append({"agent": agent.name, "seed": seed, "rewards": rewards, "length": episode.length})
    request.path.write_text(json.dumps(played))


def draw_nothing(request: Any) -> None:
    """Forgets to write."""

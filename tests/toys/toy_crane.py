"""A crane takes crates from three stacks: a choice of two parts that do not start at 0, each with masks.

The smallest batched core with everything that masks and observations of several parts can have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Rewards, RewardTerm, batched

STACKS, HIGHEST = 3, 4


class CraneConfig(BaseModel):
    """Parameters of the yard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    arrival: float = Field(0.2, ge=0.0, le=1.0, description="probability of a crate on each stack a step, 1")
    horizon: int = Field(20, ge=1, le=10_000, description="steps until truncation")


@dataclass(frozen=True, slots=True)
class Move:
    """One move of the crane in every row, shape ``(num_envs,)``.

    Attributes:
        left: Crates that are left.
        idle: 1 where none was taken.
    """

    left: NDArray[np.int64]
    idle: NDArray[np.int64]


REWARDS = Rewards(
    [RewardTerm("left", weight=-0.1, unit="crates"), RewardTerm("idle", weight=-0.5)],
    presets={"thorough": {"idle": -2.0}},
)


class Crane:
    """Action ``(stack, crates)``: stack 1 to 3, and 1 or 2 crates; an empty yard ends the episode.

    Two crates may be taken only where some stack has two, and only stacks that have a crate may be
    chosen. What the stack does not have is not taken.
    """

    def __init__(self, config: CraneConfig, num_envs: int) -> None:
        self.config = config
        self.observation_space = gym.spaces.Dict(
            stacks=gym.spaces.Box(0.0, 1.0, (STACKS,), np.float32),
            clock=gym.spaces.Box(0.0, 1.0, (1,), np.float32),
        )
        self.action_space = gym.spaces.MultiDiscrete([STACKS, 2], start=[1, 1])
        self.stacks = np.zeros((num_envs, STACKS), np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self.arrivals = np.zeros((num_envs, config.horizon, STACKS), np.bool_)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        self.stacks[row] = rng.integers(1, HIGHEST + 1, STACKS)
        self.arrivals[row] = rng.random((self.config.horizon, STACKS)) < self.config.arrival
        self.steps[row] = 0

    def step(self, actions: NDArray[np.int64]) -> Move:
        rows, stack = np.arange(len(actions)), actions[:, 0] - 1
        taken = np.minimum(actions[:, 1], self.stacks[rows, stack])
        self.stacks[rows, stack] -= taken
        empty = self.stacks.sum(1) == 0
        arrived = self.arrivals[rows, self.steps] & ~empty[:, None]
        self.stacks = np.minimum(self.stacks + arrived, HIGHEST)
        self.steps = self.steps + 1
        return Move(self.stacks.sum(1), (taken == 0).astype(np.int64))

    def observe(self) -> dict[str, NDArray[Any]]:
        return {
            "stacks": (self.stacks / HIGHEST).astype(np.float32),
            "clock": (self.steps[:, None] / self.config.horizon).astype(np.float32),
        }

    def masks(self) -> NDArray[np.bool_]:
        # An empty yard is the end; a mask must allow something nevertheless.
        some = self.stacks > 0
        some |= ~some.any(1, keepdims=True)
        return np.column_stack((some, np.ones(len(some), np.bool_), (self.stacks >= 2).any(1)))

    def ends(self) -> tuple[Any, Any]:
        empty = self.stacks.sum(1) == 0
        return empty, ~empty & (self.steps >= self.config.horizon)

    def metrics(self, row: int) -> dict[str, float]:
        return {"duration": self.steps[row]}


make, make_vec = batched(Crane)


def highest(env: Any) -> Any:
    """Takes two from the highest stack, or one where there is but one."""

    def act(observation: Any) -> Any:
        stacks = np.rint(observation["stacks"] * HIGHEST)
        return np.column_stack((stacks.argmax(1) + 1, np.clip(stacks.max(1), 1, 2))).astype(np.int64)

    return act

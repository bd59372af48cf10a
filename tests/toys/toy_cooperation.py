"""Games for agents with one reward whose solutions are known: matrices, and QMIX's game of two steps.

Of a matrix game every agent is paid the entry of the joint action. In the game of two steps (Rashid et al.
2018, section 5) the first agent's first action chooses between two matrices: 2A pays 7 whatever is done, 2B
pays ((0, 1), (1, 8)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import RewardSpec, RewardTerm, batched

MATRICES = {
    "climbing": [[11, -30, 0], [-30, 7, 6], [0, 0, 5]],
    "penalty": [[-25, 0, 10], [0, 2, 0], [10, 0, -25]],
}
TWO_STEP = np.array([[[7, 7], [7, 7]], [[0, 1], [1, 8]]], float)


class MatrixConfig(BaseModel):
    """Which matrix; Claus & Boutilier 1998, figures 2 and 3."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    game: Literal["climbing", "penalty"] = Field("climbing", description="the matrix")


class TwoStepConfig(BaseModel):
    """Nothing can be set."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True)
class Paid:
    """A step of both agents.

    Attributes:
        payoff: What each of them is paid, shape ``(num_envs, 2)``.
    """

    payoff: Any


REWARDS = {"payoff": RewardSpec((RewardTerm("payoff", lambda paid: paid.payoff, 1.0, "1"),))}


class Matrix:
    """One joint action; both see nothing."""

    agents = ("row", "column")
    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)

    def __init__(self, config: MatrixConfig, num_envs: int) -> None:
        self.config = config
        self.table = np.array(MATRICES[config.game], float)
        self.table.setflags(write=False)
        self.action_space = gym.spaces.Discrete(len(self.table))
        self.paid = np.zeros(num_envs)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        self.paid[row] = 0

    def step(self, actions: Any) -> Paid:
        self.paid = self.table[actions[:, 0], actions[:, 1]]
        return Paid(np.repeat(self.paid[:, None], 2, axis=1))

    def observe(self) -> Any:
        return np.ones((len(self.paid), 2, 1), np.float32)

    def ends(self) -> tuple[Any, Any]:
        return True, False

    def metrics(self, row: int) -> dict[str, float]:
        return {"payoff": float(self.paid[row])}


class TwoStep:
    """Two joint actions; both see which of the three states it is."""

    agents = ("first", "second")
    observation_space = gym.spaces.Box(0.0, 1.0, (3,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, config: TwoStepConfig, num_envs: int) -> None:
        self.config = config
        self.state = np.zeros(num_envs, int)  # 0, then 1 for 2A or 2 for 2B
        self.paid = np.zeros(num_envs)
        self.over = np.zeros(num_envs, bool)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        self.state[row], self.paid[row], self.over[row] = 0, 0, False

    def step(self, actions: Any) -> Paid:
        self.over = self.state > 0
        second = TWO_STEP[self.state - 1, actions[:, 0], actions[:, 1]]
        self.paid = np.where(self.over, second, 0.0)
        self.state = np.where(self.over, self.state, 1 + actions[:, 0])
        return Paid(np.repeat(self.paid[:, None], 2, axis=1))

    def observe(self) -> Any:
        return np.repeat(np.eye(3, dtype=np.float32)[self.state][:, None], 2, axis=1)

    def ends(self) -> tuple[Any, Any]:
        return np.repeat(self.over[:, None], 2, axis=1), False

    def metrics(self, row: int) -> dict[str, float]:
        return {"payoff": float(self.paid[row])}


make_matrix, make_matrix_vec = batched(Matrix)
make_two_step, make_two_step_vec = batched(TwoStep)


def best_matrix(env: Any) -> Any:
    """Both play towards the largest entry."""
    best = np.array(np.unravel_index(env.core.table.argmax(), env.core.table.shape))
    return lambda observation: np.tile(best, len(observation) // 2)


def best_two_step(env: Any) -> Any:
    """The second action always: to 2B, then 8."""
    return lambda observation: np.ones(len(observation), np.int64)

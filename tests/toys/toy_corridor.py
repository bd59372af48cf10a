"""Short corridor with switched actions: Sutton & Barto (2018), Example 13.1.

Three cells and a goal to their right. Right moves right, left moves left, except in the second cell,
where they are swapped; left in the first cell stays there. Every step costs 1. All cells look the
same, so a policy is one number, the probability p of going right, and its value from the start is

    v(p) = -(4 - 2p) / (p (1 - p)),   best at p* = 2 - √2 ≈ 0.586 with v(p*) = -(6 + 4√2) ≈ -11.66.

Deterministic policies never arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import RewardSpec, RewardTerm

LEFT, RIGHT = 0, 1
GOAL = 3
SWITCHED = 1
OPTIMAL_P = 2 - 2**0.5


def value(p: float) -> float:
    """Expected undiscounted return from the first cell of going right with probability ``p``.

    From v₀ = -1 + p v₁ + (1-p) v₀, v₁ = -1 + p v₀ + (1-p) v₂, v₂ = -1 + (1-p) v₁.
    """
    return -(4 - 2 * p) / (p * (1 - p))


class CorridorConfig(BaseModel):
    """Parameters of the corridor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizon: int = Field(2000, ge=1, le=1_000_000, description="steps after which an episode is truncated")


@dataclass(frozen=True, slots=True)
class Transition:
    """One step: whether the goal was reached, for one environment or for each."""

    arrived: Any


REWARDS = {
    "steps": RewardSpec(
        (
            RewardTerm(
                "step",
                lambda transition: transition.arrived * 0.0 + 1.0,
                -1.0,
                "steps",
                description="1 for every step",
            ),
            RewardTerm("goal", lambda transition: transition.arrived * 1.0, 0.0, "1", description="arrival"),
        )
    ),
    "goal": RewardSpec(
        (
            RewardTerm(
                "step",
                lambda transition: transition.arrived * 0.0 + 1.0,
                0.0,
                "steps",
                description="1 for every step",
            ),
            RewardTerm("goal", lambda transition: transition.arrived * 1.0, 1.0, "1", description="arrival"),
        )
    ),
}


class CorridorEnv(gym.Env[Any, Any]):
    """Observation: ``(1,)``, always 1. Action: 0 left, 1 right. Terminates at the goal."""

    metadata = {"render_modes": ["ansi"]}  # noqa: RUF012 - Gymnasium's convention

    def __init__(self, config: CorridorConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.cell = self.steps = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.cell = self.steps = 0
        return np.ones(1, np.float32), {}

    def get_state(self) -> dict[str, Any]:
        return {"cell": self.cell, "steps": self.steps}

    def set_state(self, state: dict[str, Any]) -> None:
        self.cell, self.steps = state["cell"], state["steps"]

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        move = 1 if action == RIGHT else -1
        if self.cell == SWITCHED:
            move = -move
        self.cell = max(self.cell + move, 0)
        self.steps += 1
        terminated = self.cell == GOAL
        truncated = not terminated and self.steps >= self.config.horizon
        breakdown = self.reward(Transition(terminated))
        info: dict[str, Any] = {"reward_terms": breakdown.terms}
        if terminated or truncated:
            info["metrics"] = {"steps": float(self.steps)}
        return np.ones(1, np.float32), float(breakdown.total), terminated, truncated, info

    def render(self) -> str | None:
        if self.render_mode != "ansi":
            return None
        return "".join("o" if cell == self.cell else "." for cell in range(GOAL)) + "G"


class CorridorVectorEnv(gym.vector.VectorEnv[Any, Any, Any]):
    """Many corridors as one array operation; nothing in them is random, so seeds do not matter."""

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: CorridorConfig, reward: RewardSpec, num_envs: int) -> None:
        single = CorridorEnv(config, reward)
        self.config, self.reward, self.num_envs = config, reward, num_envs
        self.single_observation_space, self.single_action_space = (
            single.observation_space,
            single.action_space,
        )
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.cells, self.steps = np.zeros((2, num_envs), np.int64)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Put every environment into the first cell."""
        self.cells, self.steps = np.zeros((2, self.num_envs), np.int64)
        return np.ones((self.num_envs, 1), np.float32), {}

    def get_state(self) -> dict[str, Any]:
        return {"cells": self.cells.copy(), "steps": self.steps.copy()}

    def set_state(self, state: dict[str, Any]) -> None:
        self.cells, self.steps = state["cells"].copy(), state["steps"].copy()

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        move = np.where((np.asarray(actions) == RIGHT) != (self.cells == SWITCHED), 1, -1)
        self.cells = np.maximum(self.cells + move, 0)
        self.steps = self.steps + 1
        terminated = self.cells == GOAL
        ended = terminated | (self.steps >= self.config.horizon)
        breakdown = self.reward(Transition(terminated))
        observation = np.ones((self.num_envs, 1), np.float32)
        info = _of_rows({"reward_terms": _of_rows(breakdown.terms, ~ended)}, ~ended)
        if ended.any():
            final_obs = np.full(self.num_envs, None, object)
            for row in np.flatnonzero(ended):
                final_obs[row] = observation[row]
            metrics = _of_rows({"steps": self.steps * 1.0}, ended)
            final = {"reward_terms": _of_rows(breakdown.terms, ended), "metrics": metrics}
            info |= _of_rows({"final_obs": final_obs, "final_info": _of_rows(final, ended)}, ended)
            self.cells, self.steps = np.where(ended, 0, self.cells), np.where(ended, 0, self.steps)
        return observation, breakdown.total, terminated, ended & ~terminated, info


def _of_rows(values: dict[str, Any], rows: Any) -> dict[str, Any]:
    """Gymnasium's form of batched infos: beside every ``key`` a boolean ``_key`` of the rows it is for."""
    zeroed = {
        name: np.where(rows, value, 0.0) if getattr(value, "dtype", None) == np.float64 else value
        for name, value in values.items()
    }
    return zeroed | {f"_{name}": rows for name in values} if rows.any() else {}


def make_vec(config: CorridorConfig, reward: RewardSpec, num_envs: int) -> CorridorVectorEnv:
    """``num_envs`` environments, batched natively."""
    return CorridorVectorEnv(config, reward, num_envs)


def make(config: CorridorConfig, reward: RewardSpec, render_mode: str | None = None) -> CorridorEnv:
    """The environment of a scenario."""
    return CorridorEnv(config, reward, render_mode)


class CoinPolicy:
    """Goes right with probability ``p``: stochastic even when asked for its mode."""

    def __init__(self, p: float) -> None:
        self.p = p
        self.rng = np.random.default_rng()

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.rng = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        return np.where(self.rng.random(len(observation)) < self.p, RIGHT, LEFT)

    def save(self, directory: Path) -> None:
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def make_optimal(env: Any) -> CoinPolicy:
    """The best blind policy, p = 2 - √2."""
    return CoinPolicy(OPTIMAL_P)


def make_epsilon_right(env: Any) -> CoinPolicy:
    """The ε-greedy right policy of the book's example, ε = 0.1; v(0.95) ≈ -44."""
    return CoinPolicy(0.95)

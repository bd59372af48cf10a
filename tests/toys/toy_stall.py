"""Buy one of three offers a step; some are stale, and how much that matters depends on the weather."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import RewardSpec, RewardTerm

OFFERS = 3
LOSS = np.array([0.0, 0.4, 0.8])
"""Coins lost with a stale offer when the weather is cool, warm or hot."""


class StallConfig(BaseModel):
    """Parameters of the stall."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    purchases: int = Field(10, ge=1, le=10_000, description="purchases of a day, steps")
    stale: float = Field(0.5, ge=0.0, le=1.0, description="probability that an offer is stale, 1")


@dataclass(frozen=True, slots=True)
class Transition:
    """One purchase: its price and its loss by staleness, coins."""

    price: float
    loss: float


REWARDS = {
    "spending": RewardSpec(
        (
            RewardTerm("price", lambda step: step.price, -1.0, "coins", description="price paid"),
            RewardTerm("loss", lambda step: step.loss, -1.0, "coins", description="lost by staleness"),
        )
    )
}


class StallEnv(gym.Env[Any, Any]):
    """Independent purchases; the day is over, and the episode terminated, after the last one.

    Observation: a dictionary of ``prices`` (Box, ``(3,)``, coins in [0, 1]), ``stale`` (MultiBinary
    ``(3,)``) and ``weather`` (Discrete 3). Action: the offer to take.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's convention

    def __init__(self, config: StallConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space = gym.spaces.Dict(
            {
                "prices": gym.spaces.Box(0.0, 1.0, (OFFERS,), np.float32),
                "stale": gym.spaces.MultiBinary(OFFERS),
                "weather": gym.spaces.Discrete(len(LOSS)),
            }
        )
        self.action_space = gym.spaces.Discrete(OFFERS)
        self.steps, self.spent = 0, 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps, self.spent = 0, 0.0
        return self._offer(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        shown = self.shown
        transition = Transition(
            float(shown["prices"][action]), float(LOSS[shown["weather"]] * shown["stale"][action])
        )
        breakdown = self.reward(transition)
        self.spent += transition.price + transition.loss
        self.steps += 1
        terminated = self.steps >= self.config.purchases
        info: dict[str, Any] = {"reward_terms": breakdown.terms}
        if terminated:
            info["metrics"] = {"cost": self.spent / self.steps}
        return self._offer(), float(breakdown.total), terminated, False, info

    def _offer(self) -> dict[str, Any]:
        rng = self.np_random
        self.shown = {
            "prices": rng.random(OFFERS, np.float32),
            "stale": (rng.random(OFFERS) < self.config.stale).astype(np.int8),
            "weather": rng.integers(len(LOSS)),
        }
        return dict(self.shown)


def make(config: StallConfig, reward: RewardSpec, render_mode: str | None = None) -> StallEnv:
    """The environment of a scenario."""
    return StallEnv(config, reward, render_mode)


class LeastCostPolicy:
    """Takes the offer with the least price plus ``care`` times the loss by staleness."""

    def __init__(self, care: float) -> None:
        self.care = care

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        loss = LOSS[np.asarray(observation["weather"])][:, None] * observation["stale"]
        return (observation["prices"] + self.care * loss).argmin(1)

    def save(self, directory: Path) -> None:
        raise NotImplementedError("a baseline is made from its environment, not from a file")


def make_optimal(env: Any) -> LeastCostPolicy:
    """Exactly optimal: purchases do not affect each other."""
    return LeastCostPolicy(1.0)


def make_cheapest(env: Any) -> LeastCostPolicy:
    """Blind to staleness."""
    return LeastCostPolicy(0.0)

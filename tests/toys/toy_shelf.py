"""A shelf that is restocked every evening, small enough to be solved exactly.

From stock s, an order a fills it to s + a ≤ capacity; demand d takes min(s + a, d); the rest stays:

    s' = max(s + a - d, 0),   d = 0, 1, 2, 3 with probabilities 0.3, 0.4, 0.2, 0.1.

A sold item earns the price, an ordered one its cost, an order its fee, an item that is left a holding cost.
Episodes are truncated at the horizon, which is not observed: the problem has no end of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import FiniteModel, InvalidValueError, RewardSpec, RewardTerm

DEMAND = np.array([0.3, 0.4, 0.2, 0.1])
DISCOUNT = 0.95


class ShelfConfig(BaseModel):
    """Parameters of the shelf."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    capacity: int = Field(5, ge=1, le=10_000, description="places on the shelf, items")
    horizon: int = Field(50, ge=1, le=10_000, description="evenings until truncation")


@dataclass(frozen=True, slots=True)
class Evening:
    """One evening: items sold, ordered and left, and whether an order was placed."""

    sold: Any
    ordered: Any
    left: Any
    placed: Any


REWARDS = {
    "profit": RewardSpec(
        (
            RewardTerm("sold", lambda evening: evening.sold * 1.0, 3.0, "items"),
            RewardTerm("ordered", lambda evening: evening.ordered * 1.0, -1.0, "items"),
            RewardTerm("placed", lambda evening: evening.placed * 1.0, -1.0, "orders"),
            RewardTerm("left", lambda evening: evening.left * 1.0, -0.1, "items"),
        )
    )
}


def evening(stock: Any, order: Any, demand: Any) -> Evening:
    """What happens to a stock, all of any shape."""
    full = stock + order
    sold = np.minimum(full, demand)
    return Evening(sold, order, full - sold, order > 0)


class ShelfEnv(gym.Env[Any, Any]):
    """Observation: ``(1,)``, stock over capacity. Action: items to order; what does not fit is left out."""

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's convention

    def __init__(self, config: ShelfConfig, reward: RewardSpec, render_mode: str | None = None) -> None:
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(config.capacity + 1)
        self.stock = self.steps = 0
        self.profit = 0.0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.stock = int(self.np_random.integers(self.config.capacity + 1))
        self.steps, self.profit = 0, 0.0
        return self._observe(), {"action_mask": self._mask()}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        order = min(int(action), self.config.capacity - self.stock)
        happened = evening(self.stock, order, int(self.np_random.choice(len(DEMAND), p=DEMAND)))
        self.stock, self.steps = int(happened.left), self.steps + 1
        breakdown = self.reward(happened)
        self.profit += 3 * happened.sold - happened.ordered - happened.placed - 0.1 * happened.left
        truncated = self.steps >= self.config.horizon
        info: dict[str, Any] = {
            "reward_terms": {name: float(value) for name, value in breakdown.terms.items()},
            "action_mask": self._mask(),
        }
        if truncated:
            info["metrics"] = {"profit": float(self.profit / self.steps)}
        return self._observe(), float(breakdown.total), False, truncated, info

    def get_state(self) -> dict[str, Any]:
        rng = self.np_random.bit_generator.state
        return {"stock": self.stock, "steps": self.steps, "profit": float(self.profit), "rng": rng}

    def set_state(self, state: dict[str, Any]) -> None:
        self.stock, self.steps, self.profit = state["stock"], state["steps"], state["profit"]
        self.np_random.bit_generator.state = state["rng"]

    def _observe(self) -> Any:
        return np.array([self.stock / self.config.capacity], np.float32)

    def _mask(self) -> Any:
        return np.arange(self.config.capacity + 1) <= self.config.capacity - self.stock


def make(config: ShelfConfig, reward: RewardSpec, render_mode: str | None = None) -> ShelfEnv:
    """The environment of a scenario."""
    return ShelfEnv(config, reward, render_mode)


def finite_model(config: ShelfConfig, reward: RewardSpec) -> FiniteModel:
    """States are stocks, 0 to the capacity, and so are actions."""
    count = config.capacity + 1
    if count > 100:
        raise InvalidValueError(f"A shelf of {config.capacity} places has too many states to write down.")
    stock, order, demand = np.meshgrid(np.arange(count), np.arange(count), np.arange(4), indexing="ij")
    allowed = stock + order < count
    happened = evening(stock, np.where(allowed, order, 0), demand)
    return FiniteModel(
        successors=np.asarray(happened.left),
        probabilities=np.broadcast_to(DEMAND, stock.shape),
        rewards=(reward(happened).total * DEMAND).sum(-1),
        initial=np.full(count, 1 / count),
        actions=np.arange(count),
        state_index=lambda seen: np.rint(np.asarray(seen)[:, 0] * config.capacity).astype(np.int64),
        observe=lambda states: (states[:, None] / config.capacity).astype(np.float32),
        discount=DISCOUNT,
        allowed=allowed[:, :, 0],
    )


class FillTo:
    """Orders up to a level; reads the stock from the observation."""

    def __init__(self, capacity: int, level: int) -> None:
        self.capacity, self.level = capacity, level

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        pass

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        stock = np.rint(np.asarray(observation)[:, 0] * self.capacity).astype(np.int64)
        return np.maximum(self.level - stock, 0)

    def save(self, directory: Any) -> None:
        raise NotImplementedError


def make_fill(env: Any) -> FillTo:
    """Fills the shelf."""
    return FillTo(env.config.capacity, env.config.capacity)


class EveryThird:
    """Fills the shelf every third evening, which it counts itself: it cannot be asked out of turn."""

    def __init__(self, env: ShelfEnv) -> None:
        self.env, self.count = env, 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.count = 0

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Any:
        room = self.env.config.capacity - self.env.stock
        self.count += 1
        return np.array([room if self.count % 3 == 1 else 0])

    def save(self, directory: Any) -> None:
        raise NotImplementedError


def make_every_third(env: Any) -> EveryThird:
    """Bound to the shelf that it fills."""
    return EveryThird(env)

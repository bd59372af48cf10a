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

from sandbox.api import FiniteModel, InvalidValueError, Rewards, RewardSpec, RewardTerm, batched

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


REWARDS = Rewards(
    [
        RewardTerm("sold", weight=3.0, unit="items"),
        RewardTerm("ordered", weight=-1.0, unit="items"),
        RewardTerm("placed", weight=-1.0, unit="orders"),
        RewardTerm("left", weight=-0.1, unit="items"),
    ],
    presets={"spacious": {"left": -0.01}},
)


def evening(stock: Any, order: Any, demand: Any) -> Evening:
    """What happens to a stock, all of any shape."""
    full = stock + order
    sold = np.minimum(full, demand)
    return Evening(sold, order, full - sold, order > 0)


class Shelves:
    """Observation: ``(1,)``, stock over capacity. Action: items to order; what does not fit is left out."""

    def __init__(self, config: ShelfConfig, num_envs: int) -> None:
        self.config = config
        self.observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(config.capacity + 1)
        self.stock = np.zeros(num_envs, np.int64)
        self.steps = np.zeros(num_envs, np.int64)
        self.profit = np.zeros(num_envs)
        self.demand = np.zeros((num_envs, config.horizon), np.int64)

    def begin(self, row: int, rng: np.random.Generator) -> None:
        self.stock[row] = rng.integers(self.config.capacity + 1)
        self.demand[row] = rng.choice(len(DEMAND), self.config.horizon, p=DEMAND)
        self.steps[row] = self.profit[row] = 0

    def step(self, actions: Any) -> Evening:
        order = np.minimum(actions, self.config.capacity - self.stock)
        happened = evening(self.stock, order, self.demand[np.arange(len(order)), self.steps])
        self.stock, self.steps = happened.left, self.steps + 1
        self.profit = self.profit + 3 * happened.sold - order - happened.placed - 0.1 * happened.left
        return happened

    def observe(self) -> Any:
        return (self.stock[:, None] / self.config.capacity).astype(np.float32)

    def masks(self) -> Any:
        return np.arange(self.config.capacity + 1) <= (self.config.capacity - self.stock)[:, None]

    def ends(self) -> tuple[Any, Any]:
        return False, self.steps >= self.config.horizon

    def metrics(self, row: int) -> dict[str, float]:
        return {"profit": self.profit[row] / self.steps[row]}


make, make_vec = batched(Shelves)


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


def fill(env: Any) -> Any:
    """Fills the shelf, as a function of what is observed."""
    capacity = env.config.capacity
    return lambda observation: capacity - np.rint(observation[:, 0] * capacity).astype(np.int64)


class EveryThird:
    """Fills the shelf every third evening, which it counts itself: it cannot be asked out of turn."""

    def __init__(self, env: Any) -> None:
        self.core, self.count = env.core, 0

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        self.count = 0

    def act(self, observation: Any) -> Any:
        room = self.core.config.capacity - self.core.stock
        self.count += 1
        return room if self.count % 3 == 1 else np.zeros_like(room)

"""Many items with demand from traces, lost sales, one lead time, and orders that cost something each.

Event order of a period: **receive, observe, order, demand, cost**, for every item as in the lost-sales task.
Items are coupled by nothing but the policy: one decision maker orders all of them. An episode is a window
of the
traces, which begins at a random place of the part that training or evaluation may use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium as gym
import numpy as np
from pydantic import Field

from sandbox.api import InputFile, InvalidValueError, RewardSpec
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State, positive, pushed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import best_rule
from sandbox_inventory.traces import generated, read

REWARDS = presets("holding", "shortage", "fixed", "revenue")
GENERATED = "generated:"
MEMORY = 0.1
"""Weight of the newest demand in an item's running mean."""


class SkusConfig(InventoryConfig):
    """Parameters of the system."""

    horizon: int = Field(100, ge=1, le=1_000_000, description="periods of an episode")
    traces: Annotated[str, InputFile()] = Field(
        "generated:", min_length=1, description="CSV or Parquet file with period, sku, demand; or generated:"
    )
    items: int = Field(20, ge=1, le=5_000, description="items that are generated")
    periods: int = Field(1460, ge=20, le=100_000, description="periods that are generated")
    generator_seed: int = Field(0, ge=0, le=2**31 - 1, description="seed of the generated traces")
    part: Literal["first", "last", "all"] = Field("first", description="part of the traces that is played")
    split: float = Field(0.7, gt=0, lt=1, description="share of the periods that makes the first part, 1")
    lead_time: int = Field(3, ge=1, le=50, description="periods between order and receipt")
    holding: float = Field(
        0.02, ge=0, le=1e6, description="cost of a unit on hand a period, per unit price, money"
    )
    penalty: float = Field(
        0.2, ge=0, le=1e6, description="goodwill cost of a lost unit, per unit price, money"
    )
    margin: float = Field(0.3, ge=0, le=1e6, description="revenue less price of a sold unit, money")
    fixed_cost: float = Field(0.5, ge=0, le=1e6, description="cost of an order of an item, money")
    orders: Kind = Field("continuous", description="whole quantities to choose from, or scaled numbers")
    cover: float = Field(
        30.0, gt=0, le=1000, description="largest order, in periods of an item's mean demand"
    )


class Skus:
    """The dynamics of a batch.

    State: ``stock`` (copies, items), ``pipeline`` (copies, L - 1, items), ``recent`` (copies, items),
    the running
    mean of demand. Observed quantities are in periods of the item's mean demand.

    Raises:
        BrokenFileError: If the traces cannot be read.
        InvalidValueError: If the part to be played is shorter than an episode.
    """

    finite = False

    def __init__(self, config: SkusConfig) -> None:
        self.config = config
        whole, self.names = _traces(config)
        cut = int(len(whole) * config.split)
        self.paths = {"first": whole[:cut], "last": whole[cut:], "all": whole}[config.part]
        if len(self.paths) < config.horizon:
            raise InvalidValueError(
                f"The {config.part} part of the traces has {len(self.paths)} periods, less than the horizon "
                f"of {config.horizon}.",
                "Lower horizon, or use part=all.",
            )
        self.means = np.maximum(whole[:cut].mean(0), 1e-3)  # from the first part, whatever is played
        self.stds = np.maximum(whole[:cut].std(0), 1e-3)
        count = whole.shape[1]
        self.demands: tuple[Demand, ...] = (Demand(kind="trace", values=(0.0,)),) * count
        self.observation_size = count * (1 + config.lead_time)
        self.scale = 1.0
        self.orders = orders_of(
            config.orders, np.ceil(config.cover * self.means).tolist(), bool((whole % 1 == 0).all())
        )
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """A lead time's mean demand in stock, nothing on the way."""
        stock = np.rint(self.means * (self.config.lead_time + 1))
        count = len(self.means)
        return {
            "stock": np.tile(stock, (copies, 1)),
            "pipeline": np.zeros((copies, self.config.lead_time - 1, count)),
            "recent": np.tile(self.means, (copies, 1)),
        }

    def observe(self, state: State) -> Array:
        """Stock, what is on the way by arrival, and the running mean of demand, each over the item's mean."""
        copies = len(state["stock"])
        way = (state["pipeline"] / self.means).reshape(copies, -1)
        return np.concatenate([state["stock"] / self.means, way, state["recent"] / self.means], 1)

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        total: Array = state["stock"].sum(1) + state["pipeline"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost, and next period's receipts."""
        config, quantity = self.config, self.orders.quantities(action)
        sold = np.minimum(state["stock"], demand)
        left = state["stock"] - sold
        lost = (demand - sold).sum(1)
        terms = {
            "holding": config.holding * left.sum(1),
            "shortage": config.penalty * lost,
            "fixed": config.fixed_cost * (quantity > 0).sum(1),
            "revenue": config.margin * sold.sum(1),
        }
        arriving, pipeline = pushed(state["pipeline"], quantity)
        recent = (1 - MEMORY) * state["recent"] + MEMORY * demand
        bought = quantity.sum(1)
        flow = Flow(terms, demand.sum(1), sold.sum(1), left.sum(1), bought[:, None], bought, sold.sum(1))
        return {"stock": left + arriving, "pipeline": pipeline, "recent": recent}, flow


def _traces(config: SkusConfig) -> tuple[Array, list[str]]:
    if config.traces.startswith(GENERATED):
        demand = generated(config.generator_seed, config.items, config.periods)
        return demand, [f"item-{index + 1}" for index in range(config.items)]
    return read(Path(config.traces))


def make(config: SkusConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Skus(config), reward, render_mode)


def make_vec(config: SkusConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Skus(config), reward, num_envs)


def _level(model: Skus, cover: Array, safety: Array, state: State) -> Array:
    """Recent demand over the cover, and a safety stock of so many standard deviations."""
    recent = state["recent"]
    result: Array = np.rint(recent * cover + safety * model.stds * np.sqrt(cover))
    return result


def _policy(env: Any, name: str, start: list[float]) -> RulePolicy:
    model: Skus = env.model
    lead = model.config.lead_time + 1.0

    def rule(parameters: Array, state: State) -> Array:
        """(safety, lot): raise the position to its level plus a lot when it is below the level."""
        place = state["stock"] + state["pipeline"].sum(1)
        level = _level(model, np.full((1, 1), lead), parameters[:, :1], state)
        lot = parameters[:, 1:2] * state["recent"] if parameters.shape[1] > 1 else 0.0
        return np.where(place < level, positive(np.rint(level + lot) - place), 0.0)

    best, cost = best_rule(
        env,
        f"skus-{name}",
        rule,
        start,
        [1.0] * len(start),
        low=[-3.0, 0.0][: len(start)],
        periods=5_000,
        version=1,
    )

    def order(state: State) -> Array:
        return rule(np.broadcast_to(best, (len(state["stock"]), len(best))), state)

    return RulePolicy(env, order, model.orders.actions, {"values": best.tolist(), "cost": cost})


def make_base_stock(env: Any) -> RulePolicy:
    """Order up to recent demand over the lead time and an optimised safety stock."""
    return _policy(env, "base-stock", [1.0])


def make_min_max(env: Any) -> RulePolicy:
    """(s, S) on the same level, with an optimised lot in periods of demand."""
    return _policy(env, "s-S", [1.0, 5.0])

"""Lost sales with a lead time: the model.

Event order of a period: **receive, observe, order, demand, cost**. With x on hand after receipt and the
orders that are on the way q₁ (arrives next) … q_{L-1},

    cost = h·(x - d)⁺ + p·(d - x)⁺ + c·q + K·[q > 0],     x' = (x - d)⁺ + q₁,

q₁ being the new order itself for L = 1; for L = 0 it arrives before the demand. What is not in stock is
lost. Source: Zipkin 2008, Operations Research 56(5), 1256-1263.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import Field

from sandbox.api import RewardSpec
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State
from sandbox_inventory.core.orders import Kind, Orders, orders_of
from sandbox_inventory.core.reward import presets

REWARDS = presets("holding", "shortage", "purchase", "fixed", "revenue")


class LostSalesConfig(InventoryConfig):
    """Parameters of the lost-sales system."""

    lead_time: int = Field(4, ge=0, le=100, description="periods between order and receipt")
    penalty: float = Field(4.0, ge=0, le=1e6, description="cost of a lost unit, p, money")
    holding: float = Field(
        1.0, ge=0, le=1e6, description="cost of a unit on hand at the period's end, h, money"
    )
    purchase: float = Field(0.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    fixed_cost: float = Field(0.0, ge=0, le=1e9, description="cost of placing an order, K, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a sold unit, money")
    demand: Demand = Field(Demand(), description="demand of a period")
    orders: Kind = Field("discrete", description="whole quantities to choose from, or a scaled number")
    max_order: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description="largest order, units; mean + 6 standard deviations (and lots) if absent",
    )
    initial_stock: float = Field(0.0, ge=0, le=1e6, description="on hand at the start, units")


def largest_order(demand: Demand, fixed_cost: float, holding: float) -> float:
    """A limit that no sensible order reaches: mean + 6 standard deviations, and 1.5 economic lots."""
    mean, std = typical(demand)
    lot = np.sqrt(2 * fixed_cost * mean / holding) if holding > 0 else 0.0
    return float(max(1.0, np.ceil(mean + 6 * std + 1.5 * lot)))


class LostSales:
    """The dynamics of a batch; state: ``stock`` (copies,) and ``pipeline`` (copies, max(L - 1, 0))."""

    finite = False
    layout = ("stock", "pipeline")

    def __init__(self, config: LostSalesConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.way = max(config.lead_time - 1, 0)
        self.observation_size = 1 + self.way
        self.scale = max(typical(config.demand)[0], 1.0)
        most = config.max_order or largest_order(config.demand, config.fixed_cost, config.holding)
        self.orders: Orders = orders_of(config.orders, (most,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Nothing on the way."""
        stock = np.full(copies, self.config.initial_stock, np.float64)
        return {"stock": stock, "pipeline": np.zeros((copies, self.way))}

    def observe(self, state: State) -> Array:
        """Stock on hand after receipt, then outstanding orders, the next arrival first."""
        seen = np.empty((len(state["stock"]), 1 + self.way))
        seen[:, 0] = state["stock"]
        seen[:, 1:] = state["pipeline"]
        return seen

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        total: Array = state["stock"] + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost, and next period's receipt."""
        config, asked = self.config, demand[:, 0]
        quantity = self.orders.quantities(action)
        stock, pipeline = state["stock"], state["pipeline"]
        if config.lead_time == 0:
            stock = stock + quantity
        sold = np.minimum(stock, asked)
        left = stock - sold
        if config.lead_time == 0:
            following = left
        elif config.lead_time == 1:
            following = left + quantity
        else:
            following = left + pipeline[:, 0]
            shifted = np.empty_like(pipeline)
            shifted[:, :-1] = pipeline[:, 1:]
            shifted[:, -1] = quantity
            pipeline = shifted
        terms = {
            "holding": config.holding * left,
            "shortage": config.penalty * (asked - sold),
            "purchase": config.purchase * quantity if config.purchase else np.zeros(len(stock)),
            "fixed": config.fixed_cost * (quantity > 0) if config.fixed_cost else np.zeros(len(stock)),
            "revenue": config.price * sold if config.price else np.zeros(len(stock)),
        }
        flow = Flow(terms, asked, sold, left, quantity[:, None], quantity, sold)
        return {"stock": following, "pipeline": pipeline}, flow


def make(config: LostSalesConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(LostSales(config), reward, render_mode)


def make_vec(config: LostSalesConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(LostSales(config), reward, num_envs)

"""One item with backorders and a fixed cost of ordering: the model.

Event order of a period: **receive, observe, order, demand, cost**. With net stock x (negative: backlog)
after receipt and the order of L periods ago due now,

    cost = h·(y - d)⁺ + p·(d - y)⁺ + K·[q > 0] + c·q,     y = x for L ≥ 1, x + q for L = 0.

All demand is met in the end. Source: Zheng & Federgruen 1991, Operations Research 39(4), 654-665.
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
from sandbox_inventory.core.model import Array, Flow, State, arrive, positive, pushed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.lost_sales import largest_order

REWARDS = presets("holding", "shortage", "purchase", "fixed", "revenue")


class BackordersConfig(InventoryConfig):
    """Parameters of the system."""

    lead_time: int = Field(0, ge=0, le=100, description="periods between order and receipt")
    penalty: float = Field(9.0, ge=0, le=1e6, description="cost of a unit in backlog a period, p, money")
    holding: float = Field(
        1.0, ge=0, le=1e6, description="cost of a unit on hand at the period's end, h, money"
    )
    purchase: float = Field(0.0, ge=0, le=1e6, description="price of an ordered unit, c, money")
    fixed_cost: float = Field(64.0, ge=0, le=1e9, description="cost of placing an order, K, money")
    price: float = Field(0.0, ge=0, le=1e6, description="revenue of a delivered unit, money")
    demand: Demand = Field(Demand(mean=10), description="demand of a period")
    orders: Kind = Field("discrete", description="whole quantities to choose from, or a scaled number")
    max_order: float | None = Field(
        None,
        gt=0,
        le=1e6,
        description="largest order, units; mean + 6 standard deviations and lots if absent",
    )
    initial_stock: float = Field(0.0, ge=-1e6, le=1e6, description="net stock at the start, units")


class Backorders:
    """The dynamics of a batch; state: ``net`` (copies,) and ``pipeline`` (copies, max(L - 1, 0))."""

    finite = False

    def __init__(self, config: BackordersConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.way = max(config.lead_time - 1, 0)
        self.observation_size = 1 + self.way
        self.scale = max(typical(config.demand)[0], 1.0)
        most = config.max_order or largest_order(config.demand, config.fixed_cost, config.holding)
        self.orders = orders_of(config.orders, (most,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def start(self, copies: int) -> State:
        """Nothing on the way."""
        net = np.full(copies, self.config.initial_stock, np.float64)
        return {"net": net, "pipeline": np.zeros((copies, self.way))}

    def observe(self, state: State) -> Array:
        """Net stock after receipt, then outstanding orders, the next arrival first."""
        return np.concatenate([state["net"][:, None], state["pipeline"]], 1)

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        total: Array = positive(state["net"]) + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost, and next period's receipt."""
        config, asked = self.config, demand[:, 0]
        quantity = self.orders.quantities(action)
        net, pipeline = state["net"], state["pipeline"]
        late: Any = 0.0
        if config.lead_time == 0:
            net, late = arrive(net, quantity)
        filled = np.minimum(positive(net), asked)
        left = net - asked
        terms = {
            "holding": config.holding * positive(left),
            "shortage": config.penalty * positive(-left),
            "purchase": config.purchase * quantity,
            "fixed": config.fixed_cost * (quantity > 0),
        }
        following = left
        if config.lead_time > 0:
            arriving, pipeline = pushed(pipeline, quantity)
            following, late = arrive(left, arriving)
        sold = filled + late
        terms["revenue"] = config.price * sold
        flow = Flow(terms, asked, filled, positive(left), quantity[:, None], quantity, sold)
        return {"net": following, "pipeline": pipeline}, flow


def make(config: BackordersConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Backorders(config), reward, render_mode)


def make_vec(config: BackordersConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Backorders(config), reward, num_envs)

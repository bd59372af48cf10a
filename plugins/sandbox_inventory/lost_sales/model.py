"""Lost sales with a lead time: the dynamics.

Event order of a period: **receive, observe, order, demand, cost**. With x on hand after receipt and the
outstanding orders q₁ (arrives next) … q_{L-1},

    cost = h·(x - d)⁺ + p·(d - x)⁺ + c·q + K·[q > 0],     x' = (x - d)⁺ + q₁.

For L = 1, q₁ is the new order itself; for L = 0 the order arrives before the demand. Demand that is not in
stock is lost. Source: Zipkin 2008, Operations Research 56(5), 1256-1263.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.differentiable import MakeDynamics
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import STOCK, outstanding
from sandbox_inventory.core.lead_times import longest, receive_orders, with_thresholds
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets
from sandbox_inventory.lost_sales.config import LostSalesConfig

REWARDS = presets("holding", "shortage", "purchase", "fixed", "revenue")


class LostSales:
    """The dynamics of a batch; state: ``stock`` (num_envs,) and ``pipeline`` (num_envs, max(L - 1, 0))."""

    finite = False
    layout = ("stock", "pipeline")

    def __init__(self, config: LostSalesConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = with_thresholds(config.demand, config)
        self.longest = longest(config)
        self.pipeline_length = max(self.longest - 1, 0)
        self.observation_size = 1 + self.pipeline_length
        self.scale = max(mean_and_std(config.demand)[0], 1.0)
        limit = order_limit(
            config,
            config.demand,
            fixed_cost=config.fixed_cost,
            holding=config.holding,
            penalty=config.penalty + config.price,
        )
        self.orders = make_orders(config.orders, (limit,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """The initial stock on hand, an empty pipeline."""
        stock = np.full(num_envs, self.config.initial_stock, np.float64)
        return {"stock": stock, "pipeline": np.zeros((num_envs, self.pipeline_length))}

    def observe(self, state: State, xp: ModuleType = np) -> Array:
        """Stock on hand after receipt, then outstanding orders, next arrival first."""
        observation: Array = xp.concatenate([state["stock"][:, None], state["pipeline"]], axis=1)
        return observation

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        return [STOCK, *outstanding(self.pipeline_length)]

    def units(self, state: State) -> Array:
        """Stock on hand and in the pipeline."""
        total: Array = state["stock"] + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost, and the receipt of the next period."""
        return self.play(state, self.orders.quantities(action), demand)

    def play(self, state: State, quantity: Array, demand: Array, xp: ModuleType = np) -> tuple[State, Flow]:
        """`step` by quantities, in the array operations of any library; ``quantity`` is ``(num_envs,)``."""
        config, demanded = self.config, demand[:, 0]
        stock, pipeline = state["stock"], state["pipeline"]
        if self.longest == 0:
            stock = stock + quantity
        sold = xp.minimum(stock, demanded)
        left = stock - sold
        next_stock = left
        if self.longest > 0:
            arriving, pipeline = receive_orders(pipeline, quantity, demand, xp)
            next_stock = left + arriving
        # Zero rates are skipped for speed: most instances have neither prices nor a fixed cost.
        terms = {
            "holding": config.holding * left,
            "shortage": config.penalty * (demanded - sold),
            "purchase": config.purchase * quantity if config.purchase else 0.0 * sold,
            "fixed": config.fixed_cost * (quantity > 0) if config.fixed_cost else 0.0 * sold,
            "revenue": config.price * sold if config.price else 0.0 * sold,
        }
        flow = Flow(terms, demanded, sold, left, quantity[:, None], quantity, sold)
        return {"stock": next_stock, "pipeline": pipeline}, flow


make, make_vec = env_makers(LostSales)
simulator = MakeSimulator(LostSales)
dynamics = MakeDynamics(LostSales)

"""One item with backorders and a fixed cost of ordering: the dynamics.

Event order of a period: **receive, observe, order, demand, cost**. With net stock x (negative: backlog)
after receipt,

    cost = h·(y - d)⁺ + p·(d - y)⁺ + K·[q > 0] + c·q,     y = x for L ≥ 1, x + q for L = 0.

All demand is met in the end. Source: Zheng & Federgruen 1991, Operations Research 39(4), 654-665.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.core.arrays import Array, positive, receive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import NET, outstanding
from sandbox_inventory.core.lead_times import longest, receive_orders, with_thresholds
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets

REWARDS = presets("holding", "shortage", "purchase", "fixed", "revenue")


class Backorders:
    """The dynamics of a batch; state: ``net`` (num_envs,) and ``pipeline`` (num_envs, max(L - 1, 0))."""

    finite = False

    def __init__(self, config: BackordersConfig) -> None:
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
            penalty=config.penalty,
        )
        self.orders = make_orders(config.orders, (limit,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """The initial net stock, an empty pipeline."""
        net = np.full(num_envs, self.config.initial_stock, np.float64)
        return {"net": net, "pipeline": np.zeros((num_envs, self.pipeline_length))}

    def observe(self, state: State) -> Array:
        """Net stock after receipt, then outstanding orders, next arrival first."""
        return np.concatenate([state["net"][:, None], state["pipeline"]], 1)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        return [NET, *outstanding(self.pipeline_length)]

    def units(self, state: State) -> Array:
        """Stock on hand and in the pipeline."""
        total: Array = positive(state["net"]) + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost, and the receipt of the next period."""
        config, demanded = self.config, demand[:, 0]
        quantity = self.orders.quantities(action)
        net, pipeline = state["net"], state["pipeline"]
        late: Any = 0.0
        if self.longest == 0:
            net, late = receive(net, quantity)
        filled = np.minimum(positive(net), demanded)
        left = net - demanded
        terms = {
            "holding": config.holding * positive(left),
            "shortage": config.penalty * positive(-left),
            "purchase": config.purchase * quantity,
            "fixed": config.fixed_cost * (quantity > 0),
        }
        next_net = left
        if self.longest > 0:
            arriving, pipeline = receive_orders(pipeline, quantity, demand)
            next_net, late = receive(left, arriving)
        sold = filled + late
        terms["revenue"] = config.price * sold
        flow = Flow(terms, demanded, filled, positive(left), quantity[:, None], quantity, sold)
        return {"net": next_net, "pipeline": pipeline}, flow


make, make_vec = env_makers(Backorders)
simulator = MakeSimulator(Backorders)

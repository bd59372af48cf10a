"""Joint replenishment: several items share the cost of an order; backorders, no lead time. The dynamics.

Event order of a period: **observe, order (arrives at once), demand, cost**:

    cost = K·[any order] + Σ (k_i·[q_i > 0] + h_i·I_i⁺ + p_i·I_i⁻).

With ``truck_capacity`` V, an order fills whole trucks, Σ q_i = M·V, and K is paid a truck: K·M instead of
K·[any order]. Other orders are changed to the nearest number of trucks, in proportion to the items' orders.
Source: Vanvuchelen, Gijsbrechts & Boute 2020, Computers in Industry 119, equations (1) to (4).
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import InvalidValueError, ObservationField
from sandbox_inventory.core.allocation import full_loads
from sandbox_inventory.core.arrays import Array, positive, receive, weighted_sum
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import at, counted
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets
from sandbox_inventory.joint_replenishment.config import JointReplenishmentConfig

REWARDS = presets("holding", "shortage", "fixed")


class JointReplenishment:
    """The dynamics of a batch; state: ``net`` (num_envs, items), stock less backlog.

    Raises:
        InvalidValueError: If the largest orders of all items do not fill a truck.
    """

    finite = False

    def __init__(self, config: JointReplenishmentConfig) -> None:
        self.config = config
        count = config.items
        self.item_costs = np.broadcast_to(np.asarray(config.item_costs, float), count)
        self.holding = np.asarray(config.holdings or (config.holding,) * count, float)
        self.penalty = np.asarray(config.penalties or (config.penalty,) * count, float)
        self.demands: tuple[Demand, ...] = config.item_demands()
        self.observation_size = count
        self.scale = max(float(np.mean([mean_and_std(demand)[0] for demand in self.demands])), 1.0)
        limits = [
            order_limit(
                config,
                demand,
                fixed_cost=config.fixed_cost + float(self.item_costs[item]),
                holding=float(self.holding[item]),
                penalty=float(self.penalty[item]),
            )
            for item, demand in enumerate(self.demands)
        ]
        whole = all(demand.integer for demand in self.demands) or config.truck_capacity is not None
        self.orders = make_orders(config.orders, limits, whole)
        self._limits = np.asarray(self.orders.max_quantity)
        capacity = config.truck_capacity
        if capacity is not None and capacity > self._limits.sum():
            raise InvalidValueError(
                f"No order fills a truck of {capacity:,} units: the items' orders together are at most "
                f"{self._limits.sum():,.0f} units.",
                "Raise max_order or order_cover, or lower truck_capacity.",
            )
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """No stock."""
        return {"net": np.zeros((num_envs, len(self.demands)))}

    def observe(self, state: State) -> Array:
        """Net stock of every item."""
        return state["net"]

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        return at("net stock", "stock on hand less backlog", counted("item", len(self.demands)))

    def units(self, state: State) -> Array:
        """Stock on hand."""
        total: Array = positive(state["net"]).sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost."""
        quantities = self.quantities(action)
        ready, late = receive(state["net"], quantities)
        filled = np.minimum(positive(ready), demand).sum(1)
        left = ready - demand
        placed = quantities > 0
        on_hand, ordered = positive(left), quantities.sum(1)
        capacity = self.config.truck_capacity
        orders = placed.any(1) if capacity is None else ordered / capacity
        terms = {
            "holding": weighted_sum(on_hand, self.holding),
            "shortage": weighted_sum(positive(-left), self.penalty),
            "fixed": self.config.fixed_cost * orders + weighted_sum(placed, self.item_costs),
        }
        sold = filled + late.sum(1)
        flow = Flow(terms, demand.sum(1), filled, on_hand.sum(1), ordered[:, None], ordered, sold)
        return {"net": left}, flow

    def quantities(self, action: Array) -> Array:
        """Units ordered, shape ``(num_envs, items)``; whole trucks where there are trucks."""
        ordered = self.orders.quantities(action)
        if self.config.truck_capacity is None:
            return ordered
        return full_loads(ordered, self.config.truck_capacity, self._limits)


make, make_vec = env_makers(JointReplenishment)
simulator = MakeSimulator(JointReplenishment)

"""Joint replenishment: several items share the cost of an order; backorders, no lead time. The dynamics.

Event order of a period: **observe, order (arrives at once), demand, cost**:

    cost = K·[any order] + Σ (k_i·[q_i > 0] + h·I_i⁺ + p·I_i⁻).

Source: Vanvuchelen, Gijsbrechts & Boute 2020, Computers in Industry 119.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox_inventory.core.arrays import Array, positive, receive, weighted_sum
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders
from sandbox_inventory.core.reward import presets
from sandbox_inventory.joint_replenishment.config import JointReplenishmentConfig

REWARDS = presets("holding", "shortage", "fixed")


class JointReplenishment:
    """The dynamics of a batch; state: ``net`` (num_envs, items), stock less backlog."""

    finite = False

    def __init__(self, config: JointReplenishmentConfig) -> None:
        self.config = config
        count = len(config.means)
        costs = config.item_costs if len(config.item_costs) == count else config.item_costs[:1] * count
        self.item_costs = np.asarray(costs, float)
        self.demands: tuple[Demand, ...] = tuple(
            config.demand.model_copy(update={"mean": mean}) for mean in config.means
        )
        self.observation_size = count
        self.scale = max(float(np.mean([mean_and_std(demand)[0] for demand in self.demands])), 1.0)
        self.orders = make_orders(config.orders, (config.max_order,) * count, config.demand.integer)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """No stock."""
        return {"net": np.zeros((num_envs, len(self.demands)))}

    def observe(self, state: State) -> Array:
        """Net stock of every item."""
        return state["net"]

    def units(self, state: State) -> Array:
        """Stock on hand."""
        total: Array = positive(state["net"]).sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost."""
        config, quantities = self.config, self.orders.quantities(action)
        ready, late = receive(state["net"], quantities)
        filled = np.minimum(positive(ready), demand).sum(1)
        left = ready - demand
        placed = quantities > 0
        on_hand = positive(left).sum(1)
        terms = {
            "holding": config.holding * on_hand,
            "shortage": config.penalty * positive(-left).sum(1),
            "fixed": config.fixed_cost * placed.any(1) + weighted_sum(placed, self.item_costs),
        }
        ordered = quantities.sum(1)
        sold = filled + late.sum(1)
        flow = Flow(terms, demand.sum(1), filled, on_hand, ordered[:, None], ordered, sold)
        return {"net": left}, flow


make, make_vec = env_makers(JointReplenishment)

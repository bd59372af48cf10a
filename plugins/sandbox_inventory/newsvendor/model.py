"""The newsvendor: the dynamics.

Event order of a period: **observe, order (arrives at once), demand, cost**:

    cost = h·(q - d)⁺ + p·(d - q)⁺ + c·q - price·min(q, d).

What is left over is thrown away. Source: Arrow, Harris & Marschak 1951, Econometrica 19(3).
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import SCALE
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets
from sandbox_inventory.newsvendor.config import NewsvendorConfig

REWARDS = presets("holding", "shortage", "purchase", "revenue")


class Newsvendor:
    """The dynamics of a batch; state: ``last`` (num_envs,), the last demand."""

    finite = False

    def __init__(self, config: NewsvendorConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = (config.demand,)
        self.observation_size = 1
        self.scale = max(mean_and_std(config.demand)[0], 1.0)
        limit = order_limit(config, config.demand)
        self.orders = make_orders(config.orders, (limit,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """Before the first demand, the rounded mean stands in for the last demand."""
        return {"last": np.full(num_envs, float(np.rint(mean_and_std(self.config.demand)[0])))}

    def observe(self, state: State) -> Array:
        """The last demand, units."""
        return state["last"][:, None]

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        return [ObservationField("last demand", SCALE, "the rounded mean before the first period")]

    def units(self, state: State) -> Array:
        """Nothing is kept between periods."""
        return np.zeros(len(state["last"]))

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost."""
        config, demanded, quantity = self.config, demand[:, 0], self.orders.quantities(action)
        sold = np.minimum(quantity, demanded)
        left = quantity - sold
        terms = {
            "holding": config.holding * left,
            "shortage": config.penalty * (demanded - sold),
            "purchase": config.purchase * quantity,
            "revenue": config.price * sold,
        }
        flow = Flow(terms, demanded, sold, left, quantity[:, None], quantity, sold, spoiled=left)
        return {"last": demanded.copy()}, flow


make, make_vec = env_makers(Newsvendor)
simulator = MakeSimulator(Newsvendor)

"""A perishable item with a fixed life: the dynamics.

Event order of a period: **receive, observe, order, demand, age, cost**. Stock is kept by remaining life,
x₁ (last period) … x_m (fresh). Demand takes the oldest first (FIFO) or the freshest first (LIFO); demand that
is not in stock is lost, and what is left of x₁ is thrown away:

    cost = c·q + h·(stock that stays) + p·(d - stock)⁺ + w·(left of x₁).

Source: De Moor, Gijsbrechts & Boute 2022, European Journal of Operational Research 301(2), section 3.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import SCALE, arrival, outstanding
from sandbox_inventory.core.lead_times import longest, receive_orders, with_thresholds
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets
from sandbox_inventory.perishable.config import Issuing, PerishableConfig

REWARDS = presets("holding", "shortage", "purchase", "spoilage", "revenue")


class Perishable:
    """The dynamics of a batch.

    State: ``ages`` (num_envs, m), stock by remaining life, last period first, so that after receipt the last
    column is what has just arrived; ``pipeline`` (num_envs, max(L - 1, 0)).
    """

    finite = False

    def __init__(self, config: PerishableConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = with_thresholds(config.demand, config)
        self.longest = longest(config)
        self.pipeline_length = max(self.longest - 1, 0)
        self.observation_size = config.life + self.pipeline_length
        self.scale = max(mean_and_std(config.demand)[0], 1.0)
        limit = order_limit(config, config.demand)
        self.orders = make_orders(config.orders, (limit,), config.demand.integer, flat=True)
        self.action_space: gym.Space[Any] = self.orders.space

    @property
    def highest(self) -> list[int]:
        """Largest value of each column of a state, whole units.

        Orders that take unlike times may arrive together, so that as many of them may be equally old.
        """
        largest = int(self.orders.max_quantity[0])
        together = 1 if self.config.lead_time_probabilities is None else self.longest
        return [largest * together] * self.config.life + [largest] * self.pipeline_length

    def initial_state(self, num_envs: int) -> State:
        """No stock, an empty pipeline."""
        return {
            "ages": np.zeros((num_envs, self.config.life)),
            "pipeline": np.zeros((num_envs, self.pipeline_length)),
        }

    def observe(self, state: State) -> Array:
        """Stock by remaining life, last period first, then outstanding orders, next arrival first."""
        return np.concatenate([state["ages"], state["pipeline"]], 1)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        ages = tuple(f"spoils {arrival(place + 1)}" for place in range(self.config.life))
        return [
            ObservationField("stock on hand", SCALE, "after receipt, by remaining life", ages),
            *outstanding(self.pipeline_length),
        ]

    def units(self, state: State) -> Array:
        """Stock on hand and in the pipeline."""
        total: Array = state["ages"].sum(1) + state["pipeline"].sum(1)
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, ageing, cost, and the receipt of the next period."""
        config, demanded = self.config, demand[:, 0]
        quantity = self.orders.quantities(action)
        ages, pipeline = state["ages"], state["pipeline"]
        if self.longest == 0:
            ages = ages.copy()
            ages[:, -1] += quantity
        issued = issue(ages, demanded, config.issuing)
        left = ages - issued
        sold = issued.sum(1)
        spoiled = left[:, 0]
        kept = left[:, 1:].sum(1)
        terms = {
            "holding": config.holding * kept,
            "shortage": config.penalty * (demanded - sold),
            "purchase": config.purchase * quantity,
            "spoilage": config.waste * spoiled,
            "revenue": config.price * sold,
        }
        older = np.zeros_like(left)
        older[:, :-1] = left[:, 1:]
        if self.longest > 0:
            arriving, pipeline = receive_orders(pipeline, quantity, demand)
            older[:, -1] = arriving
        flow = Flow(terms, demanded, sold, kept, quantity[:, None], quantity, sold, spoiled)
        return {"ages": older, "pipeline": pipeline}, flow


def issue(ages: Array, demanded: Array, issuing: Issuing) -> Array:
    """Units issued of each age, oldest or freshest first.

    Args:
        ages: Stock by remaining life, last period first, shape ``(num_envs, life)``.
        demanded: Shape ``(num_envs,)``.
        issuing: ``fifo`` for the oldest first, ``lifo`` for the freshest first.
    """
    in_order = ages if issuing == "fifo" else ages[:, ::-1]
    before = np.cumsum(in_order, 1) - in_order
    issued = np.minimum(in_order, positive(demanded[:, None] - before))
    return issued if issuing == "fifo" else issued[:, ::-1]


make, make_vec = env_makers(Perishable)
simulator = MakeSimulator(Perishable)

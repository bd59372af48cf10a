"""Many items with demand from traces, lost sales, one lead time and a fixed cost an order: the dynamics.

Event order of a period: **receive, observe, order, demand, cost**, for every item as in the lost-sales task.
Items are coupled only by the decision maker, who orders all of them. An episode is a window of the traces
that begins at a random place of the part that is played.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import InvalidValueError, ObservationField
from sandbox_inventory.core.arrays import Array, advance
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import arrival, at
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders
from sandbox_inventory.core.reward import presets
from sandbox_inventory.skus.config import SkusConfig
from sandbox_inventory.skus.generator import generated_traces
from sandbox_inventory.skus.traces import Traces, read_traces

REWARDS = presets("holding", "shortage", "fixed", "revenue")
GENERATED = "generated:"
SMOOTHING = 0.1
"""Weight of the newest demand in an item's running mean."""


class Skus:
    """The dynamics of a batch.

    State: ``stock`` (num_envs, items), ``pipeline`` (num_envs, L - 1, items), ``recent`` (num_envs, items),
    the running mean of demand.

    Attributes:
        traces: Demand of the part that is played, shape ``(periods, items)``, units.
        known: Demand of the first part, which rules are tuned on.
        names: Names of the items.
        period: What a period is, for example ``day``.
        means, stds: Of each item's demand from its first sale to the end of the first part, whichever part is
            played; of an item that is launched later, from its first sale to the end of the traces.

    Raises:
        BrokenFileError: If the traces cannot be read.
        InvalidValueError: If the part to be played is shorter than an episode.
    """

    finite = False

    def __init__(self, config: SkusConfig) -> None:
        self.config = config
        everything = _all_traces(config)
        whole, self.names, self.period = everything.demand, everything.names, everything.step
        split = int(len(whole) * config.split)
        self.traces = {"first": whole[:split], "last": whole[split:], "all": whole}[config.part]
        self.known = whole[:split]
        if len(self.traces) < config.horizon:
            raise InvalidValueError(
                f"The {config.part} part of the traces has {len(self.traces)} periods, less than the horizon "
                f"of {config.horizon}.",
                "Lower horizon, or use part=all.",
            )
        self.means, self.stds = np.maximum(_own_moments(whole, split), 1e-3)
        items = whole.shape[1]
        # Stands for the items only: demand is cut from the traces.
        self.demands: tuple[Demand, ...] = (Demand(kind="trace", values=(0.0,)),) * items
        self.observation_size = items * (1 + config.lead_time)
        self.scale = 1.0
        limits = np.ceil(config.cover * self.means).tolist()
        self.orders = make_orders(config.orders, limits, bool((whole % 1 == 0).all()))
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """The mean demand of a lead time and one period more in stock, an empty pipeline."""
        stock = np.rint(self.means * (self.config.lead_time + 1))
        return {
            "stock": np.tile(stock, (num_envs, 1)),
            "pipeline": np.zeros((num_envs, self.config.lead_time - 1, len(self.means))),
            "recent": np.tile(self.means, (num_envs, 1)),
        }

    def observe(self, state: State) -> Array:
        """Stock, pipeline by arrival, and the running mean of demand, each over the item's mean demand."""
        num_envs = len(state["stock"])
        pipeline = (state["pipeline"] / self.means).reshape(num_envs, -1)
        return np.concatenate([state["stock"] / self.means, pipeline, state["recent"] / self.means], 1)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        unit = "mean demand of the item"
        slots = range(self.config.lead_time - 1)
        moving = [f"{name} {arrival(slot + 1)}" for slot in slots for name in self.names]
        return [
            *at("stock on hand", "after this period's receipt", self.names, unit),
            *at("outstanding order", "on its way, by when it arrives", moving, unit),
            *at("running mean of demand", f"newest demand with weight {SMOOTHING:g}", self.names, unit),
        ]

    def units(self, state: State) -> Array:
        """Stock on hand and in the pipeline, all items."""
        total: Array = state["stock"].sum(1) + state["pipeline"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Order, demand, cost, and the receipts of the next period."""
        quantities = self.orders.quantities(action)
        after, by_item, sold = self.advance(state, quantities, demand)
        terms = {name: money.sum(1) for name, money in by_item.items()}
        ordered, left = quantities.sum(1), (state["stock"] - sold).sum(1)
        flow = Flow(terms, demand.sum(1), sold.sum(1), left, ordered[:, None], ordered, sold.sum(1))
        return after, flow

    def advance(
        self, state: State, quantities: Array, demand: Array
    ) -> tuple[State, dict[str, Array], Array]:
        """A period of every item by itself.

        Args:
            state: The state.
            quantities: Ordered, shape ``(num_envs, items)``, units.
            demand: Shape ``(num_envs, items)``, units.

        Returns:
            The next state, the money of every item by term, and the units sold, ``(num_envs, items)`` each.
        """
        config = self.config
        sold = np.minimum(state["stock"], demand)
        left = state["stock"] - sold
        terms = {
            "holding": config.holding * left,
            "shortage": config.penalty * (demand - sold),
            "fixed": config.fixed_cost * (quantities > 0),
            "revenue": config.margin * sold,
        }
        arriving, pipeline = advance(state["pipeline"], quantities)
        recent = (1 - SMOOTHING) * state["recent"] + SMOOTHING * demand
        return {"stock": left + arriving, "pipeline": pipeline, "recent": recent}, terms, sold


def _all_traces(config: SkusConfig) -> Traces:
    if config.traces.startswith(GENERATED):
        demand = generated_traces(config.generator_seed, config.items, config.periods)
        return Traces(demand, [f"item-{index + 1}" for index in range(config.items)], "day")
    return read_traces(Path(config.traces), None if config.step == "auto" else config.step)


def _own_moments(demand: Array, split: int) -> Array:
    """Mean and standard deviation of each item since its first sale, shape ``(2, items)``.

    Args:
        demand: Shape ``(periods, items)``.
        split: Periods of the first part.
    """
    sold = demand > 0
    launched = np.where(sold.any(0), sold.argmax(0), 0)
    columns = [demand[begin : split if begin < split else None, item] for item, begin in enumerate(launched)]
    return np.array([[column.mean() for column in columns], [column.std() for column in columns]])


make, make_vec = env_makers(Skus)
simulator = MakeSimulator(Skus)

"""One warehouse, many retailers: the dynamics, with two ways to share a short warehouse.

Event order of a period: **receive, observe, order (all), allocate, demand, cost**. The warehouse orders from
outside and supplies the retailers from its stock. What it cannot supply is not owed: a retailer may order
again. With W on hand at the warehouse and net stock I_r at retailer r after demand,

    cost = h_w·W + Σ (h_r·I_r⁺ + p·I_r⁻).

Unmet demand is in backlog or lost. Source: Kaynov, van Knippenberg, Menkovski, van Breemen & van Jaarsveld
2024, International Journal of Production Economics 267.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.allocation import lowest_first_shares, proportional_shares, whole_shares
from sandbox_inventory.core.arrays import Array, advance, positive, receive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import SCALE, arrival, at, counted, outstanding
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders, order_limit
from sandbox_inventory.core.reward import presets
from sandbox_inventory.warehouse.config import WarehouseConfig

REWARDS = presets("holding", "shortage", "transport")


class Warehouse:
    """The dynamics of a batch; orders are (warehouse, retailers …).

    State:

    - ``warehouse`` (num_envs,): stock at the warehouse.
    - ``inbound`` (num_envs, L_w - 1): the warehouse's outstanding orders, next arrival first.
    - ``net`` (num_envs, R): stock less backlog at the retailers.
    - ``in_transit`` (num_envs, L - 1, R): shipments to the retailers, next arrival first, for the longest
      lead time L.

    Attributes:
        means, stds: Mean and standard deviation of each retailer's demand, units a period.
        lead_times: Of each retailer, periods.
    """

    finite = False

    def __init__(self, config: WarehouseConfig) -> None:
        self.config = config
        self.demands: tuple[Demand, ...] = config.retailer_demands()
        self.lead_times = np.asarray(config.lead_times)
        self.inbound_length = max(config.warehouse_lead_time - 1, 0)
        self.transit_length = max(int(self.lead_times.max()) - 1, 0)
        # A retailer's shipments are never further away than its lead time: those columns are not observed.
        slots, retailers = np.nonzero(np.arange(self.transit_length)[:, None] < self.lead_times - 1)
        self._observed = slots * len(self.lead_times) + retailers
        self.observation_size = 1 + self.inbound_length + config.retailers + len(self._observed)
        moments = [mean_and_std(demand) for demand in self.demands]
        self.means, self.stds = (np.array(column) for column in zip(*moments, strict=True))
        self.scale = max(float(self.means.mean()), 1.0)
        limits = [order_limit(config, demand) for demand in self.demands]
        whole = all(demand.integer for demand in self.demands)
        self.orders = make_orders(config.orders, (sum(limits), *limits), whole)
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """The initial stocks; nothing inbound or in transit."""
        config = self.config
        return {
            "warehouse": np.full(num_envs, config.initial_warehouse, np.float64),
            "inbound": np.zeros((num_envs, self.inbound_length)),
            "net": np.full((num_envs, config.retailers), config.initial_stock, np.float64),
            "in_transit": np.zeros((num_envs, self.transit_length, config.retailers)),
        }

    def observe(self, state: State) -> Array:
        """Warehouse stock, inbound orders, retailers' net stock, shipments to the retailers by arrival."""
        in_transit = state["in_transit"].reshape(len(state["warehouse"]), -1)[:, self._observed]
        return np.concatenate([state["warehouse"][:, None], state["inbound"], state["net"], in_transit], 1)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        retailers = counted("retailer", self.config.retailers)
        count = len(retailers)
        moving = [f"{retailers[place % count]} {arrival(place // count + 1)}" for place in self._observed]
        return [
            ObservationField("warehouse stock", SCALE, "on hand"),
            *outstanding(self.inbound_length, "inbound order of the warehouse"),
            *at("net stock", "stock on hand less backlog", retailers),
            *at("shipment", "on its way to a retailer, by when it arrives", moving),
        ]

    def units(self, state: State) -> Array:
        """Stock on hand, inbound and in transit."""
        moving = state["inbound"].sum(1) + state["in_transit"].sum((1, 2))
        total: Array = state["warehouse"] + positive(state["net"]).sum(1) + moving
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Orders, allocation, demand, cost, and the receipts of the next period."""
        config, quantities = self.config, self.orders.quantities(action)
        warehouse, inbound = state["warehouse"], state["inbound"]
        net, in_transit = state["net"], state["in_transit"]
        bought = quantities[:, 0]
        if config.warehouse_lead_time == 0:
            warehouse = warehouse + bought
        sent = self.allocate(warehouse, quantities[:, 1:], net + in_transit.sum(1))
        warehouse = warehouse - sent.sum(1)
        moving, late = self._under_way(in_transit, sent), np.zeros(len(warehouse))
        if (self.lead_times == 0).any():
            net, served = receive(net, sent * (self.lead_times == 0))
            late = served.sum(1)
        filled = np.minimum(positive(net), demand)
        left = net - demand
        missing = positive(-left)
        if config.lost:
            left = positive(left)
        on_hand = positive(left).sum(1)
        terms = {
            "holding": config.warehouse_holding * warehouse + config.holding * on_hand,
            "shortage": config.penalty * missing.sum(1),
            "transport": config.transit * moving.sum((1, 2)),
        }
        end_stock = warehouse + on_hand
        if config.warehouse_lead_time > 0:
            arriving, inbound = advance(inbound, bought)
            warehouse = warehouse + arriving
        left, served = receive(left, moving[:, 0])
        late = late + served.sum(1)
        orders = np.stack([sent.sum(1), bought], 1)
        demanded, met = demand.sum(1), filled.sum(1)
        flow = Flow(terms, demanded, met, end_stock, orders, bought, met + late)
        return {"warehouse": warehouse, "inbound": inbound, "net": left, "in_transit": moving[:, 1:]}, flow

    def _under_way(self, in_transit: Array, sent: Array) -> Array:
        """Units in transit after shipping, shape ``(num_envs, L, R)``; slot 0 arrives at the period's end."""
        moving = np.zeros((len(sent), self.transit_length + 1, len(self.lead_times)))
        moving[:, : self.transit_length] = in_transit
        for retailer, lead_time in enumerate(self.lead_times):
            if lead_time > 0:
                moving[:, lead_time - 1, retailer] += sent[:, retailer]
        return moving

    def allocate(self, available: Array, ordered: Array, position: Array) -> Array:
        """Units sent to each retailer, shape ``(num_envs, R)``; whole where orders are whole.

        Args:
            available: Stock at the warehouse, shape ``(num_envs,)``.
            ordered: Retailers' orders, shape ``(num_envs, R)``.
            position: Retailers' inventory positions, shape ``(num_envs, R)``.
        """
        enough = ordered.sum(1) <= available
        if enough.all():
            return ordered
        if self.config.allocation == "min-shortage":
            share = lowest_first_shares(ordered, available, position)
        else:
            share = proportional_shares(ordered, available)
        share = np.minimum(share, ordered)
        if self.orders.whole:
            share = whole_shares(share, ordered, np.minimum(available, ordered.sum(1)))
        return np.where(enough[:, None], ordered, share)


make, make_vec = env_makers(Warehouse)
simulator = MakeSimulator(Warehouse)

"""A supply network, any acyclic graph of stocks, links with lead times and markets: the dynamics.

Nodes without a supplier stand for the outside and never run out, but may have a capacity. There
are two orders of events:

- ``sandbox``: **receive, observe, order, ship, demand, cost**;
- ``or-gym``: **observe, order, ship, receive, demand, cost**: suppliers ship from what they had before the
  period's receipts, as in or-gym's InvManagement environments.

A supplier ships what is ordered, limited by its stock, its capacity and the link's; what it cannot ship is
not owed. A shipment over a link of lead time L can be used for the demand L periods later. The profit of a
period is

    Σ price·sold - Σ price(link from outside)·bought - operating·shipped - holding·stock - transit·in transit
        - penalty·(demand not met, the backlog included where there is one).

Payments between nodes cancel. Source: Perez, Hubbs, Li & Grossmann 2021, Processes 9(1), 102.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox.api import ObservationField
from sandbox_inventory.core.allocation import proportional_shares, whole_shares
from sandbox_inventory.core.arrays import Array, column_sum, positive, weighted_sum
from sandbox_inventory.core.compiled import kernels
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.envs import env_makers
from sandbox_inventory.core.fields import arrival, at
from sandbox_inventory.core.look_ahead import MakeSimulator
from sandbox_inventory.core.model import Flow, State
from sandbox_inventory.core.orders import make_orders
from sandbox_inventory.core.reward import presets
from sandbox_inventory.network.config import NetworkConfig
from sandbox_inventory.network.topology import OUTSIDE, rates_of, topology_of

TERMS = ("holding", "shortage", "purchase", "transport", "operating", "revenue")
REWARDS = presets(*TERMS)
KERNELS = "sandbox_inventory.network.kernels"


class Network:
    """The dynamics of a batch; one order a link.

    State: ``stock`` (num_envs, nodes), ``backlog`` (num_envs, markets), ``in_transit`` (num_envs, links,
    slots), of which slot 0 arrives next. Nodes are those with a supplier.
    """

    finite = True
    layout = ("stock", "backlog", "in_transit")

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        self.topology = topology_of(config)
        self.rates = rates_of(config, self.topology)
        self.demands: tuple[Demand, ...] = tuple(market.demand for market in config.markets)
        self.late_receipt = config.event_order == "or-gym"
        longest = max(link.lead_time for link in config.links)
        self.slots = longest + 1 if self.late_receipt else max(longest, 1)
        nodes, links = len(self.topology.nodes), len(config.links)
        self.observation_size = nodes + len(config.markets) + links * self.slots
        self.scale = max(float(np.mean([mean_and_std(demand)[0] for demand in self.demands])), 1.0)
        whole = all(demand.integer for demand in self.demands)
        self.orders = make_orders(config.orders, [link.capacity for link in config.links], whole)
        self._max_order = np.array(self.orders.max_quantity)
        self._flat_topology = self.topology.flat()
        initial = {node.name: node.initial_stock for node in config.nodes}
        self._initial_stock = np.array([initial[name] for name in self.topology.nodes])
        self.action_space: gym.Space[Any] = self.orders.space

    def initial_state(self, num_envs: int) -> State:
        """Initial stocks, nothing in transit, no backlog."""
        return {
            "stock": np.tile(self._initial_stock, (num_envs, 1)).astype(np.float64),
            "backlog": np.zeros((num_envs, len(self.config.markets))),
            "in_transit": np.zeros((num_envs, len(self.config.links), self.slots)),
        }

    def observe(self, state: State) -> Array:
        """Stock of every node, backlog of every market, units in transit on every link by arrival."""
        num_envs = len(state["stock"])
        in_transit = state["in_transit"].reshape(num_envs, -1)
        return np.concatenate([state["stock"], state["backlog"], in_transit], 1)

    def fields(self) -> list[ObservationField]:
        """What the numbers of `observe` are."""
        links = [f"{link.source} to {link.target}" for link in self.config.links]
        markets = [market.node for market in self.config.markets]
        names = markets if len(set(markets)) == len(markets) else [
            f"{node}, market {place + 1}" for place, node in enumerate(markets)
        ]  # fmt: skip
        moving = [f"{link} {arrival(slot + 1)}" for link in links for slot in range(self.slots)]
        return [
            *at("stock on hand", "of every node with a supplier", self.topology.nodes),
            *at("backlog", "of every market", names),
            *at("in transit", "on every link, by when it arrives", moving),
        ]

    def units(self, state: State) -> Array:
        """Stock on hand and in transit."""
        total: Array = state["stock"].sum(1) + state["in_transit"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Orders and shipments, receipts and demand in the configured order, cost."""
        if self.orders.whole and (compiled := kernels(len(action), KERNELS)):
            return self._compiled_step(compiled, state, action, demand)
        quantities = self.orders.quantities(action)
        stock, in_transit = state["stock"].copy(), state["in_transit"].copy()
        sent = self._ship(stock, in_transit, quantities)
        if self.late_receipt:
            self._receive(stock, in_transit)
        due = demand + state["backlog"]
        sold = self._serve(stock, due)
        filled = positive(sold - state["backlog"])
        missing = due - sold
        rates = self.rates
        terms = {
            "holding": weighted_sum(stock, rates.holding),
            "shortage": weighted_sum(missing, rates.penalty),
            "purchase": weighted_sum(sent, rates.purchase),
            "transport": weighted_sum(column_sum(in_transit), rates.transit),
            "operating": weighted_sum(sent, rates.operating),
            "revenue": weighted_sum(sold, rates.revenue),
        }
        end_stock = column_sum(stock)
        if not self.late_receipt:
            self._receive(stock, in_transit)
        backlog = missing if self.config.backlog else np.zeros_like(missing)
        bought = sent[:, self.topology.source == OUTSIDE].sum(1)
        flow = Flow(terms, demand.sum(1), filled.sum(1), end_stock, bought[:, None], bought, sold.sum(1))
        return {"stock": stock, "backlog": backlog, "in_transit": in_transit}, flow

    def _compiled_step(
        self, compiled: ModuleType, state: State, action: Array, demand: Array
    ) -> tuple[State, Flow]:
        """The same for a large batch of whole quantities."""
        discrete = self.orders.kind == "discrete"
        quantities = np.array(action, np.float64) if discrete else self.orders.quantities(action)
        next_state = {name: state[name].copy() for name in self.layout}
        sums = compiled.play_period(
            *next_state.values(),
            quantities,
            self._max_order,
            demand,
            self._flat_topology,
            self.rates,
            self.late_receipt,
            self.config.backlog,
        )
        terms = dict(zip(TERMS, sums, strict=False))
        demanded, filled, end_stock, bought, sold = sums[len(TERMS) :]
        return next_state, Flow(terms, demanded, filled, end_stock, bought[:, None], bought, sold)

    def _ship(self, stock: Array, in_transit: Array, quantities: Array) -> Array:
        """Ship every supplier's orders, upstream first; ``stock`` and ``in_transit`` change in place.

        Returns:
            Units sent over each link, shape ``(num_envs, links)``.
        """
        sent = np.empty_like(quantities)
        for links, capacity in zip(self.topology.suppliers, self.rates.capacity, strict=True):
            supplier = int(self.topology.source[links[0]])
            if supplier == OUTSIDE:
                shipments = self._share(np.full(len(stock), capacity), quantities[:, links])
            else:
                shipments = self._share(np.minimum(stock[:, supplier], capacity), quantities[:, links])
                stock[:, supplier] -= shipments.sum(1)
            sent[:, links] = shipments
            for column, link in enumerate(links):
                lead_time = int(self.topology.lead_times[link])
                if lead_time == 0 and not self.late_receipt:
                    stock[:, self.topology.target[link]] += shipments[:, column]
                else:
                    slot = lead_time if self.late_receipt else lead_time - 1
                    in_transit[:, link, slot] += shipments[:, column]
        return sent

    def _share(self, available: Array, ordered: Array) -> Array:
        """All that is ordered from a supplier, or what there is, shared in proportion to the orders."""
        total = ordered.sum(1)
        if not (total > available).any():
            return ordered
        share = proportional_shares(ordered, available)
        if self.orders.whole:
            share = whole_shares(share, ordered, np.minimum(np.floor(available), total))
        return share

    def _receive(self, stock: Array, in_transit: Array) -> None:
        """Add what arrives to the stocks and advance the pipelines, in place."""
        for link, node in enumerate(self.topology.target):
            stock[:, node] += in_transit[:, link, 0]
        in_transit[:, :, :-1] = in_transit[:, :, 1:].copy()
        in_transit[:, :, -1] = 0.0

    def _serve(self, stock: Array, due: Array) -> Array:
        """Serve the markets in turn, shape ``(num_envs, markets)``; ``stock`` changes in place."""
        sold = np.empty_like(due)
        for market, node in enumerate(self.topology.market_nodes):
            sold[:, market] = np.minimum(stock[:, node], due[:, market])
            stock[:, node] -= sold[:, market]
        return sold


make, make_vec = env_makers(Network)
simulator = MakeSimulator(Network)

"""A supply network: any acyclic graph of stocks, links with lead times, and markets with demand.

Nodes without a supplier stand for the outside and never run out. Two orders of events:

- ``sandbox``: **receive, observe, order, ship, demand, cost**;
- ``or-gym``: **observe, order, ship, receive, demand, cost**: suppliers ship from what they had before the
  period's receipts, as in or-gym's InvManagement environments.

A supplier ships what is asked for, limited by its stock, its capacity and the link's; what it cannot ship is
not owed. A shipment over a link of lead time L can be used for the demand L periods later. Profit of a
period:

    Σ price·sold - Σ price(link from outside)·bought - operating·shipped - holding·stock - transit·on the way
        - penalty·(demand not met, the backlog included where there is one).

Payments between nodes cancel. Source: Perez, Hubbs, Li & Grossmann 2021, Processes 9(1), 102.
"""

from __future__ import annotations

from typing import Any, Literal

import gymnasium as gym
import networkx as nx
import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import RewardSpec
from sandbox_inventory.core.compiled import kernels
from sandbox_inventory.core.config import InventoryConfig
from sandbox_inventory.core.demand import Demand, typical
from sandbox_inventory.core.envs import InventoryEnv, InventoryVectorEnv
from sandbox_inventory.core.model import Array, Flow, State, positive, summed, weighed
from sandbox_inventory.core.orders import Kind, orders_of
from sandbox_inventory.core.reward import presets
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import best_rule
from sandbox_inventory.warehouse import whole_shares

TERMS = ("holding", "shortage", "purchase", "transport", "operating", "revenue")
REWARDS = presets(*TERMS)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Node(_Part):
    """A place that holds stock."""

    name: str = Field(min_length=1, max_length=60)
    initial_stock: float = Field(0.0, ge=0, le=1e7, description="at the start, units")
    holding: float = Field(0.0, ge=0, le=1e6, description="cost of a unit on hand a period, money")
    operating: float = Field(0.0, ge=0, le=1e6, description="cost of a unit that it ships, money")
    capacity: float = Field(1e6, gt=0, le=1e7, description="most units shipped a period")


class Link(_Part):
    """A way from a supplier to a customer; ``price`` is paid where the supplier is outside."""

    source: str
    target: str
    lead_time: int = Field(0, ge=0, le=100, description="periods")
    price: float = Field(0.0, ge=0, le=1e6, description="of a unit bought from outside, money")
    transit: float = Field(0.0, ge=0, le=1e6, description="cost of a unit on the way a period, money")
    capacity: float = Field(100.0, gt=0, le=1e7, description="most units ordered a period")


class Market(_Part):
    """Customers of a node."""

    node: str
    demand: Demand = Demand(mean=20)
    price: float = Field(0.0, ge=0, le=1e6, description="of a unit sold, money")
    penalty: float = Field(
        0.0, ge=0, le=1e6, description="of a unit not served, or in backlog, a period, money"
    )


_SERIAL_NODES = (
    Node(name="retailer", initial_stock=100, holding=0.15),
    Node(name="distributor", initial_stock=100, holding=0.10),
    Node(name="manufacturer", initial_stock=200, holding=0.05),
    Node(name="raw"),
)
_SERIAL_LINKS = (
    Link(source="distributor", target="retailer", lead_time=3, capacity=100),
    Link(source="manufacturer", target="distributor", lead_time=5, capacity=90),
    Link(source="raw", target="manufacturer", lead_time=10, capacity=80, price=0.5),
)


class NetworkConfig(InventoryConfig):
    """The graph; the defaults are or-gym's InvManagement-v0."""

    horizon: int = Field(30, ge=1, le=1_000_000, description="periods of an episode")
    nodes: tuple[Node, ...] = Field(_SERIAL_NODES, min_length=2, max_length=200, description="places")
    links: tuple[Link, ...] = Field(_SERIAL_LINKS, min_length=1, max_length=1000, description="ways")
    markets: tuple[Market, ...] = Field(
        (Market(node="retailer", price=2.0, penalty=0.1),),
        min_length=1,
        max_length=200,
        description="customers",
    )
    backlog: bool = Field(True, description="unmet demand waits; else it is lost")
    event_order: Literal["sandbox", "or-gym"] = Field("sandbox", description="see the task's description")
    orders: Kind = Field("discrete", description="whole quantities to choose from, or scaled numbers")

    @model_validator(mode="after")
    def _graph(self) -> NetworkConfig:
        names = [node.name for node in self.nodes]
        if len(set(names)) < len(names):
            raise ValueError("two nodes have the same name")
        for link in self.links:
            for end in (link.source, link.target):
                if end not in names:
                    raise ValueError(f"a link names '{end}', which is no node")
        if len({(link.source, link.target) for link in self.links}) < len(self.links):
            raise ValueError("two links have the same ends")
        graph = graph_of(self)
        if not nx.is_directed_acyclic_graph(graph):
            circle = " → ".join(edge[0] for edge in nx.find_cycle(graph))
            raise ValueError(f"the graph has a circle: {circle}")
        for market in self.markets:
            if market.node not in names:
                raise ValueError(f"a market is at '{market.node}', which is no node")
            if graph.in_degree(market.node) == 0:
                raise ValueError(f"the market at '{market.node}' needs a node with a supplier")
        return self


def graph_of(config: NetworkConfig) -> nx.DiGraph:
    """The network as a graph of node names."""
    graph = nx.DiGraph()
    graph.add_nodes_from(node.name for node in config.nodes)
    graph.add_edges_from((link.source, link.target) for link in config.links)
    return graph


class Network:
    """The dynamics of a batch.

    State: ``stock`` (copies, inner nodes), ``way`` (copies, links, slots), ``owed`` (copies, markets). Inner
    nodes have a supplier; they are in the order of the config, as links and markets are.
    """

    finite = True
    layout = ("stock", "owed", "way")

    def __init__(self, config: NetworkConfig) -> None:
        self.config = config
        graph = graph_of(config)
        self.inner = [node for node in config.nodes if graph.in_degree(node.name) > 0]
        place = {node.name: index for index, node in enumerate(self.inner)}
        self.demands: tuple[Demand, ...] = tuple(market.demand for market in config.markets)
        self.late = config.event_order == "or-gym"
        longest = max(link.lead_time for link in config.links)
        self.slots = longest + 1 if self.late else max(longest, 1)
        self.source = np.array([place.get(link.source, -1) for link in config.links])
        self.target = np.array([place[link.target] for link in config.links])
        self.leads = np.array([link.lead_time for link in config.links])
        self.at = np.array([place[market.node] for market in config.markets])
        # Suppliers further up ship first, so that a link without lead time can be passed on at once.
        rank = {name: index for index, name in enumerate(nx.topological_sort(graph))}
        names = sorted({link.source for link in config.links}, key=rank.__getitem__)
        self.groups = [
            np.array([i for i, link in enumerate(config.links) if link.source == name]) for name in names
        ]
        self.limits = np.array([node.capacity for node in self.inner])
        self.inbound = np.zeros((len(config.links), len(self.inner)))
        self.inbound[np.arange(len(config.links)), self.target] = 1.0
        below = np.eye(len(self.inner))
        for node in self.inner:
            for descendant in nx.descendants(graph, node.name):
                below[place[node.name], place[descendant]] = 1.0
        self.below = below
        self.observation_size = len(self.inner) + len(config.markets) + len(config.links) * self.slots
        self.scale = max(float(np.mean([typical(one)[0] for one in self.demands])), 1.0)
        whole = all(one.integer for one in self.demands)
        self.orders = orders_of(config.orders, [link.capacity for link in config.links], whole)
        self._most = np.array(self.orders.most)
        self.action_space: gym.Space[Any] = self.orders.space
        self.prices = np.array(
            [link.price if self.source[i] < 0 else 0.0 for i, link in enumerate(config.links)]
        )
        operating = {node.name: node.operating for node in config.nodes}
        self.operating = np.array([operating[link.source] for link in config.links])
        self.transit = np.array([link.transit for link in config.links])
        self.holding = np.array([node.holding for node in self.inner])
        self.revenue = np.array([market.price for market in config.markets])
        self.penalty = np.array([market.penalty for market in config.markets])
        per_link = (self.prices, self.operating, self.transit)
        self._money = (*per_link, self.holding, self.revenue, self.penalty, self.limits)
        starts = np.cumsum([0, *(len(links) for links in self.groups)])
        self._supply = (starts, np.concatenate(self.groups), (self.source, self.target, self.leads))

    def start(self, copies: int) -> State:
        """Initial stocks, nothing on the way."""
        stock = np.array([node.initial_stock for node in self.inner])
        return {
            "stock": np.tile(stock, (copies, 1)).astype(np.float64),
            "owed": np.zeros((copies, len(self.at))),
            "way": np.zeros((copies, len(self.source), self.slots)),
        }

    def observe(self, state: State) -> Array:
        """Stock of every inner node, backlog of every market, what is on the way on every link by arrival."""
        copies = len(state["stock"])
        return np.concatenate([state["stock"], state["owed"], state["way"].reshape(copies, -1)], 1)

    def units(self, state: State) -> Array:
        """On hand and on the way."""
        total: Array = state["stock"].sum(1) + state["way"].sum((1, 2))
        return total

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """Orders and shipments, receipts and demand in the order of the config, cost."""
        if self.orders.whole and (compiled := kernels(len(action))):
            return self._compiled(compiled, state, action, demand)
        wanted = self.orders.quantities(action)
        stock, way = state["stock"].copy(), state["way"].copy()
        sent = np.empty_like(wanted)
        for links in self.groups:
            self._ship(stock, way, links, wanted[:, links], sent)
        if self.late:
            self._receive(stock, way)
        due = demand + state["owed"]
        sold, filled = np.empty_like(due), np.empty_like(due)
        for market, node in enumerate(self.at):
            sold[:, market] = np.minimum(stock[:, node], due[:, market])
            filled[:, market] = positive(sold[:, market] - state["owed"][:, market])
            stock[:, node] -= sold[:, market]
        missing = due - sold
        terms = {
            "holding": weighed(stock, self.holding),
            "shortage": weighed(missing, self.penalty),
            "purchase": weighed(sent, self.prices),
            "transport": weighed(summed(way), self.transit),
            "operating": weighed(sent, self.operating),
            "revenue": weighed(sold, self.revenue),
        }
        end = summed(stock)
        if not self.late:
            self._receive(stock, way)
        owed = missing if self.config.backlog else np.zeros_like(missing)
        bought = sent[:, self.source < 0].sum(1)
        flow = Flow(terms, demand.sum(1), filled.sum(1), end, bought[:, None], bought, sold.sum(1))
        return {"stock": stock, "way": way, "owed": owed}, flow

    def _compiled(self, compiled: Any, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """The same for a large batch of whole quantities."""
        discrete = self.orders.kind == "discrete"
        wanted = np.array(action, np.float64) if discrete else self.orders.quantities(action)
        following = {name: state[name].copy() for name in self.layout}
        stock, owed, way = following.values()
        sums = np.empty((11, len(wanted)))
        rules = (self.late, self.config.backlog)
        compiled.network(
            *(stock, way, owed, wanted, self._most, demand), *self._supply, self.at, self._money, rules, sums
        )
        terms = dict(zip(TERMS, sums, strict=False))
        asked, filled, end, bought, sold = sums[6:]
        return following, Flow(terms, asked, filled, end, bought[:, None], bought, sold)

    def _ship(self, stock: Array, way: Array, links: Array, wanted: Array, sent: Array) -> None:
        """One supplier's shipments: all that is asked for, or what there is, shared by orders."""
        supplier = int(self.source[links[0]])
        if supplier >= 0:
            total = wanted.sum(1)
            there = np.minimum(stock[:, supplier], self.limits[supplier])
            if (total > there).any():
                share = wanted * np.minimum(there / np.maximum(total, 1e-12), 1.0)[:, None]
                if self.orders.whole:
                    share = whole_shares(share, wanted, np.minimum(np.floor(there), total))
                wanted = share
            stock[:, supplier] -= wanted.sum(1)
        sent[:, links] = wanted
        for column, link in enumerate(links):
            lead = int(self.leads[link])
            if lead == 0 and not self.late:
                stock[:, self.target[link]] += wanted[:, column]
            else:
                way[:, link, lead if self.late else lead - 1] += wanted[:, column]

    def _receive(self, stock: Array, way: Array) -> None:
        for link, node in enumerate(self.target):
            stock[:, node] += way[:, link, 0]
        way[:, :, :-1] = way[:, :, 1:].copy()
        way[:, :, -1] = 0.0


def make(config: NetworkConfig, reward: RewardSpec, render_mode: str | None = None) -> InventoryEnv:
    """The environment of a scenario."""
    return InventoryEnv(Network(config), reward, render_mode)


def make_vec(config: NetworkConfig, reward: RewardSpec, num_envs: int) -> InventoryVectorEnv:
    """``num_envs`` copies, batched natively."""
    return InventoryVectorEnv(Network(config), reward, num_envs)


def positions(model: Network, state: State, echelon: bool) -> Array:
    """Stock and what is on the way to a node, less its markets' backlog; an echelon's with all below it."""
    own: Array = state["stock"] + state["way"].sum(2) @ model.inbound
    for market, node in enumerate(model.at):
        own[:, node] -= state["owed"][:, market]
    whole: Array = own @ model.below.T
    return whole if echelon else own


def base_stock(model: Network, levels: Array, state: State, echelon: bool) -> Array:
    """Every node orders its position up to its level, an equal part from each of its suppliers."""
    short = positive(levels - positions(model, state, echelon))
    parts: Array = short / np.maximum(model.inbound.sum(0), 1.0)
    each: Array = parts[:, model.target]
    return each


def _tuned(env: Any, name: str, echelon: bool) -> RulePolicy:
    model: Network = env.model

    def rule(parameters: Array, state: State) -> Array:
        return base_stock(model, parameters, state, echelon)

    mean = sum(typical(one)[0] for one in model.demands)
    lead = {int(target): int(model.leads[model.target == target].max()) for target in model.target}
    cover = np.array([lead[node] + 1.0 for node in range(len(model.inner))])
    if echelon:
        depth = model.below @ cover
        cover = depth
    start = np.ceil(mean * cover).tolist()
    best, cost = best_rule(
        env,
        f"network-{name}",
        rule,
        start,
        [np.ceil(2 * model.scale)] * len(start),
        low=[0.0] * len(start),
        periods=10_000,
    )
    return RulePolicy(
        env,
        lambda state: base_stock(model, best, state, echelon),
        model.orders.actions,
        {"values": best.tolist(), "cost": cost},
    )


def make_base_stock(env: Any) -> RulePolicy:
    """Local base-stock levels, optimised."""
    return _tuned(env, "base-stock", False)


def make_echelon(env: Any) -> RulePolicy:
    """Echelon base-stock levels, optimised."""
    return _tuned(env, "echelon-base-stock", True)

"""A supply network as the configuration describes it: nodes, links and markets."""

from __future__ import annotations

from typing import Literal

import networkx as nx
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox_inventory.core.config import InventoryConfig, OrderKind
from sandbox_inventory.core.demand.families import Demand


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Node(_Part):
    """A place that holds stock."""

    name: str = Field(min_length=1, max_length=60)
    initial_stock: float = Field(
        0.0, ge=0, le=1e7, description="at the start, units; the outside has no end of them"
    )
    holding: float = Field(0.0, ge=0, le=1e6, description="cost of a unit on hand a period, money")
    operating: float = Field(0.0, ge=0, le=1e6, description="cost of a unit that it ships, money")
    capacity: float = Field(1e6, gt=0, le=1e7, description="most units shipped a period")


class Link(_Part):
    """A way from a supplier to a customer; ``price`` is paid where the supplier is outside."""

    source: str
    target: str
    lead_time: int = Field(0, ge=0, le=100, description="periods")
    price: float = Field(0.0, ge=0, le=1e6, description="of a unit bought from outside, money")
    transit: float = Field(0.0, ge=0, le=1e6, description="cost of a unit in transit a period, money")
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
    """The network; the defaults are or-gym's InvManagement-v0."""

    horizon: int = Field(30, ge=1, le=1_000_000, description="periods of an episode")
    nodes: tuple[Node, ...] = Field(_SERIAL_NODES, min_length=2, max_length=200, description="places")
    links: tuple[Link, ...] = Field(
        _SERIAL_LINKS, min_length=1, max_length=1000, description="ways from a supplier to a customer"
    )
    markets: tuple[Market, ...] = Field(
        (Market(node="retailer", price=2.0, penalty=0.1),),
        min_length=1,
        max_length=200,
        description="customers",
    )
    backlog: bool = Field(True, description="unmet demand waits; else it is lost")
    event_order: Literal["sandbox", "or-gym"] = Field("sandbox", description="see the task's description")
    orders: OrderKind = Field("discrete", description="whole quantities to choose from, or scaled numbers")

    @model_validator(mode="after")
    def _acyclic_and_complete(self) -> NetworkConfig:
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
        _refuse_fields_without_effect(self, graph)
        return self


def _refuse_fields_without_effect(config: NetworkConfig, graph: nx.DiGraph) -> None:
    """Refuse stock, holding cost or prices where they would change nothing.

    Raises:
        ValueError: Names the field and its place.
    """
    for node in config.nodes:
        if graph.degree(node.name) == 0:
            raise ValueError(f"no link begins or ends at the node '{node.name}'")
        if graph.in_degree(node.name) > 0:
            continue
        for name in ("initial_stock", "holding"):
            if getattr(node, name):
                raise ValueError(
                    f"{name} of '{node.name}' has no effect: a node without a supplier stands for the outside"
                )
    for link in config.links:
        if link.price and graph.in_degree(link.source) > 0:
            raise ValueError(
                f"price of the link from '{link.source}' to '{link.target}' has no effect: payments between "
                "nodes cancel"
            )
        if link.transit and link.lead_time == 0:
            raise ValueError(
                f"transit of the link from '{link.source}' to '{link.target}' has no effect: with "
                "lead_time 0 nothing is on its way when costs are counted"
            )
    for node in config.nodes:
        if node.operating and graph.out_degree(node.name) == 0:
            raise ValueError(f"operating of '{node.name}' has no effect: it ships to no node")
        if node.capacity != Node.model_fields["capacity"].default and graph.out_degree(node.name) == 0:
            raise ValueError(f"capacity of '{node.name}' has no effect: it ships to no node")


def graph_of(config: NetworkConfig) -> nx.DiGraph:
    """The network as a graph of node names, an edge from supplier to customer."""
    graph = nx.DiGraph()
    graph.add_nodes_from(node.name for node in config.nodes)
    graph.add_edges_from((link.source, link.target) for link in config.links)
    return graph

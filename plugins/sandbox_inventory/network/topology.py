"""A supply network as arrays: who supplies whom, and what it costs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import networkx as nx
import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.network.config import NetworkConfig, graph_of

OUTSIDE = -1
"""Source of a link whose supplier never runs out."""


class FlatTopology(NamedTuple):
    """The arrays of a `Topology` that compiled loops need.

    ``links[starts[g]:starts[g + 1]]`` are the links of the g-th supplier.
    """

    starts: Array
    links: Array
    source: Array
    target: Array
    lead_times: Array
    market_nodes: Array


@dataclass(frozen=True)
class Topology:
    """Indices of the inner nodes (those with a supplier), links and markets, in the order of the config.

    Attributes:
        nodes: Names of the inner nodes.
        source: Supplier of each link, an inner node or `OUTSIDE`.
        target: Customer of each link, an inner node.
        lead_times: Of each link, periods.
        market_nodes: Inner node of each market.
        suppliers: Links of each supplier. Suppliers further upstream come first, so that units that arrive
            over a link without lead time can be passed on in the same period.
        inbound: 1 where a link leads to a node, shape ``(links, nodes)``.
        below: 1 where the column's node is the row's node or downstream of it, shape ``(nodes, nodes)``.
    """

    nodes: tuple[str, ...]
    source: Array
    target: Array
    lead_times: Array
    market_nodes: Array
    suppliers: tuple[Array, ...]
    inbound: Array
    below: Array

    def flat(self) -> FlatTopology:
        """The same for compiled loops."""
        starts = np.cumsum([0, *(len(links) for links in self.suppliers)])
        links = np.concatenate(self.suppliers)
        return FlatTopology(starts, links, self.source, self.target, self.lead_times, self.market_nodes)


def topology_of(config: NetworkConfig) -> Topology:
    """The topology of a configured network."""
    graph, links = graph_of(config), config.links
    nodes = tuple(node.name for node in config.nodes if graph.in_degree(node.name) > 0)
    index = {name: number for number, name in enumerate(nodes)}
    target = np.array([index[link.target] for link in links])
    inbound = np.zeros((len(links), len(nodes)))
    inbound[np.arange(len(links)), target] = 1.0
    below = np.eye(len(nodes))
    for name in nodes:
        for descendant in nx.descendants(graph, name):
            below[index[name], index[descendant]] = 1.0
    rank = {name: number for number, name in enumerate(nx.topological_sort(graph))}
    suppliers = sorted({link.source for link in links}, key=rank.__getitem__)
    return Topology(
        nodes=nodes,
        source=np.array([index.get(link.source, OUTSIDE) for link in links]),
        target=target,
        lead_times=np.array([link.lead_time for link in links]),
        market_nodes=np.array([index[market.node] for market in config.markets]),
        suppliers=tuple(
            np.array([i for i, link in enumerate(links) if link.source == name]) for name in suppliers
        ),
        inbound=inbound,
        below=below,
    )


class Rates(NamedTuple):
    """Money a unit and a period, and capacities.

    Attributes:
        purchase: Price of a unit bought over each link; 0 unless the supplier is outside.
        operating: Cost of a unit shipped over each link.
        transit: Cost of a unit in transit on each link.
        holding: Cost of a unit on hand at each inner node.
        revenue: Price of a unit sold in each market.
        penalty: Cost of a missing unit in each market.
        capacity: Most units that each supplier ships a period, in the order of `Topology.suppliers`.
    """

    purchase: Array
    operating: Array
    transit: Array
    holding: Array
    revenue: Array
    penalty: Array
    capacity: Array


def rates_of(config: NetworkConfig, topology: Topology) -> Rates:
    """The rates of a configured network."""
    by_name = {node.name: node for node in config.nodes}
    inner = [by_name[name] for name in topology.nodes]
    bought = topology.source == OUTSIDE
    return Rates(
        purchase=np.array([link.price if bought[i] else 0.0 for i, link in enumerate(config.links)]),
        operating=np.array([by_name[link.source].operating for link in config.links]),
        transit=np.array([link.transit for link in config.links]),
        holding=np.array([node.holding for node in inner]),
        revenue=np.array([market.price for market in config.markets]),
        penalty=np.array([market.penalty for market in config.markets]),
        capacity=np.array([by_name[config.links[links[0]].source].capacity for links in topology.suppliers]),
    )

"""The best plan of a network for demand that is known in advance, as a linear program.

Fractions of units may be ordered, a supplier shares its stock as is best, and the units that arrive in a
period may be shipped in it: no policy does better on a path of demand, whatever it knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.network.model import Network
from sandbox_inventory.network.topology import OUTSIDE

MAX_VARIABLES = 60_000
"""Largest linear program; a larger one has no bound."""


@dataclass(frozen=True)
class Program:
    """Maximise the money of an episode; columns are what is sent, kept, sold and missing in every period.

    Attributes:
        money: Of a unit of each column, negative for costs.
        equations: Balances of stock and of demand, SciPy sparse.
        stock: Right-hand side of the balances of stock.
        limits: Units shipped by each supplier in each period, SciPy sparse.
        most: Its right-hand side.
        largest: Largest value of each column; infinite where there is none.
        earns: Whether revenue counts; otherwise the result is a cost.
        periods: Of an episode.
        width: Columns of a period, those of the links first.
    """

    money: Array
    equations: Any
    stock: Array
    limits: Any
    most: Array
    largest: Array
    earns: bool
    periods: int
    width: int

    @classmethod
    def of(cls, model: Network, *, earns: bool) -> Program | None:
        """The program of a network; None if it would be too large."""
        from scipy import sparse

        config, topology, rates = model.config, model.topology, model.rates
        periods, links, nodes = config.horizon, len(config.links), len(topology.nodes)
        markets = len(config.markets)
        width = links + nodes + 2 * markets
        if periods * width > MAX_VARIABLES:
            return None
        time = np.arange(periods)
        travel = np.minimum(topology.lead_times, periods - time[:, None])
        money = np.zeros((periods, width))
        money[:, :links] = -(rates.purchase + rates.operating + rates.transit * travel)
        money[:, links : links + nodes] = -rates.holding
        money[:, links + nodes : links + nodes + markets] = rates.revenue if earns else 0.0
        money[:, links + nodes + markets :] = -rates.penalty
        limits = sparse.kron(
            sparse.eye(periods),
            sparse.csr_matrix(
                [[float(column in group) for column in range(width)] for group in topology.suppliers]
            ),
        )
        stock = np.zeros((periods, nodes))
        stock[0] = model.initial_state(1)["stock"][0]
        largest = np.full((periods, width), np.inf)
        largest[:, :links] = model.orders.max_quantity
        return cls(
            money.ravel(),
            _equations(model, width),
            stock.ravel(),
            limits.tocsr(),
            np.tile(rates.capacity, periods),
            largest.ravel(),
            earns,
            periods,
            width,
        )

    def balance(self, demand: Array) -> Array:
        """Right-hand side of the equations.

        Args:
            demand: Of the episode, shape ``(periods, markets)``, units.
        """
        return np.concatenate([self.stock, demand.ravel()])

    def best(self, demand: Array, extra: Array | None = None, constant: float = 0.0) -> float:
        """The best profit, or the least cost, a period.

        Args:
            demand: Of the episode, shape ``(periods, markets)``, units.
            extra: Cost of a unit of each column beside the money.
            constant: Cost of the episode beside it.
        """
        from scipy.optimize import linprog

        result = linprog(
            -self.money if extra is None else extra - self.money,
            A_ub=self.limits,
            b_ub=self.most,
            A_eq=self.equations,
            b_eq=self.balance(demand),
            bounds=np.stack([np.zeros(len(self.largest)), self.largest], 1),
            method="highs",
        )
        value = -(float(result.fun) + constant) / self.periods if result.success else np.inf
        if self.earns:
            return value
        return -value


def _equations(model: Network, width: int) -> Any:
    """Balances of stock, then of demand, SciPy sparse."""
    from scipy import sparse

    config, topology = model.config, model.topology
    periods, links, nodes = config.horizon, len(config.links), len(topology.nodes)
    markets = len(config.markets)
    balance = sparse.lil_matrix((periods * nodes, periods * width))
    demand = sparse.lil_matrix((periods * markets, periods * width))
    for period in range(periods):
        at, row = period * width, period * nodes
        for node in range(nodes):  # kept = kept before + arrived - sent - sold
            balance[row + node, at + links + node] = 1.0
            if period:
                balance[row + node, at - width + links + node] = -1.0
        for link, (source, target) in enumerate(zip(topology.source, topology.target, strict=True)):
            if source != OUTSIDE:
                balance[row + int(source), at + link] += 1.0
            sent = period - int(topology.lead_times[link])
            if sent >= 0:
                balance[row + int(target), sent * width + link] -= 1.0
        for market, node in enumerate(topology.market_nodes):  # sold + missing = demand (+ backlog)
            sold = at + links + nodes + market
            balance[row + int(node), sold] += 1.0
            demand[period * markets + market, sold] = 1.0
            demand[period * markets + market, sold + markets] = 1.0
            if config.backlog and period:
                demand[period * markets + market, sold + markets - width] = -1.0
    return sparse.vstack([balance, demand]).tocsr()

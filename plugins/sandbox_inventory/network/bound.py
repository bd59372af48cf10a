"""A bound of what a network can earn: the best plan for demand that is known in advance.

A linear program for each test episode, with that episode's demand: fractions of units may be ordered, a
supplier shares its stock as is best, and the units that arrive in a period may be shipped in it. No policy
does better on these episodes, whatever it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import Bound
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.rules import InventoryEnvironment
from sandbox_inventory.core.simulation import demand_of_episodes
from sandbox_inventory.network.model import Network
from sandbox_inventory.network.topology import OUTSIDE

MAX_VARIABLES = 60_000
"""Largest linear program; a larger one has no bound."""


def bound(env: InventoryEnvironment, metric: str, seeds: Sequence[int]) -> Bound | None:
    """The mean over the test episodes of what the best plan earns; see `sandbox.api.Task.bound`."""
    model: Network = env.core.model
    program = _Program.of(model, earns=metric == "profit")
    if metric not in ("profit", "cost") or model.config.warmup or program is None:
        return None
    values = [program.best(demand) for demand in demand_of_episodes(model, seeds)]
    return Bound(float(np.mean(values)), "the best plan for demand known in advance")


@dataclass(frozen=True)
class _Program:
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
    """

    money: Array
    equations: Any
    stock: Array
    limits: Any
    most: Array
    largest: Array
    earns: bool
    periods: int

    @classmethod
    def of(cls, model: Network, *, earns: bool) -> _Program | None:
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
        equations = sparse.vstack([balance, demand]).tocsr()
        most = np.tile(rates.capacity, periods)
        return cls(
            money.ravel(), equations, stock.ravel(), limits.tocsr(), most, largest.ravel(), earns, periods
        )

    def best(self, demand: Array) -> float:
        """The best profit, or the least cost, a period.

        Args:
            demand: Of the episode, shape ``(periods, markets)``, units.
        """
        from scipy.optimize import linprog

        result = linprog(
            -self.money,
            A_ub=self.limits,
            b_ub=self.most,
            A_eq=self.equations,
            b_eq=np.concatenate([self.stock, demand.ravel()]),
            bounds=np.stack([np.zeros(len(self.largest)), self.largest], 1),
            method="highs",
        )
        value = -float(result.fun) / self.periods if result.success else np.inf if self.earns else -np.inf
        return value if self.earns else -value

"""The bound of a network with the demand known, and a price on that knowledge.

Let A_jt be the units sent over link j in period t and some periods before, decided before the demand of t is
seen, and D_jt the demand at and below the link's target from t on, over the time that such a unit takes to a
market. With any weights θ, the charge

    Σ_t Σ_j Σ_c θ_jc·(1[D_jt ≥ c] - P(D_jt ≥ c))·(A_jt - a_jt)

is nothing on average for who does not know the demand (a_jt is known in t, too: the demand of the time that
A_jt covers), so
that the mean over demand of the best plan with this charge is a bound (information relaxation; Brown, Smith &
Sun 2010, Operations Research 58(4)). It makes dear what only foresight would order: much ahead of large
demand, little ahead of small demand. The plan remains a linear program. The best weights for a sample of
demand are the prices of what they weigh, which is made zero on average over the sample; the bound is the mean
over another sample, less its error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import convolved, probabilities
from sandbox_inventory.network.config import graph_of
from sandbox_inventory.network.model import Network
from sandbox_inventory.network.program import Program

LEVELS = (0.1, 0.3, 0.5, 0.7, 0.85, 0.95)
"""Probabilities with which demand stays below the thresholds c."""

MEMORIES = {True: (1, 4, 10_000), False: (1, 4, 12)}
"""Periods whose orders count in A, with backlog and without: lost demand is forgotten, backlog never is."""

MAX_CHARGES = 150
"""Charges whose weights are found: with more, networks of many links have fewer thresholds."""

SHARES = (1.0, 0.75, 0.5, 0.3, 0.15, 0.05, 0.0)
"""Parts of the fitted weights that are tried on demand of its own: all of them may be more than is good."""


@dataclass(frozen=True)
class Charges:
    """What knowledge of the demand is charged for.

    Attributes:
        links: Link of each charge, shape ``(charges,)``.
        windows: Periods of demand that each looks at, shape ``(charges,)``.
        thresholds: Units, shape ``(charges, periods)``: where less of the horizon is left, fewer.
        shares: P(D ≥ c), shape ``(charges, periods)``.
        memories: Periods whose orders count, shape ``(charges,)``.
        below: 1 where a market is at or below the charge's node, shape ``(charges, markets)``.
        suppliers: Links into the charge's node, shape ``(charges,)``.
    """

    links: Array
    windows: Array
    thresholds: Array
    shares: Array
    memories: Array
    below: Array
    suppliers: Array

    @classmethod
    def of(cls, model: Network) -> Charges:
        """The charges of a network with demand on the integers.

        Raises:
            InvalidValueError: For other demand.
        """
        periods, topology = model.config.horizon, model.topology
        masses = [probabilities(demand) for demand in model.demands]
        rows: list[tuple[int, int, Array, Array, int, Array, float]] = []
        windows = [_windows(model, link) for link in range(len(topology.target))]
        memories = MEMORIES[model.config.backlog]
        each = len(memories) * sum(len(found) for found in windows)
        levels = LEVELS[:: max(1, -(-len(LEVELS) * each // MAX_CHARGES))]
        for link, target in enumerate(topology.target):
            below = topology.below[target][topology.market_nodes]
            demand = np.ones(1)
            for mass, counts in zip(masses, below, strict=True):
                demand = np.convolve(demand, mass) if counts else demand
            for window in windows[link]:
                left = np.minimum(window, periods - np.arange(periods))
                laws = {int(length): convolved(demand, int(length)) for length in np.unique(left)}
                for level in levels:
                    cuts = {length: _threshold(law, level) for length, law in laws.items()}
                    thresholds = np.array([cuts[length] for length in left])
                    tails = {length: float(laws[length][cuts[length] :].sum()) for length in laws}
                    shares = np.array([tails[length] for length in left])
                    into = float((topology.target == target).sum())
                    for memory in memories:
                        rows.append((link, window, thresholds, shares, memory, below, into))
        columns = [np.array(column) for column in zip(*rows, strict=True)]
        return cls(*columns)

    def weights(self, demand: Array) -> Array:
        """1[D ≥ c] - P(D ≥ c), shape ``(charges, periods)``.

        Args:
            demand: Of a path, shape ``(periods, markets)``, units.
        """
        sums = np.concatenate([np.zeros((1, demand.shape[1])), np.cumsum(demand, 0)])
        begin = np.arange(len(demand))
        end = np.minimum(begin + self.windows[:, None], len(demand))
        within = ((sums[end] - sums[begin]) * self.below[:, None]).sum(-1)
        centred: Array = (within >= self.thresholds) - self.shares
        return centred

    def coefficients(self, demand: Array) -> tuple[Array, Array]:
        """What a unit sent over each charge's link in each period adds to it, and what is added without any.

        Args:
            demand: Of a path, shape ``(periods, markets)``, units.

        Returns:
            Shapes ``(charges, periods)`` and ``(charges,)``.
        """
        weights = self.weights(demand)
        periods = np.arange(len(demand))
        last = np.minimum(periods + self.memories[:, None], len(demand))
        first = np.maximum(periods - self.memories[:, None], 0)
        until = np.concatenate([np.zeros((len(weights), 1)), np.cumsum(weights, 1)], 1)
        units = np.take_along_axis(until, last, 1) - until[:, :-1]
        sums = np.concatenate([np.zeros((1, demand.shape[1])), np.cumsum(demand, 0)])
        past = ((sums[:-1] - sums[first]) * self.below[:, None]).sum(-1) / self.suppliers[:, None]
        return units, -(weights * past).sum(1)


def fit(program: Program, charges: Charges, demand: Sequence[Array]) -> Array:
    """The weights with which the mean of the best plans on these paths is the tightest bound.

    Args:
        program: The plan's linear program.
        charges: What is charged for.
        demand: Paths, each of shape ``(periods, markets)``, units.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    count, width = len(demand), len(program.money)
    coupling, offsets = [], np.zeros(len(charges.links))
    for path in demand:
        units, constant = charges.coefficients(path)
        coupling.append(_on_links(program, charges, units) / count)
        offsets += constant / count
    same: dict[str, Any] = {"format": "csr"}
    result = linprog(
        -np.tile(program.money, count) / count,
        A_ub=sparse.kron(sparse.eye(count), program.limits, **same),
        b_ub=np.tile(program.most, count),
        A_eq=sparse.vstack(
            [sparse.kron(sparse.eye(count), program.equations, **same), sparse.hstack(coupling)], **same
        ),
        b_eq=np.concatenate([*(program.balance(path) for path in demand), -offsets]),
        bounds=np.stack([np.zeros(count * width), np.tile(program.largest, count)], 1),
        method="highs-ipm",
        options={"presolve": True},
    )
    if not result.success:
        return np.zeros(len(charges.links))
    prices: Array = -result.eqlin.marginals[-len(charges.links) :]
    return prices


def shrunk(program: Program, charges: Charges, weights: Array, demand: Sequence[Array]) -> Array:
    """The part of the weights that gives the tightest bound on these paths, which they were not found on."""
    better = min if program.earns else max
    parts = [share * weights for share in SHARES]
    return better(parts, key=lambda part: np.mean([charged(program, charges, part, path) for path in demand]))


def charged(program: Program, charges: Charges, weights: Array, demand: Array) -> float:
    """The best profit, or the least cost, a period of a path with the charge."""
    units, constant = charges.coefficients(demand)
    extra = np.asarray(_on_links(program, charges, weights[:, None] * units).sum(0)).ravel()
    return program.best(demand, extra, float(weights @ constant))


def _on_links(program: Program, charges: Charges, units: Array) -> Any:
    """The charges as rows over the program's columns, SciPy sparse, shape ``(charges, columns)``."""
    from scipy import sparse

    periods = units.shape[1]
    columns = np.arange(periods) * program.width + charges.links[:, None]
    rows = np.repeat(np.arange(len(units)), periods)
    return sparse.csr_matrix(
        (units.ravel(), (rows, columns.ravel())), shape=(len(units), periods * program.width)
    )


def _threshold(law: Array, level: float) -> int:
    """The least demand that is reached with a probability of at most 1 - ``level``."""
    return int(np.searchsorted(np.cumsum(law), level)) + 1


def _windows(model: Network, link: int) -> list[int]:
    """Periods of demand that a unit sent over a link is sent for: to its target, and to the last market."""
    config, graph = model.config, graph_of(model.config)
    travel = int(model.topology.lead_times[link])
    times = {(each.source, each.target): each.lead_time for each in config.links}
    target = config.links[link].target
    # Longest way from the target to every node, upstream first: there may be very many ways.
    longest = {target: 0}
    for node in nx.topological_sort(graph):
        for below in graph.successors(node) if node in longest else ():
            longest[below] = max(longest.get(below, 0), longest[node] + times[node, below])
    ends = [longest[market.node] for market in config.markets if market.node in longest]
    return sorted({travel + 1, travel + max(ends, default=0) + 1})

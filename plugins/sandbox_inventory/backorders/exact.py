"""Exact parameters of (s, S), (r, nQ) and base-stock rules for one item with backorders.

All rest on G(y) = E[h·(y - D)⁺ + p·(D - y)⁺], the expected cost a period of inventory position y after
ordering, where D is the demand of L + 1 periods, of random L too (`core.lead_times`). Where orders are
limited so that an (s, S) policy cannot be carried out, the optimum is found on a table of positions, and the
rules are judged with their limited orders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import largest_demand, mean_and_std, probabilities
from sandbox_inventory.core.lead_times import over_lead_time
from sandbox_inventory.core.solvers.lot_sizing import LotSizes, LotSizing, solve_lot_sizing
from sandbox_inventory.core.solvers.positions import (
    ROUNDING,
    PositionCost,
    best_min_max,
    check_limit,
    expected_cost,
    position_cost,
    renewal,
    search_margin,
)

__all__ = ["PositionCost", "best_min_max", "position_cost", "renewal"]

MAX_SHORTFALL = 4_000
"""Positions below the highest one, in the law of a rule with limited orders."""


@dataclass(frozen=True)
class Problem:
    """One item with backorders.

    Attributes:
        mass: P(d = 0), P(d = 1), … of one period.
        cost: G on a range of positions.
        extended: G of any array of positions.
        fixed: K.
        limit: Largest order, whole units.
        largest: A demand that is exceeded with a negligible probability, units.
        constant: Purchase less revenue a period, which no policy changes in the long run, money.
    """

    mass: Array
    cost: PositionCost
    extended: Callable[[Array], Array]
    fixed: float
    limit: int
    largest: int
    constant: float

    def binds(self, span: int) -> bool:
        """Whether the limit matters to a rule that lets a position fall to its top less ``span`` units."""
        return self.limit < span + self.largest


def problem(config: BackordersConfig, weights: Mapping[str, float], limit: float = 1e9) -> Problem:
    """The item with the reward's weights applied.

    Args:
        config: The system.
        weights: The reward's weight of each term.
        limit: Largest order, units.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, rewarded costs, orders that
            cannot meet the demand, and more positions than are searched.
    """
    mass = probabilities(config.demand)
    fixed = -weights["fixed"] * config.fixed_cost
    if fixed < 0:
        raise InvalidValueError("The optimum is computed for a fixed cost that is not rewarded.")
    holding, penalty = -weights["holding"] * config.holding, -weights["shortage"] * config.penalty
    margin = search_margin(mass, fixed, holding, penalty)
    over = over_lead_time(mass, config)
    mean = mean_and_std(config.demand)[0]
    check_limit(limit, mean)
    return Problem(
        mass,
        position_cost(over, holding, penalty, margin),
        expected_cost(over, holding, penalty),
        fixed,
        int(limit),
        int(largest_demand(config.demand)),
        -mean * (weights["purchase"] * config.purchase + weights["revenue"] * config.price),
    )


def optimal(item: Problem) -> tuple[tuple[int, int] | None, LotSizes | None, float]:
    """The optimal policy, (s, S) or a table of orders where they are too limited for that, and its cost."""
    low, top, cost = best_min_max(item.mass, item.cost, item.fixed)
    if not item.binds(top - low - 1):
        return (low, top), None, cost
    problem = LotSizing((item.mass,), (item.extended,), (0.0,), item.fixed, (item.limit,))
    table = solve_lot_sizing(problem, np.array([low - item.largest]), np.array([top + item.limit]))
    return None, table, table.cost


def rule_cost(item: Problem, order: Callable[[Array], Array]) -> tuple[int, float]:
    """The best place of a rule that orders by the position relative to that place, and its average cost.

    Args:
        item: The item.
        order: Orders for an array of relative positions, at most the item's limit; at least 1 for each
            position of 0 or less.
    """
    share, places, placing = _relative_law(item, order)
    largest = len(item.cost.cost) + 2 * item.cost.low  # demand of the lead time and a period more
    levels = np.arange(-int(places[-1]) - 1, largest - int(places[0]) + 2)
    costs = np.array([float(share @ item.extended(level + places)) for level in levels])
    best = int(costs.argmin())
    return int(levels[best]), float(costs[best]) + item.fixed * placing


def _relative_law(item: Problem, order: Callable[[Array], Array]) -> tuple[Array, Array, float]:
    """Stationary probabilities of positions after ordering, those positions, and the share of orders."""
    reach = 4 * max(len(item.mass), item.limit)
    while True:
        places = np.arange(-reach, item.limit + len(item.mass) + 1)
        after = np.clip(places + order(places), places[0], places[-1]) + reach
        chain = np.zeros((len(places), len(places)))
        for demand, probability in enumerate(item.mass):
            before = np.maximum(np.arange(len(places)) - demand, 0)
            np.add.at(chain, (np.arange(len(places)), after[before]), probability)
        share = stationary(chain, int(after[reach]))
        if share[: reach // 4].sum() < 1e-9 or reach > MAX_SHORTFALL:
            break
        reach *= 2
    placed = (order(places) > 0).astype(float)
    placing = 0.0
    for demand, probability in enumerate(item.mass):
        before = np.maximum(np.arange(len(places)) - demand, 0)
        placing += float(probability * (share @ placed[before]))
    used = share > 0
    return share[used], places[used], placing


def stationary(chain: Array, first: int) -> Array:
    """Stationary probabilities of a chain that begins in state ``first``, shape ``(states,)``.

    Args:
        chain: Transition probabilities, shape ``(states, states)``.
        first: The state to begin in.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import breadth_first_order

    reached = np.sort(breadth_first_order(csr_matrix(chain), first, return_predecessors=False))
    inner = chain[np.ix_(reached, reached)]
    equations = inner.T - np.eye(len(inner))
    equations[0] = 1.0  # the balance of one state follows from the others
    share: Array = np.zeros(len(chain))
    share[reached] = np.maximum(np.linalg.solve(equations, np.eye(len(inner))[0]), 0.0)
    normalised: Array = share / share.sum()
    return normalised


def best_base_stock(item: Problem) -> tuple[int, float]:
    """The best S of base-stock, and its average cost."""
    if not item.binds(0):
        return item.cost.best, item.cost(item.cost.best) + item.fixed * (1 - float(item.mass[0]))
    return rule_cost(item, lambda places: np.clip(-places, 0, item.limit))


def best_lots(item: Problem) -> tuple[int, int, float]:
    """The best (r, nQ) and its average cost; with limited orders, as many lots as one order can hold."""
    low, lot, cost = best_batches(item.mass, item.cost, item.fixed)
    if not item.binds(lot):
        return low, lot, cost
    best = (0, 1, np.inf)
    mean = float(item.mass @ np.arange(len(item.mass)))
    for lot in range(1, item.limit + 1):
        if item.limit // lot * lot <= mean * (1 + ROUNDING):
            continue  # an order holds too few lots to make up for a backlog
        low, cost = rule_cost(item, lambda places, lot=lot: lots(places, lot, item.limit))  # type: ignore[misc]
        if cost < best[2]:
            best = (low, lot, cost)
    return best


def lots(above: Any, lot: int, limit: float) -> Any:
    """Orders of (r, nQ): whole lots that raise a position above r, as many as ``limit`` holds.

    Args:
        above: Positions less r, units.
        lot: Q.
        limit: Largest order, units.
    """
    count = np.minimum(np.ceil((1 - above) / lot), np.floor(limit / lot))
    return (np.where(above <= 0, count, 0) * lot).astype(np.int64)


def best_batches(mass: Array, cost: PositionCost, fixed: float) -> tuple[int, int, float]:
    """The best (r, nQ) and its average cost: at r or below, as many lots of Q as raise the position above r.

    The position after ordering is uniform on r + 1 … r + Q, so the average cost is
    (Σ G(y) + K·Σ_{i=1}^{Q} P(D ≥ i))/Q. Source: Zheng & Chen 1992, Naval Research Logistics 39(4).
    """
    at_least = np.cumsum(mass[::-1])[::-1]  # P(D ≥ i)
    return _best_lot(cost, lambda lot: fixed * float(at_least[1 : lot + 1].sum()))


def best_continuous_batches(rate: float, cost: PositionCost, fixed: float) -> tuple[int, int, float]:
    """The best (r, Q) under continuous review of Poisson demand: average cost (K·rate + Σ G(y))/Q.

    Source: Federgruen & Zheng 1992, Operations Research 40(4).
    """
    return _best_lot(cost, lambda lot: fixed * rate)


def _best_lot(cost: PositionCost, ordering_cost: Callable[[int], float]) -> tuple[int, int, float]:
    """r, Q and the average cost that minimise (Σ_{y = r+1}^{r+Q} G(y) + ordering_cost(Q))/Q."""
    best = (0, 1, np.inf)
    for lot in range(1, len(cost.cost) // 2):
        sums = np.convolve(cost.cost, np.ones(lot), "valid")
        start = int(sums.argmin())
        average = (float(sums[start]) + ordering_cost(lot)) / lot
        if average < best[2]:
            best = (cost.low + start - 1, lot, average)
    return best

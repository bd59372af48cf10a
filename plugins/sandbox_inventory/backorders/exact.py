"""Exact parameters of (s, S), (r, nQ) and base-stock rules for one item with backorders.

All rest on G(y) = E[h·(y - D)⁺ + p·(D - y)⁺], the expected cost a period of inventory position y after
ordering, where D is the demand of L + 1 periods.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.backorders.config import BackordersConfig
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import convolved, probabilities

MAX_POSITIONS = 200_000


@dataclass(frozen=True)
class PositionCost:
    """G on a range of positions.

    Attributes:
        low: The position of ``cost[0]``.
        cost: G(low), G(low + 1), …
    """

    low: int
    cost: Array

    def __call__(self, position: int) -> float:
        """G(position)."""
        return float(self.cost[position - self.low])

    @property
    def best(self) -> int:
        """Smallest minimiser of G."""
        return self.low + int(self.cost.argmin())


def position_cost(mass: Array, holding: float, penalty: float, margin: int) -> PositionCost:
    """G on the positions from -margin to the largest demand plus margin.

    Args:
        mass: P(D = 0), P(D = 1), … of the demand of L + 1 periods.
        holding: h, greater than 0.
        penalty: p, greater than 0.
        margin: Positions on each side, units.

    Raises:
        InvalidValueError: Unless both rates are greater than 0.
    """
    if holding <= 0 or penalty <= 0:
        raise InvalidValueError("The best position needs holding > 0 and penalty > 0.")
    values = np.arange(len(mass))
    positions = np.arange(-margin, len(mass) + margin)
    left = positions[:, None] - values
    return PositionCost(-margin, (np.where(left > 0, holding * left, -penalty * left)) @ mass)


def problem(config: BackordersConfig, weights: Mapping[str, float]) -> tuple[Array, PositionCost, float]:
    """One period's demand probabilities, G, and the fixed cost K, with the reward's weights applied.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, rewarded costs, and more than
            `MAX_POSITIONS` positions.
    """
    mass = probabilities(config.demand)
    fixed = -weights["fixed"] * config.fixed_cost
    if fixed < 0:
        raise InvalidValueError("The optimum is computed for a fixed cost that is not rewarded.")
    holding, penalty = -weights["holding"] * config.holding, -weights["shortage"] * config.penalty
    mean = float(mass @ np.arange(len(mass)))
    lots = 4 * np.sqrt(2 * fixed * max(mean, 1) / max(min(holding, penalty), 1e-9))
    margin = int(lots + 4 * len(mass)) + 10
    if margin > MAX_POSITIONS:
        raise InvalidValueError("The optimum needs more than 200,000 positions; lower fixed_cost or demand.")
    return mass, position_cost(convolved(mass, config.lead_time + 1), holding, penalty, margin), fixed


def renewal(mass: Array, size: int) -> Array:
    """m(j) = E[number of periods in which demand since an order is j], j = 0 … size - 1.

    m(0) = 1/(1 - p₀), m(j) = Σ_{l=1}^{j} p_l·m(j - l)/(1 - p₀); Zheng & Federgruen 1991, eq. (2).
    """
    visits = np.zeros(size)
    visits[0] = 1 / (1 - mass[0])
    padded = np.zeros(size)
    padded[: min(size, len(mass))] = mass[:size]
    for j in range(1, size):
        visits[j] = padded[1 : j + 1] @ visits[j - 1 :: -1][:j] / (1 - mass[0])
    return visits


def best_min_max(mass: Array, cost: PositionCost, fixed: float) -> tuple[int, int, float]:
    """The best (s, S) and its average cost; an order is placed when the position is at s or below.

    Args:
        mass: P(d = 0), P(d = 1), … of one period.
        cost: G.
        fixed: K.

    Source: Zheng & Federgruen 1991, the algorithm of section 2.
    """
    if mass[0] >= 1:
        return cost.best - 1, cost.best, cost(cost.best)
    visits = renewal(mass, len(cost.cost))
    cycle_length = np.cumsum(visits)

    def average(low: int, top: int) -> float:
        gap = top - low
        inside = cost.cost[low + 1 - cost.low : top + 1 - cost.low][::-1]
        return float((fixed + visits[:gap] @ inside) / cycle_length[gap - 1])

    start = cost.best
    low = start - 1
    while average(low, start) > cost(low):
        low -= 1
    best_low, best_top, best = low, start, average(low, start)
    top = start + 1
    while cost(top) <= best:
        if average(best_low, top) < best:
            best_top = top
            while average(best_low, top) <= cost(best_low + 1):
                best_low += 1
            best = average(best_low, top)
        top += 1
    return best_low, best_top, best


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

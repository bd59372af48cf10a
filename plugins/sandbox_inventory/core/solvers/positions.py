"""Positions of one item with backorders: the cost of a period, and the best (s, S).

All rest on G(y) = E[h·(y - D)⁺ + p·(D - y)⁺], the expected cost a period of inventory position y after
ordering, where D is the demand of the lead time and one period more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array

MAX_POSITIONS = 200_000

ROUNDING = 1e-9
"""Relative error of a mean that is computed from probabilities."""


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
    positions = np.arange(-margin, len(mass) + margin)
    return PositionCost(-margin, expected_cost(mass, holding, penalty)(positions))


def expected_cost(mass: Array, holding: float, penalty: float) -> Callable[[Array], Array]:
    """G as a function of an array of positions.

    Args:
        mass: P(D = 0), P(D = 1), …
        holding: h.
        penalty: p.
    """
    at_most = np.cumsum(mass)
    # E(y - D)⁺ = Σ_{k < y} P(D ≤ k), linear beyond the largest demand.
    left = np.concatenate([[0.0], np.cumsum(at_most)])
    mean = float(mass @ np.arange(len(mass)))

    def cost(positions: Array) -> Array:
        inside = np.clip(positions, 0, len(mass))
        kept = left[inside] + np.maximum(positions - len(mass), 0)
        result: Array = holding * kept + penalty * (kept + mean - positions)
        return result

    return cost


def search_margin(mass: Array, fixed: float, holding: float, penalty: float) -> int:
    """Positions on each side of the demand that hold every good (s, S), units.

    Args:
        mass: P(d = 0), P(d = 1), … of one period.
        fixed: K.
        holding: h.
        penalty: p.

    Raises:
        InvalidValueError: If they are more than `MAX_POSITIONS`.
    """
    mean = float(mass @ np.arange(len(mass)))
    lots = 4 * np.sqrt(2 * fixed * max(mean, 1) / max(min(holding, penalty), 1e-9))
    margin = int(lots + 4 * len(mass)) + 10
    if margin > MAX_POSITIONS:
        raise InvalidValueError(
            f"The optimum needs more than {MAX_POSITIONS:,} positions; lower fixed_cost or demand."
        )
    return margin


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


def check_limit(limit: float, mean: float) -> None:
    """Refuse orders under which backlog grows without end.

    Raises:
        InvalidValueError: Unless the limit is above the mean demand, or there is no demand.
    """
    if mean > 0 and limit <= mean * (1 + ROUNDING):
        raise InvalidValueError(
            f"Orders of at most {limit:g} units a period cannot make up for a backlog where the mean "
            f"demand is {mean:g}: it grows without end, or never ends.",
            "Raise max_order or order_cover.",
        )

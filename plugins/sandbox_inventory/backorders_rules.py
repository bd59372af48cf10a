"""Exact parameters of (s, S), (r, nQ) and base-stock rules for one item with backorders.

All rest on G(y) = E[h·(y - D)⁺ + p·(D - y)⁺], the cost a period of inventory position y after ordering,
with D
the demand of L + 1 periods.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.backorders import BackordersConfig
from sandbox_inventory.core.demand import convolved, probabilities
from sandbox_inventory.core.model import Array, State, positive
from sandbox_inventory.core.rules import RulePolicy


@dataclass(frozen=True)
class Position:
    """G on a range of positions.

    Attributes:
        low: The position that ``cost[0]`` belongs to.
        cost: G(low), G(low + 1), …
    """

    low: int
    cost: Array

    def __call__(self, position: int) -> float:
        return float(self.cost[position - self.low])

    @property
    def best(self) -> int:
        """Smallest minimiser."""
        return self.low + int(self.cost.argmin())


def position_cost(mass: Array, holding: float, penalty: float, room: int) -> Position:
    """G for lead-time demand with these probabilities, from -room to beyond everything by room."""
    if holding <= 0 or penalty <= 0:
        raise InvalidValueError("The best position needs holding > 0 and penalty > 0.")
    values = np.arange(len(mass))
    places = np.arange(-room, len(mass) + room)
    left = places[:, None] - values
    return Position(-room, (np.where(left > 0, holding * left, -penalty * left)) @ mass)


def renewal(mass: Array, size: int) -> Array:
    """m(j) = E[number of periods in which j units have been asked for since an order], j = 0 … size - 1.

    m(0) = 1/(1 - p₀), m(j) = Σ_{l=1}^{j} p_l·m(j - l)/(1 - p₀); Zheng & Federgruen 1991, eq. (2).
    """
    visits = np.zeros(size)
    visits[0] = 1 / (1 - mass[0])
    padded = np.zeros(size)
    padded[: min(size, len(mass))] = mass[:size]
    for place in range(1, size):
        visits[place] = padded[1 : place + 1] @ visits[place - 1 :: -1][:place] / (1 - mass[0])
    return visits


def zheng_federgruen(mass: Array, cost: Position, fixed: float) -> tuple[int, int, float]:
    """Best (s, S) and its average cost; an order is placed when the position is at s or below.

    Source: Zheng & Federgruen 1991, the algorithm of section 2.
    """
    if mass[0] >= 1:
        return cost.best - 1, cost.best, cost(cost.best)
    visits = renewal(mass, len(cost.cost))
    lasting = np.cumsum(visits)

    def average(low: int, top: int) -> float:
        gap = top - low
        inside = cost.cost[low + 1 - cost.low : top + 1 - cost.low][::-1]
        return float((fixed + visits[:gap] @ inside) / lasting[gap - 1])

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


def batches(mass: Array, cost: Position, fixed: float) -> tuple[int, int, float]:
    """Best (r, nQ): at r or below, as many lots of Q as raise the position above r.

    The position after ordering is uniform on r + 1 … r + Q, so the average cost is
    (Σ G(y) + K·Σ_{i=1}^{Q} P(D ≥ i))/Q. Source: Zheng & Chen 1992, Naval Research Logistics 39(4).
    """
    reaching = np.cumsum(mass[::-1])[::-1]  # P(D ≥ i)
    found = (0, 1, np.inf)
    for lot in range(1, len(cost.cost) // 2):
        sums = np.convolve(cost.cost, np.ones(lot), "valid")
        start = int(sums.argmin())
        orders = fixed * float(reaching[1 : lot + 1].sum())
        average = (float(sums[start]) + orders) / lot
        if average < found[2]:
            found = (cost.low + start - 1, lot, average)
    return found


def continuous_batches(rate: float, cost: Position, fixed: float) -> tuple[int, int, float]:
    """Best (r, Q) under continuous review of Poisson demand: (K·rate + Σ G(y))/Q.

    Source: Federgruen & Zheng 1992, Operations Research 40(4).
    """
    found = (0, 1, np.inf)
    for lot in range(1, len(cost.cost) // 2):
        sums = np.convolve(cost.cost, np.ones(lot), "valid")
        start = int(sums.argmin())
        average = (fixed * rate + float(sums[start])) / lot
        if average < found[2]:
            found = (cost.low + start - 1, lot, average)
    return found


def question(config: BackordersConfig, weights: Mapping[str, float]) -> tuple[Array, Position, float]:
    """One period's demand, G, and the fixed cost, the reward's weights included."""
    mass = probabilities(config.demand)
    fixed = -weights["fixed"] * config.fixed_cost
    if fixed < 0:
        raise InvalidValueError("The optimum is computed for a fixed cost that is not rewarded.")
    holding, penalty = -weights["holding"] * config.holding, -weights["shortage"] * config.penalty
    mean = float(mass @ np.arange(len(mass)))
    room = int(4 * np.sqrt(2 * fixed * max(mean, 1) / max(min(holding, penalty), 1e-9)) + 4 * len(mass)) + 10
    if room > 200_000:
        raise InvalidValueError("The optimum needs more than 200,000 positions; lower fixed_cost or demand.")
    return mass, position_cost(convolved(mass, config.lead_time + 1), holding, penalty, room), fixed


def _position(state: State) -> Array:
    total: Array = state["net"] + state["pipeline"].sum(1)
    return total


def make_optimal(env: Any) -> RulePolicy:
    """The best (s, S), which is optimal among all policies."""
    low, top, cost = zheng_federgruen(*question(env.model.config, env.reward_spec.weights))

    def rule(state: State) -> Array:
        place = _position(state)
        return np.where(place <= low, top - place, 0.0)

    return RulePolicy(env, rule, env.model.orders.actions, {"values": [low, top], "cost": cost})


def make_batches(env: Any) -> RulePolicy:
    """The best (r, nQ)."""
    low, lot, cost = batches(*question(env.model.config, env.reward_spec.weights))

    def rule(state: State) -> Array:
        place = _position(state)
        return np.where(place <= low, lot * np.ceil((low + 1 - place) / lot), 0.0)

    return RulePolicy(env, rule, env.model.orders.actions, {"values": [low, lot], "cost": cost})


def make_base_stock(env: Any) -> RulePolicy:
    """Order up to the best S every period, whatever that costs."""
    mass, cost, fixed = question(env.model.config, env.reward_spec.weights)
    level = cost.best

    def rule(state: State) -> Array:
        return positive(level - _position(state))

    average = cost(level) + fixed * (1 - float(mass[0]))
    return RulePolicy(env, rule, env.model.orders.actions, {"values": [level], "cost": average})

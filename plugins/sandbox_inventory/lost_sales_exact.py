"""The exact optimum of lost sales by value iteration, and the tables of myopic rules, on whole arrays.

A table has the axes (x, q₁, …, q_{L-1}): stock on hand after receipt and what is on the way. Demand acts on
x only, so the expectation over demand is one matrix product with P(z | x), z = (x - d)⁺, for each q₁:
no transition is ever listed. With K = 0 an optimal order never exceeds the newsvendor quantity of one
period, nor the position that of L + 1 periods (Zipkin 2008, Operations Research 56(4), 937-944), which
bounds the table; with K > 0 the bounds grow until the policy does not touch them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.cache import Telling, solved
from sandbox_inventory.core.demand import convolved, probabilities
from sandbox_inventory.core.model import Array, State
from sandbox_inventory.lost_sales import LostSalesConfig, largest_order

LIMIT = 150_000_000
"""Most state-action pairs of a table."""


@dataclass(frozen=True)
class Costs:
    """What a period costs, the reward's weights included."""

    holding: float
    shortage: float
    purchase: float
    fixed: float
    revenue: float

    @classmethod
    def of(cls, config: LostSalesConfig, weights: Mapping[str, float]) -> Costs:
        """The parameters times minus the weights.

        Raises:
            InvalidValueError: If a cost would be rewarded; the bounds of the table then do not hold.
        """
        costs = cls(
            -weights["holding"] * config.holding,
            -weights["shortage"] * config.penalty,
            -weights["purchase"] * config.purchase,
            -weights["fixed"] * config.fixed_cost,
            weights["revenue"] * config.price,
        )
        if min(costs.holding, costs.shortage, costs.purchase, costs.fixed, costs.revenue) < 0:
            raise InvalidValueError("The optimum is computed for costs that are not rewarded.")
        if costs.holding == 0:
            raise InvalidValueError("Without a holding cost there is no largest stock, and no optimum.")
        return costs


@dataclass(frozen=True)
class LostSalesTable:
    """Orders on a table of states.

    Attributes:
        cost: Average cost a period (minus reward) of the optimum; NaN for a rule's table.
        order: Quantity, axes (x, q₁, …, q_{L-1}).
    """

    cost: float
    order: Array

    def __call__(self, state: State) -> Array:
        """Quantities for a batch of states; beyond the table those of the nearest entry."""
        places = [state["stock"], *state["pipeline"].T]
        index = tuple(
            np.clip(np.rint(place).astype(np.int64), 0, size - 1)
            for place, size in zip(places, self.order.shape, strict=True)
        )
        quantity: Array = self.order[index].astype(np.float64)
        return quantity


def optimal(config: LostSalesConfig, weights: Mapping[str, float]) -> LostSalesTable:
    """The optimal policy for average reward, from the cache where it was solved before.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, and beyond `LIMIT`.
    """
    costs, mass = Costs.of(config, weights), probabilities(config.demand)
    question = {"lead_time": config.lead_time, "demand": config.demand.described(), "costs": vars(costs)}

    def solve() -> dict[str, Any]:
        cost, order = _value_iteration(config, costs, mass)
        return {"cost": cost, "order": order}

    kept = solved("lost-sales-optimal", 1, question, solve)
    return LostSalesTable(float(kept["cost"]), kept["order"])


def bounds(config: LostSalesConfig, costs: Costs, mass: Array) -> tuple[int, int]:
    """Largest order and largest stock that the table needs."""
    lost = costs.shortage + costs.revenue
    ratio = lost / (lost + costs.holding)
    if costs.fixed == 0:
        most = max(_quantile(mass, ratio), 1)
    else:
        most = int(largest_order(config.demand, costs.fixed, costs.holding))
    position = _quantile(convolved(mass, config.lead_time + 1), ratio)
    return most, position + (most if costs.fixed else 1)


def _quantile(mass: Array, ratio: float) -> int:
    return min(int(np.searchsorted(np.cumsum(mass), ratio)), len(mass) - 1)


class _Table:
    """The expectation over one period's demand, on tables of a given size."""

    def __init__(self, config: LostSalesConfig, costs: Costs, mass: Array, most: int, top: int) -> None:
        self.lead_time, self.most, self.top = config.lead_time, most, top
        pairs = float(top + 1) * float(most + 1) ** max(config.lead_time, 1)
        if pairs > LIMIT:
            raise InvalidValueError(
                f"The exact optimum for lead time {config.lead_time} needs {pairs:.2g} state-action pairs; "
                f"at most {LIMIT:,} are solved.",
                "Shorten lead_time or lower demand, or leave the baseline 'optimal' out.",
            )
        left, lost, sold = after_demand(mass, top)
        self.left = left
        self.period = (
            costs.holding * (left @ np.arange(top + 1)) + costs.shortage * lost - costs.revenue * sold
        )
        quantity = np.arange(most + 1)
        self.placing = costs.purchase * quantity + costs.fixed * (quantity > 0)

    def expected(self, values: Array) -> Array:
        """E values(x', q₂, …, q) from (x, q₁, …, q_{L-1}, q); ``values`` has the axes (x, q₁, …)."""
        top, most = self.top, self.most
        rest = values.shape[1:]
        result = np.empty((top + 1, most + 1, *rest))
        flat = values.reshape(top + 1, -1)
        for arriving in range(most + 1):
            shifted = flat[np.minimum(np.arange(top + 1) + arriving, top)]
            result[:, arriving] = (self.left @ shifted).reshape(top + 1, *rest)
        return result

    def shape(self, values: Array) -> Array:
        """``values`` of x with as many axes as the state-action table, for broadcasting."""
        return values.reshape(-1, *[1] * max(self.lead_time, 1))


def after_demand(mass: Array, top: int) -> tuple[Array, Array, Array]:
    """P(z | x) with z = (x - d)⁺, shape ``(top + 1, top + 1)``; E lost and E sold for each x."""
    left = np.zeros((top + 1, top + 1))
    padded = np.zeros(top + 1)
    padded[: min(len(mass), top + 1)] = mass[: top + 1]
    for stock in range(top + 1):
        left[stock, 1 : stock + 1] = padded[:stock][::-1]
        left[stock, 0] = 1.0 - left[stock, 1 : stock + 1].sum()
    sold = np.arange(top + 1) - left @ np.arange(top + 1)
    return left, mass @ np.arange(len(mass)) - sold, sold


def _value_iteration(config: LostSalesConfig, costs: Costs, mass: Array) -> tuple[float, Array]:
    most, top = bounds(config, costs, mass)
    if mass[0] >= 1:  # nothing is ever asked for, and what is on hand at the start stays for ever
        return 0.0, np.zeros((1,) * max(config.lead_time, 1), np.int32)
    while True:
        if config.lead_time == 0:
            cost, order = _without_lead_time(costs, mass, most, top)
        else:
            cost, order = _with_lead_time(config, costs, mass, most, top)
        if costs.fixed == 0 or order.max() < most:
            return cost, order
        most, top = 2 * most, top + most


def _with_lead_time(
    config: LostSalesConfig, costs: Costs, mass: Array, most: int, top: int
) -> tuple[float, Array]:
    table = _Table(config, costs, mass, most, top)
    values = np.zeros((top + 1, *[most + 1] * (config.lead_time - 1)))
    period = table.period.reshape(-1, *[1] * (config.lead_time - 1))
    tell = Telling(f"optimal policy, lead time {config.lead_time}, {values.size:,} states")
    for sweep in range(100_000):
        quality = table.expected(values)
        quality += table.placing
        new = quality.min(-1) + period
        change = new - values
        span = float(change.max() - change.min())
        values = new - new.flat[0]
        tell(f"sweep {sweep + 1}, off by {span:.1e}")
        if span < 1e-7:
            break
    tell.done()
    return float(change.max() + change.min()) / 2, quality.argmin(-1).astype(np.int32)


def _without_lead_time(costs: Costs, mass: Array, most: int, top: int) -> tuple[float, Array]:
    """L = 0: stock y = x + q meets the demand; the state is what was left over."""
    left, lost, sold = after_demand(mass, top)
    period = costs.holding * (left @ np.arange(top + 1)) + costs.shortage * lost - costs.revenue * sold
    raised = np.minimum(np.arange(top + 1)[:, None] + np.arange(most + 1), top)
    placing = costs.purchase * np.arange(most + 1) + costs.fixed * (np.arange(most + 1) > 0)
    values = np.zeros(top + 1)
    while True:
        quality = (period + left @ values)[raised] + placing
        new = quality.min(1)
        change = new - values
        values = new - new[0]
        if change.max() - change.min() < 1e-9:
            return float(change.max() + change.min()) / 2, quality.argmin(1).astype(np.int32)


def myopic(config: LostSalesConfig, weights: Mapping[str, float], periods: int = 1) -> LostSalesTable:
    """Zipkin's Myopic (1) and Myopic-2 (2): least expected cost in the period when the order arrives.

    Myopic-2 adds the least expected cost of the period after, over the next order.

    Args:
        config: With a lead time of at least 1.
        weights: Of the reward.
        periods: 1 or 2.

    Raises:
        InvalidValueError: As `optimal`.
    """
    costs, mass = Costs.of(config, weights), probabilities(config.demand)
    if config.lead_time == 0:
        return optimal(config, weights)
    question = {
        "lead_time": config.lead_time,
        "demand": config.demand.described(),
        "costs": vars(costs),
        "periods": periods,
    }

    def solve() -> dict[str, Any]:
        most, top = bounds(config, costs, mass)
        table = _Table(config, costs, mass, most, top + most)
        later = table.period
        for _ in range(config.lead_time):  # cost of the period in which the order is there to be used
            later = table.expected(later)
        quality = later + table.placing
        if periods == 2:
            quality = quality + table.expected(quality.min(-1))
        return {"order": quality.argmin(-1).astype(np.int32)}

    kept = solved("lost-sales-myopic", 1, question, solve)
    return LostSalesTable(float("nan"), kept["order"])

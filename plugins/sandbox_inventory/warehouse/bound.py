"""A lower bound of the cost of one warehouse with retailers, for any policy and any number of periods.

With backlog, the retailers may send stock back and exchange it (the balance assumption; Federgruen & Zipkin
1984, Management Science 30(1)). The order that raises the system's position to Y in period t then meets, L_w
periods later, the problem

    F(Z) = min { h_w·(Z - Σ y_r) + Σ G_r(y_r) : Σ y_r ≤ Z },   Z = Y - demand of L_w periods,

where G_r(y) is the expected cost of retailer r's position y after its lead time. No period costs less than
min E F(Y - D), and the first periods cost what the initial stock makes them.

With lost sales, the warehouse charges for its stock what `prices` finds. Where its tables would be too large,
the warehouse has enough at no cost, and a retailer with a lead time of 0 or 1 may order after the demand of a
period. With a longer one, its position y after ordering and the demand D of the next L + 1 periods leave at
least (y - D)⁺ on hand and lose at least (D - y)⁺ in these periods, so that a period costs at least
min E[h·(y - D)⁺ + p/(L + 1)·(D - y)⁺] (Janakiraman, Seshadri & Shanthikumar 2007, Operations Research 55(5)).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import Bound, InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import convolved, probabilities
from sandbox_inventory.core.rules import InventoryEnvironment
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.positions import expected_cost
from sandbox_inventory.warehouse.model import Warehouse
from sandbox_inventory.warehouse.prices import (
    CLASSES,
    MAX_SOLVED,
    MAX_STOCK,
    ROUNDS,
    SEARCHED,
    TABLE_TAIL,
    Rates,
    Timing,
    priced_cost,
)

BALANCE = Bound(0.0, "retailers exchange stock freely", "Federgruen & Zipkin 1984, Management Science 30(1)")
PRICED = Bound(0.0, "retailers alone, who pay a price for the warehouse's stock that follows the demand")
PLENTY = Bound(0.0, "the warehouse always has enough, at no cost")


def bound(env: InventoryEnvironment, metric: str, seeds: Sequence[int]) -> Bound | None:
    """The bound of the expected mean cost of an episode; see `sandbox.api.Task.bound`.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, and fractions of a unit in stock.
    """
    if metric != "cost":
        return None
    model: Warehouse = env.core.model
    config = model.config
    masses = [probabilities(demand) for demand in model.demands]
    counted = config.horizon - config.warmup
    if config.initial_stock % 1 or config.initial_warehouse % 1:
        raise InvalidValueError("The bound needs whole units in stock at the start.")
    if config.lost:
        priced = _priced(model, masses)
        if priced is not None:
            return Bound(priced / counted, PRICED.method)
        total = sum(
            _lost(model, mass, int(lead_time))
            for mass, lead_time in zip(masses, model.lead_times, strict=True)
        )
        return Bound(total / counted, PLENTY.method)
    return Bound(_with_backlog(model, masses) / counted, BALANCE.method, BALANCE.source)


def _priced(model: Warehouse, masses: Sequence[Array]) -> float | None:
    """The bound of `prices`; from the cache if it is known."""
    config = model.config
    rates = Rates(config.warehouse_holding, config.holding, config.penalty, config.transit)
    timing = Timing(
        config.horizon,
        config.warmup,
        config.warehouse_lead_time,
        int(config.initial_stock),
        0 if config.initial_warehouse else config.warehouse_lead_time,
    )
    question = {
        "demands": [demand.relevant_fields() for demand in model.demands],
        "lead_times": model.lead_times.tolist(),
        "rates": rates,
        "timing": timing,
        "effort": [CLASSES, TABLE_TAIL, MAX_STOCK, ROUNDS, MAX_SOLVED, SEARCHED],
    }

    def search() -> dict[str, Any]:
        cost = priced_cost(masses, model.lead_times.tolist(), rates, timing)
        return {"cost": np.nan if cost is None else cost}

    cost = float(cached("warehouse-priced", 1, question, search)["cost"])
    return None if np.isnan(cost) else cost


def _with_backlog(model: Warehouse, masses: Sequence[Array]) -> float:
    """Least expected cost of the counted periods under the balance assumption."""
    config, balanced = model.config, Balanced.of(model, masses)
    longest, from_outside = int(model.lead_times.max()), config.warehouse_lead_time
    if config.warmup:
        first = max(config.warmup - from_outside, 0)
        return max(config.horizon - from_outside - longest - first, 0) * balanced.least(from_outside)
    # Before the first order arrives, stock is the initial one.
    total = 0.0
    for mass, lead_time in zip(masses, model.lead_times, strict=True):
        for period in range(min(int(lead_time), config.horizon)):
            cost = expected_cost(convolved(mass, period + 1), config.holding, config.penalty)
            total += float(cost(np.array([int(config.initial_stock)]))[0])
    system = int(config.initial_warehouse + config.retailers * config.initial_stock)
    periods = max(config.horizon - longest, 0)
    total += sum(balanced.expected(system, period) for period in range(min(from_outside, periods)))
    return total + max(periods - from_outside, 0) * balanced.least(from_outside)


@dataclass(frozen=True)
class Balanced:
    """F, the cost of a period of the system's stock Z after the warehouse's receipt.

    Attributes:
        divided: F(0), F(1), … up to where it rises by ``holding`` a unit.
        demand: Probabilities of all retailers' demand in a period.
        penalty: p, the slope to the left of 0.
        holding: The lower of h_w and h_r, the slope to the right.
    """

    divided: Array
    demand: Array
    penalty: float
    holding: float

    @classmethod
    def of(cls, model: Warehouse, masses: Sequence[Array]) -> Balanced:
        """F of a system with these retailers' demands."""
        config, start, slopes, demand = model.config, 0.0, [], np.ones(1)
        for mass, lead_time in zip(masses, model.lead_times, strict=True):
            over_lead_time = convolved(mass, int(lead_time) + 1)
            places = np.arange(len(over_lead_time) + 1)
            cost = expected_cost(over_lead_time, config.holding, config.penalty)(places)
            start += float(cost[0])
            slopes.append(np.diff(cost))
            demand = np.convolve(demand, mass)
        # Since every G is convex, units go where the slope is least; those whose slope is above h_w stay.
        ordered = np.minimum(np.sort(np.concatenate(slopes)), config.warehouse_holding)
        divided = start + np.concatenate([[0.0], np.cumsum(ordered)])
        return cls(divided, demand, config.penalty, min(config.warehouse_holding, config.holding))

    def least(self, periods: int) -> float:
        """min E F(Y - D) over Y, where D is the demand of so many periods."""
        system = convolved(self.demand, periods)
        reach = len(system) - 1
        below = self.divided[0] + self.penalty * np.arange(reach, 0, -1)
        above = self.divided[-1] + self.holding * np.arange(1, reach + 1)
        return float(np.convolve(np.concatenate([below, self.divided, above]), system, "valid").min())

    def expected(self, stock: int, periods: int) -> float:
        """E F(stock - D)."""
        system = convolved(self.demand, periods)
        left = stock - np.arange(len(system))
        inside = np.clip(left, 0, len(self.divided) - 1)
        cost = self.divided[inside] + self.penalty * np.maximum(-left, 0)
        cost = cost + self.holding * np.maximum(left - len(self.divided) + 1, 0)
        return float(system @ cost)


def _lost(model: Warehouse, mass: Array, lead_time: int) -> float:
    """Least expected cost of a retailer over the counted periods, with a warehouse that always has enough.

    An empty warehouse sends nothing before its own first order arrives.
    """
    config = model.config
    if lead_time > 1:
        over_lead_time = convolved(mass, lead_time + 1)
        cost = expected_cost(over_lead_time, config.holding, config.penalty / (lead_time + 1))
        least = float(cost(np.arange(len(over_lead_time) + 1)).min())
        return max(config.horizon - config.warmup - lead_time, 0) * least
    supplied = config.warehouse_lead_time if config.initial_warehouse == 0 else 0
    stock = int(config.initial_stock)
    period = expected_cost(mass, config.holding, config.penalty)(np.arange(stock + 3 * len(mass)))

    def ordering(values: Array, time: int) -> Array:
        """Least value of any stock above, where an order of period ``time`` can raise it."""
        return np.minimum.accumulate(values[::-1])[::-1] if time >= supplied else values

    values = np.zeros(len(period))
    for time in reversed(range(config.horizon)):
        values = ordering(values, time if lead_time == 1 else time + 1)
        after = np.concatenate([np.full(len(mass) - 1, values[0]), values])
        values = np.convolve(after, mass, "valid") + (period if time >= config.warmup else 0.0)
    return float((values if lead_time == 1 else ordering(values, 0))[stock])

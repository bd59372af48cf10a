"""The exact optimum of lost sales, by value iteration on whole tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.progress import ProgressLine
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.tables import (
    MAX_PAIRS,
    Costs,
    OrderTable,
    StateActionTable,
    period_costs,
    table_bounds,
)

MAX_SWEEPS = 100_000

WHOLE_STEPS = 1_000
"""Sweeps with whole steps, which are faster; a solution takes some hundred."""


def optimal(config: LostSalesConfig, weights: Mapping[str, float], limit: float = np.inf) -> OrderTable:
    """The optimal policy for the average reward, from the cache if it was solved before.

    Args:
        config: The system.
        weights: The reward's weight of each term.
        limit: Largest order that can be placed, units; what no optimal order exceeds if it is infinite.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, for rewarded costs, and for
            tables that are too large.
    """
    costs, mass = Costs.weighted(config, weights), probabilities(config.demand)
    question = {
        "lead_time": config.lead_time,
        "demand": config.demand.relevant_fields(),
        "costs": vars(costs),
        "limit": min(limit, _largest_useful(config, costs, mass)),
    }

    def solve() -> dict[str, Any]:
        cost, order = _value_iteration(config, costs, mass, limit)
        return {"cost": cost, "order": order}

    result = cached("lost-sales-optimal", 2, question, solve)
    return OrderTable(float(result["cost"]), result["order"])


def _largest_useful(config: LostSalesConfig, costs: Costs, mass: Array) -> float:
    """An order that no optimal order exceeds; infinite where none is known in advance."""
    return table_bounds(config, costs, mass, np.iinfo(np.int64).max)[0] if costs.fixed == 0 else np.inf


def _value_iteration(config: LostSalesConfig, costs: Costs, mass: Array, limit: float) -> tuple[float, Array]:
    max_order, max_stock = table_bounds(config, costs, mass, min(limit, MAX_PAIRS))
    if mass[0] >= 1:  # no demand ever: nothing is ordered, and the initial stock stays
        return 0.0, np.zeros((1,) * max(config.lead_time, 1), np.int32)
    before = np.nan
    while True:
        if config.lead_time == 0:
            cost, order = _without_lead_time(costs, mass, max_order, max_stock)
        else:
            cost, order = _with_lead_time(config, costs, mass, max_order, max_stock)
        largest = int(order.max())
        at_edge, limited = costs.fixed > 0 and largest == max_order < limit, largest >= limit
        if not at_edge and (not limited or abs(cost - before) < 1e-7 * max(cost, 1.0)):
            return cost, order
        # With K > 0 there is no bound of orders in advance, and with limited orders none of stock: the table
        # grows until its edge no longer matters.
        before, max_stock = cost, max_stock + max(max_order, max_stock // 2)
        if at_edge:
            max_order = int(min(2 * max_order, limit))


def _with_lead_time(
    config: LostSalesConfig, costs: Costs, mass: Array, max_order: int, max_stock: int
) -> tuple[float, Array]:
    """Average cost and optimal orders for L ≥ 1."""
    table = StateActionTable(config, costs, mass, max_order, max_stock)
    values = np.zeros((max_stock + 1, *[max_order + 1] * (config.lead_time - 1)))
    period = table.period.reshape(-1, *[1] * (config.lead_time - 1))
    progress = ProgressLine(f"optimal policy, lead time {config.lead_time}, {values.size:,} states")
    for sweep in range(MAX_SWEEPS):
        quality = table.expected(values)
        quality += table.placing
        new = quality.min(-1) + period
        change = new - values
        span = float(change.max() - change.min())
        values = damped(values, new, sweep)
        progress(f"sweep {sweep + 1}, error {span:.1e}")
        if span < 1e-7:
            break
    progress.done()
    return float(change.max() + change.min()) / 2, quality.argmin(-1).astype(np.int32)


def _without_lead_time(costs: Costs, mass: Array, max_order: int, max_stock: int) -> tuple[float, Array]:
    """The same for L = 0: stock y = x + q meets the demand, and the state is the stock left over."""
    max_order = min(max_order, max_stock)
    left, period = period_costs(costs, mass, max_stock)
    quantity = np.arange(max_order + 1)
    raised = np.minimum(np.arange(max_stock + 1)[:, None] + quantity, max_stock)
    placing = costs.purchase * quantity + costs.fixed * (quantity > 0)
    values = np.zeros(max_stock + 1)
    for sweep in range(MAX_SWEEPS):
        quality = (period + left @ values)[raised] + placing
        new = quality.min(1)
        change = new - values
        values = damped(values, new, sweep)
        if change.max() - change.min() < 1e-9:
            break
    return float(change.max() + change.min()) / 2, quality.argmin(1).astype(np.int32)


def damped(values: Array, new: Array, sweep: int) -> Array:
    """Relative values for the next sweep: half a step where whole ones go round in circles.

    The chain of a policy against steady demand is periodic, and whole steps then never settle.
    """
    after = new if sweep < WHOLE_STEPS else 0.5 * (new + values)
    result: Array = after - after.flat[0]
    return result

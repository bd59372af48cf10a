"""Myopic rules for lost sales, as tables of orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.lost_sales.config import LostSalesConfig
from sandbox_inventory.lost_sales.exact import optimal
from sandbox_inventory.lost_sales.tables import MAX_PAIRS, Costs, OrderTable, StateActionTable, table_bounds


def myopic(
    config: LostSalesConfig,
    weights: Mapping[str, float],
    periods: Literal[1, 2] = 1,
    limit: float = np.inf,
) -> OrderTable:
    """Zipkin's Myopic (1) and Myopic-2 (2): least expected cost in the period when the order arrives.

    Myopic-2 adds the least expected cost of the period after, over the next order. Without a lead time both
    are the optimum.

    Args:
        config: The system.
        weights: The reward's weight of each term.
        periods: 1 or 2.
        limit: Largest order that can be placed, units.

    Raises:
        InvalidValueError: As `exact.optimal`, and for random lead times.
    """
    if config.lead_time_probabilities is not None:
        raise InvalidValueError(
            "The myopic rules are those of one lead time, not of random ones.",
            "Compare with capped-base-stock, base-stock or s-S, which are tuned on the random lead times.",
        )
    costs, mass = Costs.weighted(config, weights), probabilities(config.demand)
    if config.lead_time == 0:
        return optimal(config, weights, limit)
    question = {
        "lead_time": config.lead_time,
        "demand": config.demand.relevant_fields(),
        "costs": vars(costs),
        "periods": periods,
        "limit": min(limit, MAX_PAIRS),
    }

    def solve() -> dict[str, Any]:
        max_order, max_stock = table_bounds(config, costs, mass, min(limit, MAX_PAIRS))
        table = StateActionTable(config, costs, mass, max_order, max_stock + max_order)
        later = table.period
        for _ in range(config.lead_time):  # to the cost of the period in which the order can be used
            later = table.expected(later)
        quality = later + table.placing
        if periods == 2:
            quality = quality + table.expected(quality.min(-1))
        return {"order": quality.argmin(-1).astype(np.int32)}

    return OrderTable(float("nan"), cached("lost-sales-myopic", 2, question, solve)["order"])

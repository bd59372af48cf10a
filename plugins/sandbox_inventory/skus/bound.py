"""A bound of the profit of many items: the best lots for demand that is known in advance.

Items do not depend on each other. The first stock serves the first demand, as in the model. What is left is,
for every item and test episode, a problem of lot sizes whose demand may be lost (Wagner & Whitin 1958,
Management Science 5(1)), without the limit of an order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox.api import Bound
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.rules import InventoryEnvironment
from sandbox_inventory.core.simulation import demand_of_episodes
from sandbox_inventory.skus.config import SkusConfig
from sandbox_inventory.skus.model import Skus

MAX_WORK = 4_000_000_000
"""Largest number of periods² × items × episodes; for more there is no bound."""


def bound(env: InventoryEnvironment, metric: str, seeds: Sequence[int]) -> Bound | None:
    """The mean over the test episodes of what the best lots earn; see `sandbox.api.Task.bound`."""
    model: Skus = env.core.model
    config = model.config
    work = float(config.horizon) ** 2 * len(model.means) * len(seeds)
    if metric != "profit" or config.warmup or work > MAX_WORK:
        return None
    demand = np.stack(demand_of_episodes(model, seeds), 1)
    stock = model.initial_state(1)["stock"][0]
    left = positive(stock - np.cumsum(demand, 0))
    rest = demand - (np.concatenate([np.broadcast_to(stock, (1, *left.shape[1:])), left[:-1]]) - left)
    cost = config.holding * left.sum(0) + least_lots(rest, config)
    profit = (config.margin * demand.sum(0) - cost).sum(1) / config.horizon
    return Bound(
        float(profit.mean()),
        "the best lots for demand known in advance",
        "Wagner & Whitin 1958, Management Science 5(1)",
    )


def least_lots(demand: Array, config: SkusConfig) -> Array:
    """Least cost of lots, stock and lost sales, a lost sale with its margin, shape ``demand.shape[1:]``.

    Args:
        demand: Known in advance, shape ``(periods, …)``, units.
        config: Costs and lead time.
    """
    periods, lost = len(demand), config.penalty + config.margin
    least = np.zeros((periods + 1, *demand.shape[1:]))
    # open_lot[s]: cost until now if the last lot arrived in period s.
    open_lot = np.full((periods, *demand.shape[1:]), np.inf)
    for period in range(periods):
        if period >= config.lead_time:
            open_lot[period] = least[period] + config.fixed_cost
        unit = np.minimum(config.holding * (period - np.arange(period + 1)), lost)
        open_lot[: period + 1] += unit.reshape(-1, *[1] * (demand.ndim - 1)) * demand[period]
        least[period + 1] = np.minimum(least[period] + lost * demand[period], open_lot[: period + 1].min(0))
    result: Array = least[-1]
    return result

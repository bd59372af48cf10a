"""Baselines of one item with backorders; their parameters are exact."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.backorders.exact import (
    Problem,
    best_base_stock,
    best_lots,
    lots,
    optimal,
    problem,
)
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy


def position(state: State) -> Array:
    """Inventory position: net stock and pipeline."""
    total: Array = state["net"] + state["pipeline"].sum(1)
    return total


def _problem(env: InventoryEnvironment) -> Problem:
    model = env.core.model
    return problem(model.config, env.reward.weights, model.orders.max_quantity[0])


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The best (s, S), or the best table of orders where orders are too limited for it."""
    item = _problem(env)
    levels, table, cost = optimal(item)
    cost += item.constant
    if levels is None and table is not None:
        solved = table
        return RulePolicy(env, lambda state: solved(position(state)[:, None])[:, 0], {"cost": cost})
    low, top = levels or (0, 0)

    def rule(state: State) -> Array:
        current = position(state)
        return np.where(current <= low, top - current, 0.0)

    return RulePolicy(env, rule, {"values": [low, top], "cost": cost})


def make_batches(env: InventoryEnvironment) -> RulePolicy:
    """The best (r, nQ)."""
    item = _problem(env)
    low, lot, cost = best_lots(item)

    def rule(state: State) -> Array:
        orders: Array = lots(position(state) - low, lot, item.limit)
        return orders.astype(np.float64)

    return RulePolicy(env, rule, {"values": [low, lot], "cost": cost + item.constant})


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to the best S every period, whatever the fixed cost."""
    item = _problem(env)
    level, cost = best_base_stock(item)
    return RulePolicy(
        env,
        lambda state: positive(level - position(state)),
        {"values": [level], "cost": cost + item.constant},
    )

"""Baselines of one item with backorders; their parameters are exact."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.backorders.exact import best_batches, best_min_max, problem
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy


def position(state: State) -> Array:
    """Inventory position: net stock and pipeline."""
    total: Array = state["net"] + state["pipeline"].sum(1)
    return total


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The best (s, S), which is optimal among all policies."""
    low, top, cost = best_min_max(*problem(env.model.config, env.reward_spec.weights))

    def rule(state: State) -> Array:
        current = position(state)
        return np.where(current <= low, top - current, 0.0)

    return RulePolicy(env, rule, {"values": [low, top], "cost": cost})


def make_batches(env: InventoryEnvironment) -> RulePolicy:
    """The best (r, nQ)."""
    low, lot, cost = best_batches(*problem(env.model.config, env.reward_spec.weights))

    def rule(state: State) -> Array:
        current = position(state)
        return np.where(current <= low, lot * np.ceil((low + 1 - current) / lot), 0.0)

    return RulePolicy(env, rule, {"values": [low, lot], "cost": cost})


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to the best S every period, whatever the fixed cost."""
    mass, cost, fixed = problem(env.model.config, env.reward_spec.weights)
    level = cost.best

    def rule(state: State) -> Array:
        return positive(level - position(state))

    average = cost(level) + fixed * (1 - float(mass[0]))
    return RulePolicy(env, rule, {"values": [level], "cost": average})

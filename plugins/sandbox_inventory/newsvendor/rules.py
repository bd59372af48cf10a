"""Baselines of the newsvendor."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy
from sandbox_inventory.newsvendor.exact import optimal


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The critical fractile."""
    orders = env.core.model.orders
    limit, whole = orders.max_quantity[0], orders.whole
    quantity, cost = optimal(env.core.model.config, env.reward.weights, limit, whole)
    return RulePolicy(
        env, lambda state: np.full(len(state["last"]), quantity), {"values": [quantity], "cost": cost}
    )


def make_mean(env: InventoryEnvironment) -> RulePolicy:
    """Order the mean demand."""
    mean = mean_and_std(env.core.model.config.demand)[0]
    return RulePolicy(env, lambda state: np.full(len(state["last"]), mean))

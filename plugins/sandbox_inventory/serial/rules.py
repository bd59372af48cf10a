"""Base-stock rules of serial systems."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, tuned_policy
from sandbox_inventory.serial.exact import optimal


def echelon_positions(state: State) -> Array:
    """All stock at, below and in transit to each stage, less the backlog; shape ``(num_envs, stages)``."""
    local = state["stock"] + state["in_transit"].sum(2)
    total: Array = np.cumsum(local, 1)
    return total


def echelon_base_stock(levels: Array, state: State) -> Array:
    """Each stage orders its echelon position up to its level."""
    return positive(levels - echelon_positions(state))


def local_base_stock(levels: Array, state: State) -> Array:
    """Each stage orders its local position, stock and units in transit to it, up to its level."""
    return positive(levels - state["stock"] - state["in_transit"].sum(2))


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """Clark and Scarf's echelon base-stock policy."""
    model = env.core.model
    result = optimal(model.config, env.reward.weights, min(model.orders.max_quantity))
    levels = np.asarray(result.levels)
    return RulePolicy(
        env,
        lambda state: echelon_base_stock(levels, state),
        {"values": list(result.levels), "cost": result.cost},
    )


def make_local(env: InventoryEnvironment) -> RulePolicy:
    """Local base-stock levels, optimised by simulation."""
    config = env.core.model.config
    mean, std = mean_and_std(config.demand)
    start = [np.ceil(mean * (time + 1) + std) for time in config.lead_times]
    steps = [max(1.0, np.ceil(mean / 2))] * len(start)
    return tuned_policy(env, "serial-local", local_base_stock, start, steps, periods=20_000)

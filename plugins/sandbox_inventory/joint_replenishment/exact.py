"""The exact optimum of joint replenishment: on a table of positions, or on a grid of states with trucks."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, optimal_policy, solver_question
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.lot_sizing import LotSizes, LotSizing, solve_lot_sizing
from sandbox_inventory.core.solvers.positions import (
    best_min_max,
    check_limit,
    expected_cost,
    position_cost,
    search_margin,
)
from sandbox_inventory.joint_replenishment.model import JointReplenishment

MARGIN = 4
"""Positions beyond those of the items alone with which a table begins, units."""


def optimal(env: InventoryEnvironment) -> RulePolicy:
    """The optimal policy for the environment's orders.

    Raises:
        InvalidValueError: If the problem is too large, its demand has no probabilities on the integers, or
            costs are rewarded.
    """
    config = env.core.model.config
    if config.truck_capacity is not None or config.discount < 1:
        return _on_states(env)

    def search() -> dict[str, Any]:
        result = solve_lot_sizing(*lot_sizing(env), label="joint replenishment")
        return {"cost": result.cost, "orders": result.orders, "low": result.low}

    solved = cached("joint-optimal", 2, solver_question(env), search)
    sizes = LotSizes(float(solved["cost"]), solved["orders"], solved["low"])
    return RulePolicy(env, lambda state: sizes(state["net"]), {"cost": sizes.cost})


def lot_sizing(env: InventoryEnvironment) -> tuple[LotSizing, Array, Array]:
    """The items as a problem of lot sizes, and the positions to begin with: those of each item alone."""
    model: JointReplenishment = env.core.model
    weights = env.reward.weights
    if max(weights.values()) > 0:
        raise InvalidValueError("The optimum is computed for costs that are not rewarded.")
    masses = tuple(probabilities(demand) for demand in model.demands)
    rates = [
        (-weights["holding"] * float(holding), -weights["shortage"] * float(penalty))
        for holding, penalty in zip(model.holding, model.penalty, strict=True)
    ]
    fixed = -weights["fixed"] * model.config.fixed_cost
    setups = tuple(-weights["fixed"] * float(cost) for cost in model.item_costs)
    limits = tuple(int(limit) for limit in model.orders.max_quantity)
    low, high, costs = [], [], []
    for mass, (holding, penalty), setup, limit in zip(masses, rates, setups, limits, strict=True):
        check_limit(limit, float(mass @ np.arange(len(mass))))
        cost = position_cost(mass, holding, penalty, search_margin(mass, fixed + setup, holding, penalty))
        least, top, _ = best_min_max(mass, cost, fixed + setup)
        low.append(min(least, 0) - len(mass) // 2 - MARGIN)
        high.append(max(top, 0) + MARGIN)
        costs.append(expected_cost(mass, holding, penalty))
    return LotSizing(masses, tuple(costs), setups, fixed, limits), np.array(low), np.array(high)


def _on_states(env: InventoryEnvironment) -> RulePolicy:
    """The optimum by value iteration over all states, for whole trucks or discounted cost."""
    model: JointReplenishment = env.core.model
    config = model.config
    limits = [int(limit) for limit in model.orders.max_quantity]
    each = np.meshgrid(*[np.arange(limit + 1) for limit in limits], indexing="ij")
    quantities = np.stack(each, -1).reshape(-1, len(limits))
    if config.truck_capacity is not None:
        quantities = quantities[quantities.sum(1) % config.truck_capacity == 0]
    means = [float(probabilities(demand) @ np.arange(len(probabilities(demand)))) for demand in model.demands]
    for limit, mean in zip(limits, means, strict=True):
        check_limit(limit, mean)
    check_limit(float(quantities.sum(1).max()), sum(means))
    return optimal_policy(
        env,
        "joint-optimal-states",
        solver_question(env),
        low=[-int(np.ceil(2 * mean)) - MARGIN for mean in means],
        high=[int(np.ceil(5 * mean)) + MARGIN for mean in means],
        quantities=quantities,
        grows=[True] * len(limits),
        discount=config.discount,
    )

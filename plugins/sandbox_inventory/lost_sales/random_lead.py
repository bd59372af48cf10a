"""The exact optimum of lost sales with random lead times, by value iteration over stock and orders by age."""

from __future__ import annotations

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.demand.distribution import convolved, probabilities
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, optimal_solution, solver_question
from sandbox_inventory.core.solvers.transitions import pack
from sandbox_inventory.core.solvers.value_iteration import SETTLED, Solution
from sandbox_inventory.lost_sales.model import LostSales
from sandbox_inventory.lost_sales.tables import Costs

REACH = 0.999
"""Probability with which the demand that decides the size of the first table lies within it."""

GROWTHS = 8


def optimal(env: InventoryEnvironment) -> RulePolicy:
    """The optimal policy for the environment's orders.

    No bound of orders or stock is known in advance: both grow until they no longer matter.

    Raises:
        InvalidValueError: As `sandbox_inventory.core.rules.optimal_policy`, and for rewarded costs.
    """
    solution, largest = _solved(env)
    quantities = np.arange(largest + 1)
    return RulePolicy(
        env,
        lambda state: solution.action(pack(state), quantities).astype(np.float64),
        {"cost": solution.cost},
    )


def grid(env: InventoryEnvironment) -> tuple[int, int]:
    """Largest stock and largest order of the table that was wide enough."""
    solution, largest = _solved(env)
    return int(solution.sizes[0]) - 1, largest


def _solved(env: InventoryEnvironment) -> tuple[Solution, int]:
    """The solved table and its largest order."""
    model: LostSales = env.core.model
    Costs.weighted(model.config, env.reward.weights)
    mass, limit = probabilities(model.config.demand), int(model.orders.max_quantity[0])
    period = convolved(mass, 1)
    largest = min(int(np.searchsorted(np.cumsum(period), REACH)) + 1, limit)
    stock = int(np.searchsorted(np.cumsum(convolved(mass, model.longest + 1)), REACH)) + 1
    question = solver_question(env, "initial_stock")
    before: float | None = None
    for _ in range(GROWTHS):
        solution = optimal_solution(
            env,
            "lost-sales-random-lead",
            question | {"largest": largest, "stock": stock},
            low=[0] * (1 + model.pipeline_length),
            high=[stock, *[largest] * model.pipeline_length],
            quantities=np.arange(largest + 1),
        )
        limited = int(solution.best.max()) == largest < limit
        if before is not None and not limited and abs(solution.cost - before) <= SETTLED * max(before, 1e-2):
            return solution, largest
        before = solution.cost
        stock += max(stock // 4, 1)
        if limited:
            largest = min(limit, largest + max(largest // 3, 1))
    raise InvalidValueError(
        "The optimum keeps changing with the largest order and stock that are considered.",
        "Lower the fixed cost, or leave the baseline 'optimal' out.",
    )

"""A lower bound of the long-run cost of joint replenishment with any number of items.

An order of any items costs K·max_i 1_i ≥ Σ α_i·K·1_i for shares α_i ≥ 0 that sum to 1: each item alone, with
the set-up cost k_i + α_i·K, is a problem that (s, S) solves, and the sum of their optima is a bound
(Lagrangian relaxation of the joint order). Optima are concave in the set-up cost, so shares are found by
giving K away in small parts, each to the item whose cost rises most. `relaxation` adds what it costs that
the items' best times do not coincide. With trucks of V units, K is paid for Σ q_i/V trucks at least, too,
which costs K·Σ mean_i/V in the long run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sandbox.api import Bound
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.rules import InventoryEnvironment
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.positions import best_min_max, position_cost, search_margin
from sandbox_inventory.joint_replenishment.model import JointReplenishment
from sandbox_inventory.joint_replenishment.relaxation import (
    CERTAINTY,
    ENTRIES,
    MAX_PATHS,
    MIN_PATHS,
    PERIODS,
    ROUNDS,
    STEP,
    item_alone,
    penalised_cost,
)

PARTS = 120
"""Equal parts in which the cost of an order is given away."""

ALONE = "items alone that share the cost of an order, in the long run"
TRUCKS = "items alone, and the trucks that hold their demand, in the long run"
PENALISED = "items whose orders must coincide, for demand known at a price, 99 % certain"
BROWN = "Brown, Smith & Sun 2010, Operations Research 58(4)"

ItemCost = Callable[[float], float]
"""Optimal cost of an item alone, of its set-up cost."""


def bound(env: InventoryEnvironment, metric: str, seeds: Sequence[int]) -> Bound | None:
    """The bound of the long-run cost a period; see `sandbox.api.Task.bound`.

    Raises:
        InvalidValueError: For demand without probabilities on the integers.
    """
    if metric != "cost":
        return None
    model: JointReplenishment = env.core.model
    config = model.config
    masses = [probabilities(demand) for demand in model.demands]
    items = [
        _item_cost(mass, float(holding), float(penalty))
        for mass, holding, penalty in zip(masses, model.holding, model.penalty, strict=True)
    ]
    plain, shares = shared_cost(items, model.item_costs, config.fixed_cost)
    best = Bound(plain, ALONE)
    if config.truck_capacity is not None:
        units = sum(float(mass @ np.arange(len(mass))) for mass in masses)
        alone = sum(item(float(cost)) for item, cost in zip(items, model.item_costs, strict=True))
        filled = alone + config.fixed_cost * units / config.truck_capacity
        best = max(best, Bound(filled, TRUCKS), key=lambda each: each.value)
    if len(items) > 1 and config.fixed_cost > 0:
        penalised = Bound(_penalised(model, masses, shares), PENALISED, BROWN)
        best = max(best, penalised, key=lambda each: each.value)
    return best


def _penalised(model: JointReplenishment, masses: Sequence[Array], shares: Array) -> float:
    """The bound of `relaxation`, less its error of estimation; from the cache if it is known."""
    fixed = model.config.fixed_cost
    rates = zip(masses, model.holding, model.penalty, model.item_costs, shares, strict=True)
    question = {
        "demands": [demand.relevant_fields() for demand in model.demands],
        "rates": [model.holding.tolist(), model.penalty.tolist(), model.item_costs.tolist(), fixed],
        "shares": shares.tolist(),
        "effort": [PERIODS, ROUNDS, STEP, MIN_PATHS, MAX_PATHS, ENTRIES],
    }

    def search() -> dict[str, Any]:
        alone = [
            item_alone(mass, float(holding), float(penalty), float(setup), float(share) * fixed, fixed)
            for mass, holding, penalty, setup, share in rates
        ]
        mean, error = penalised_cost(alone, shares, fixed)
        return {"value": mean - CERTAINTY * error}

    return float(cached("joint-penalised", 1, question, search)["value"])


def shared_cost(items: Sequence[ItemCost], setups: Array, fixed: float) -> tuple[float, Array]:
    """The largest sum of the items' optima over the ways to share the cost of an order, and the shares."""
    part = fixed / PARTS
    given = np.array(setups, float)
    setups = given.copy()
    costs = np.array([item(setup) for item, setup in zip(items, setups, strict=True)])
    if fixed == 0:
        return float(costs.sum()), np.full(len(setups), 1 / len(setups))
    raised = np.array([item(setup + part) for item, setup in zip(items, setups, strict=True)])
    for _ in range(PARTS):
        best = int((raised - costs).argmax())
        setups[best] += part
        costs[best], raised[best] = raised[best], items[best](setups[best] + part)
    return float(costs.sum()), (setups - given) / fixed


def _item_cost(mass: Array, holding: float, penalty: float) -> ItemCost:
    def cost(setup: float) -> float:
        positions = position_cost(mass, holding, penalty, search_margin(mass, setup, holding, penalty))
        return best_min_max(mass, positions, setup)[2]

    return cost

"""Classical rules for lost sales, each with its best parameters for the problem at hand.

Costs are exact where demand has probabilities on the integers and the rule reaches few enough states, and
simulated otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.lead_times import mean_of
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import (
    InventoryEnvironment,
    RulePolicy,
    exact_rule_cost,
    solver_question,
    with_parameters,
)
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.search import ParametricRule, SimulatedCost, minimise
from sandbox_inventory.lost_sales import exact, random_lead
from sandbox_inventory.lost_sales.model import LostSales
from sandbox_inventory.lost_sales.myopic import myopic

MAX_STATES = 60_000
"""Most states that a rule may reach for its cost to be computed exactly."""


def position(state: State) -> Array:
    """Inventory position: stock on hand and in the pipeline."""
    total: Array = state["stock"] + state["pipeline"].sum(1)
    return total


def base_stock(parameters: Array, state: State) -> Array:
    """Order up to S."""
    return positive(parameters[:, 0] - position(state))


def capped_base_stock(parameters: Array, state: State) -> Array:
    """(S, cap): order up to S, at most the cap."""
    return np.minimum(positive(parameters[:, 0] - position(state)), parameters[:, 1])


def constant_order(parameters: Array, state: State) -> Array:
    """The same quantity every period."""
    return parameters[:, 0] + 0.0 * state["stock"]


def min_max(parameters: Array, state: State) -> Array:
    """(gap, S): an (s, S) rule with s = S - gap; order up to S when the position is at s or below."""
    current, top = position(state), parameters[:, 1]
    return np.where(current <= top - parameters[:, 0], top - current, 0.0)


def tuned(
    env: InventoryEnvironment,
    name: str,
    rule: ParametricRule,
    start: Sequence[float],
    steps: Sequence[float],
) -> tuple[Array, float]:
    """The rule's best parameters for the environment's problem, from the cache if known, and their cost."""
    model: LostSales = env.core.model
    demand = model.config.demand
    whole = model.orders.whole
    question = solver_question(env, "initial_stock") | {"whole": whole}

    def exact_costs(candidates: Array) -> Array:
        return np.array([exact_cost(env, rule, candidate) for candidate in candidates])

    def search() -> dict[str, Any]:
        low = [0.0] * len(start)
        best, cost = minimise(
            SimulatedCost(model, rule, env.reward),
            start,
            steps,
            low=low,
            min_step=1.0 if whole else max(steps) / 64,
            label=name,
        )
        if whole and demand.integer and demand.independent:
            with suppress(InvalidValueError):  # too many states: the simulated optimum stands
                best, cost = minimise(exact_costs, best.tolist(), [1.0] * len(best), low=low, label=name)
        return {"parameters": best, "cost": cost}

    result = cached(f"lost-sales-{name}", 2, question, search)
    return result["parameters"], float(result["cost"])


def exact_cost(
    env: InventoryEnvironment, rule: ParametricRule, parameters: Array, max_states: int = MAX_STATES
) -> float:
    """Average cost a period of a rule.

    Raises:
        InvalidValueError: If it can reach more than ``max_states`` states.
    """
    return exact_rule_cost(env, rule, parameters, max_states=max_states, tail=1e-9)


def _policy(
    env: InventoryEnvironment,
    name: str,
    rule: ParametricRule,
    start: Sequence[float],
    steps: Sequence[float],
) -> RulePolicy:
    best, cost = tuned(env, name, rule, start, steps)
    return RulePolicy(env, with_parameters(rule, best), {"values": best.tolist(), "cost": cost})


def _first_guess(env: InventoryEnvironment) -> tuple[float, float]:
    """Mean demand, and a base-stock level to begin the search with."""
    mean, std = mean_and_std(env.core.model.config.demand)
    periods = mean_of(env.core.model.config) + 1
    return mean, float(np.ceil(mean * periods + std * np.sqrt(periods) * 0.5))


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The optimum by value iteration."""
    if env.core.model.config.lead_time_probabilities is not None:
        return random_lead.optimal(env)
    table = exact.optimal(env.core.model.config, env.reward.weights, env.core.model.orders.max_quantity[0])
    return RulePolicy(env, table, {"cost": table.cost})


def make_myopic(env: InventoryEnvironment) -> RulePolicy:
    """Zipkin's Myopic."""
    return RulePolicy(
        env, myopic(env.core.model.config, env.reward.weights, 1, env.core.model.orders.max_quantity[0])
    )


def make_myopic2(env: InventoryEnvironment) -> RulePolicy:
    """Zipkin's Myopic-2."""
    return RulePolicy(
        env, myopic(env.core.model.config, env.reward.weights, 2, env.core.model.orders.max_quantity[0])
    )


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to the best S."""
    mean, level = _first_guess(env)
    return _policy(env, "base-stock", base_stock, [level], [max(1.0, np.ceil(mean))])


def make_capped_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to the best S, at most the best cap."""
    mean, level = _first_guess(env)
    step = max(1.0, np.ceil(mean / 2))
    return _policy(env, "capped-base-stock", capped_base_stock, [level, np.ceil(mean) + 1], [step, step])


def make_constant(env: InventoryEnvironment) -> RulePolicy:
    """The best constant order."""
    mean, _ = _first_guess(env)
    return _policy(env, "constant-order", constant_order, [np.floor(mean)], [1.0])


def make_min_max(env: InventoryEnvironment) -> RulePolicy:
    """The best (s, S)."""
    mean, level = _first_guess(env)
    config = env.core.model.config
    lot = np.ceil(np.sqrt(2 * config.fixed_cost * mean / max(config.holding, 1e-9)))
    step = max(1.0, np.ceil(mean / 2))
    return _policy(env, "s-S", min_max, [max(lot - mean, 0.0), level + lot], [step, step])

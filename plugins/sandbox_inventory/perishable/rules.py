"""Base-stock rules for a perishable item, and the exact optimum."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.lead_times import mean_of
from sandbox_inventory.core.model import State
from sandbox_inventory.core.reward import sources_of_others
from sandbox_inventory.core.rules import (
    InventoryEnvironment,
    RulePolicy,
    exact_rule_cost,
    optimal_policy,
    tuned_policy,
)
from sandbox_inventory.core.solvers.search import ParametricRule
from sandbox_inventory.perishable.model import Perishable

MAX_STATES = 20_000
"""Most states that a rule may reach for its cost to be computed exactly."""


def base_stock(parameters: Array, state: State) -> Array:
    """Order up to S, whatever the ages."""
    return positive(parameters[:, 0] - state["ages"].sum(1) - state["pipeline"].sum(1))


def capped_base_stock(parameters: Array, state: State) -> Array:
    """(S, cap): order up to S, at most the cap."""
    return np.minimum(base_stock(parameters, state), parameters[:, 1])


def _tuned(env: InventoryEnvironment, name: str, rule: ParametricRule, start: list[float]) -> RulePolicy:
    return tuned_policy(
        env,
        f"perishable-{name}",
        rule,
        start,
        [max(1.0, np.ceil(env.core.model.scale / 2))] * len(start),
        low=[0.0] * len(start),
        exact=lambda parameters: exact_rule_cost(env, rule, parameters, max_states=MAX_STATES),
    )


def _first_level(env: InventoryEnvironment) -> float:
    return float(np.ceil(env.core.model.scale * (mean_of(env.core.model.config) + 1)))


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to the best S."""
    return _tuned(env, "base-stock", base_stock, [_first_level(env)])


def make_capped_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to the best S, at most the best cap."""
    cap = np.ceil(env.core.model.scale) + 1
    return _tuned(env, "capped-base-stock", capped_base_stock, [_first_level(env), cap])


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The exact optimum by value iteration over stock by age and pipeline."""
    model: Perishable = env.core.model
    highest = model.highest
    question: dict[str, Any] = {
        "config": model.config.model_dump(mode="json", exclude={"horizon", "warmup", "demand", "orders"}),
        "demand": model.config.demand.relevant_fields(),
        "weights": env.reward.weights,
    }
    if sources := sources_of_others(env.reward):
        question["sources"] = sources
    if model.config.lead_time_probabilities is not None:
        question["highest"] = highest
    return optimal_policy(
        env,
        "perishable-optimal",
        question,
        low=[0] * len(highest),
        high=highest,
        quantities=np.arange(int(model.orders.max_quantity[0]) + 1),
        discount=model.config.discount,
    )

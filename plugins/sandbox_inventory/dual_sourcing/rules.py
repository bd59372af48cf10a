"""Classical rules for dual sourcing, and the exact optimum. Quantities are (expedited, regular)."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import (
    InventoryEnvironment,
    RulePolicy,
    exact_rule_cost,
    optimal_policy,
    tuned_policy,
)
from sandbox_inventory.core.solvers.search import ParametricRule
from sandbox_inventory.dual_sourcing.model import DualSourcing

MAX_STATES = 60_000
"""Most states that a rule may reach for its cost to be computed exactly."""

MAX_STOCK = 40.0
"""Largest stock in exact evaluation, in periods of mean demand: under a constant regular order stock could
grow without end, with vanishing probability."""


def single_index(parameters: Array, state: State) -> Array:
    """(S_e, gap): both sources order by the whole inventory position, up to S_e and S_e + gap."""
    position = state["net"] + state["pipeline"].sum(1)
    expedited = positive(parameters[:, 0] - position)
    return _quantities(expedited, parameters[:, 0] + parameters[:, 1] - position - expedited)


def dual_index(parameters: Array, state: State) -> Array:
    """(S_e, gap): the fast source orders by net stock, the slow one by the whole position."""
    expedited = positive(parameters[:, 0] - state["net"])
    position = state["net"] + state["pipeline"].sum(1) + expedited
    return _quantities(expedited, parameters[:, 0] + parameters[:, 1] - position)


def capped_dual_index(parameters: Array, state: State) -> Array:
    """(S_e, gap, cap): dual index with regular orders of at most the cap."""
    quantities = dual_index(parameters, state)
    quantities[:, 1] = np.minimum(quantities[:, 1], parameters[:, 2])
    return quantities


def tailored_base_surge(parameters: Array, state: State) -> Array:
    """(S_e, Q): the same regular order every period; the fast source raises net stock to S_e."""
    return _quantities(parameters[:, 0] - state["net"], parameters[:, 1])


def _quantities(expedited: Array, regular: Array) -> Array:
    return np.stack([positive(expedited), positive(regular)], 1)


def exact_cost(env: InventoryEnvironment, rule: ParametricRule, parameters: Array) -> float:
    """Average cost a period of a rule.

    Raises:
        InvalidValueError: If it can reach more than `MAX_STATES` states.
    """
    max_value = MAX_STOCK * env.model.scale
    return exact_rule_cost(env, rule, parameters, max_states=MAX_STATES, max_value=max_value)


def _tuned(env: InventoryEnvironment, name: str, rule: ParametricRule, start: list[float]) -> RulePolicy:
    return tuned_policy(
        env,
        f"dual-sourcing-{name}",
        rule,
        start,
        [max(1.0, np.ceil(env.model.scale))] * len(start),
        low=[-np.inf, *[0.0] * (len(start) - 1)],
        exact=(lambda parameters: exact_cost(env, rule, parameters)) if env.model.orders.whole else None,
    )


def _first_guess(env: InventoryEnvironment) -> tuple[float, float]:
    """An expedited level and a gap to begin the search with."""
    mean, std = mean_and_std(env.model.config.demand)
    return float(np.ceil(mean + 2 * std)), float(np.ceil(mean * env.model.config.regular_lead_time))


def make_single_index(env: InventoryEnvironment) -> RulePolicy:
    """Single index, optimised."""
    level, gap = _first_guess(env)
    return _tuned(env, "single-index", single_index, [level, gap])


def make_dual_index(env: InventoryEnvironment) -> RulePolicy:
    """Dual index, optimised."""
    level, gap = _first_guess(env)
    return _tuned(env, "dual-index", dual_index, [level, gap])


def make_capped_dual_index(env: InventoryEnvironment) -> RulePolicy:
    """Capped dual index, optimised."""
    level, gap = _first_guess(env)
    return _tuned(env, "capped-dual-index", capped_dual_index, [level, gap, np.ceil(env.model.scale) + 1])


def make_tailored_base_surge(env: InventoryEnvironment) -> RulePolicy:
    """Tailored base-surge, optimised."""
    level, _ = _first_guess(env)
    return _tuned(env, "tailored-base-surge", tailored_base_surge, [level, np.floor(env.model.scale)])


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The exact optimum by value iteration over net stock and pipeline."""
    model: DualSourcing = env.model
    max_order = int(model.orders.max_quantity[0])
    each = np.arange(max_order + 1)
    quantities = np.stack(np.meshgrid(each, each, indexing="ij"), -1).reshape(-1, 2)
    max_stock = max_order * (model.config.regular_lead_time + 2)
    question = {
        "config": model.config.model_dump(mode="json", exclude={"horizon", "warmup", "demand", "orders"}),
        "demand": model.config.demand.relevant_fields(),
        "weights": env.reward_spec.weights,
    }
    return optimal_policy(
        env,
        "dual-sourcing-optimal",
        question,
        low=[-2 * max_order, *[0] * model.pipeline_length],
        high=[max_stock, *[max_order] * model.pipeline_length],
        quantities=quantities,
    )

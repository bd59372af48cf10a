"""Classical rules for dual sourcing, and the exact optimum. Quantities are (expedited, regular)."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import (
    InventoryEnvironment,
    RulePolicy,
    exact_rule_cost,
    optimal_solution,
    solver_question,
    with_parameters,
)
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.positions import check_limit
from sandbox_inventory.core.solvers.search import ParametricRule
from sandbox_inventory.core.solvers.transitions import pack
from sandbox_inventory.core.solvers.value_iteration import Solution
from sandbox_inventory.dual_sourcing.model import DualSourcing
from sandbox_inventory.dual_sourcing.search import (
    MAX_STATES,
    MAX_STOCK,
    best_index,
    highest_gap,
    largest_of,
)


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
        InvalidValueError: If it can reach more than `search.MAX_STATES` states.
    """
    max_value = MAX_STOCK * env.core.model.scale
    return exact_rule_cost(env, rule, parameters, max_states=MAX_STATES, max_value=max_value)


def _tuned(env: InventoryEnvironment, name: str, rule: ParametricRule, highest: list[float]) -> RulePolicy:
    def search() -> dict[str, Any]:
        best, cost = best_index(env, rule, highest, name)
        return {"parameters": best, "cost": cost}

    question = solver_question(env) | {"orders": env.core.model.config.orders}
    result = cached(f"dual-sourcing-{name}", 4, question, search)
    best = result["parameters"]
    return RulePolicy(
        env, with_parameters(rule, best), {"values": best.tolist(), "cost": float(result["cost"])}
    )


def make_single_index(env: InventoryEnvironment) -> RulePolicy:
    """Single index, optimised."""
    return _tuned(env, "single-index", single_index, [largest_of(env.core.model)])


def make_dual_index(env: InventoryEnvironment) -> RulePolicy:
    """Dual index, optimised."""
    return _tuned(env, "dual-index", dual_index, [highest_gap(env.core.model)])


def make_capped_dual_index(env: InventoryEnvironment) -> RulePolicy:
    """Capped dual index, optimised."""
    highest = [highest_gap(env.core.model), largest_of(env.core.model)]
    return _tuned(env, "capped-dual-index", capped_dual_index, highest)


def make_tailored_base_surge(env: InventoryEnvironment) -> RulePolicy:
    """Tailored base-surge, optimised; the regular order is at most the mean demand."""
    mean = mean_and_std(env.core.model.config.demand)[0]
    highest = np.floor(mean) if env.core.model.orders.whole else mean
    return _tuned(env, "tailored-base-surge", tailored_base_surge, [float(highest)])


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The exact optimum by value iteration over net stock and pipeline."""
    solution, quantities = solved(env)
    return RulePolicy(
        env,
        lambda state: solution.action(pack(state), quantities).astype(np.float64),
        {"cost": solution.cost},
    )


def solved(env: InventoryEnvironment) -> tuple[Solution, Array]:
    """The solved grid of net stock and pipeline, and the orders (expedited, regular), ``(actions, 2)``."""
    model: DualSourcing = env.core.model
    expedited, regular = (int(limit) for limit in model.orders.max_quantity)
    check_limit(expedited + regular, mean_and_std(model.config.demand)[0])
    each = np.meshgrid(np.arange(expedited + 1), np.arange(regular + 1), indexing="ij")
    quantities = np.stack(each, -1).reshape(-1, 2)
    solution = optimal_solution(
        env,
        "dual-sourcing-optimal",
        solver_question(env),
        low=[-2 * expedited, *[0] * model.pipeline_length],
        high=[regular * (model.config.regular_lead_time + 2), *[regular] * model.pipeline_length],
        quantities=quantities,
        grows=[True, *[False] * model.pipeline_length],
    )
    return solution, quantities

"""Classical rules for lost sales, each with its best parameters for the problem at hand.

Costs are exact where demand has probabilities on the integers and the rule reaches few enough states, and
simulated on demand of their own otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.cache import solved
from sandbox_inventory.core.demand import typical
from sandbox_inventory.core.exact import average_cost
from sandbox_inventory.core.model import Array, State, positive
from sandbox_inventory.core.rules import RulePolicy
from sandbox_inventory.core.search import ParametricRule, Simulated, minimise
from sandbox_inventory.lost_sales import LostSales
from sandbox_inventory.lost_sales_exact import myopic as myopic_table
from sandbox_inventory.lost_sales_exact import optimal as optimal_table

REACHABLE = 60_000
"""Most states a rule may reach for its cost to be computed exactly."""


def position(state: State) -> Array:
    """Inventory position: on hand and on the way."""
    total: Array = state["stock"] + state["pipeline"].sum(1)
    return total


def base_stock(parameters: Array, state: State) -> Array:
    """Order up to S."""
    return positive(parameters[:, 0] - position(state))


def capped_base_stock(parameters: Array, state: State) -> Array:
    """Order up to S, at most the cap."""
    return np.minimum(positive(parameters[:, 0] - position(state)), parameters[:, 1])


def constant(parameters: Array, state: State) -> Array:
    """The same quantity every period."""
    return parameters[:, 0] + 0.0 * state["stock"]


def min_max(parameters: Array, state: State) -> Array:
    """(s, S) with s = S - gap: order up to S when the position is at s or below."""
    place, top = position(state), parameters[:, 1]
    return np.where(place <= top - parameters[:, 0], top - place, 0.0)


def tuned(env: Any, name: str, rule: ParametricRule, start: Sequence[float], steps: Sequence[float]) -> Array:
    """The rule's best parameters for the environment's problem, from the cache where they are known."""
    model: LostSales = env.model
    whole = model.orders.whole
    question = {
        "config": model.config.model_dump(
            mode="json", exclude={"horizon", "warmup", "demand", "initial_stock"}
        ),
        "demand": model.config.demand.described(),
        "weights": env.reward_spec.weights,
    }

    def solve() -> dict[str, Any]:
        simulated = Simulated(model, rule, model.orders.actions, env.reward_spec)
        best, cost = minimise(
            simulated,
            start,
            steps,
            low=[0.0] * len(start),
            smallest=1.0 if whole else max(steps) / 64,
            what=name,
        )
        if not (whole and model.config.demand.integer and model.config.demand.independent):
            return {"parameters": best, "cost": cost}
        with suppress(InvalidValueError):  # with too many states the simulated optimum it is
            best, cost = minimise(
                _exactly(env, rule), best.tolist(), [1.0] * len(best), low=[0.0] * len(best), what=name
            )
        return {"parameters": best, "cost": cost}

    return solved(f"lost-sales-{name}", 1, question, solve)["parameters"]


def _exactly(env: Any, rule: ParametricRule) -> Callable[[Array], Array]:
    return lambda candidates: np.array([exact_cost(env, rule, one) for one in candidates])


def exact_cost(env: Any, rule: ParametricRule, parameters: Array, most: int = REACHABLE) -> float:
    """Average cost a period of a rule.

    Raises:
        InvalidValueError: If it reaches too many states.
    """
    model: LostSales = env.model

    def choose(state: State) -> Array:
        return model.orders.actions(
            rule(np.broadcast_to(parameters, (len(state["stock"]), len(parameters))), state)
        )

    return average_cost(model, choose, env.reward_spec, most=most, tail=1e-9)


def _policy(
    env: Any, name: str, rule: ParametricRule, start: Sequence[float], steps: Sequence[float]
) -> RulePolicy:
    best = tuned(env, name, rule, start, steps)

    def order(state: State) -> Array:
        return rule(np.broadcast_to(best, (len(state["stock"]), len(best))), state)

    return RulePolicy(env, order, env.model.orders.actions, {"values": best.tolist()})


def _scale(env: Any) -> tuple[float, float]:
    """Mean demand, and a first guess of the base-stock level."""
    mean, std = typical(env.model.config.demand)
    cover = env.model.config.lead_time + 1
    return mean, float(np.ceil(mean * cover + std * np.sqrt(cover) * 0.5))


def make_optimal(env: Any) -> RulePolicy:
    """The optimum by value iteration."""
    table = optimal_table(env.model.config, env.reward_spec.weights)
    return RulePolicy(env, table, env.model.orders.actions, {"cost": table.cost})


def make_myopic(env: Any) -> RulePolicy:
    """Zipkin's Myopic."""
    return RulePolicy(
        env, myopic_table(env.model.config, env.reward_spec.weights, 1), env.model.orders.actions
    )


def make_myopic2(env: Any) -> RulePolicy:
    """Zipkin's Myopic-2."""
    return RulePolicy(
        env, myopic_table(env.model.config, env.reward_spec.weights, 2), env.model.orders.actions
    )


def make_base_stock(env: Any) -> RulePolicy:
    """Order up to the best S."""
    mean, level = _scale(env)
    return _policy(env, "base-stock", base_stock, [level], [max(1.0, np.ceil(mean))])


def make_capped_base_stock(env: Any) -> RulePolicy:
    """Order up to the best S, at most the best cap."""
    mean, level = _scale(env)
    step = max(1.0, np.ceil(mean / 2))
    return _policy(env, "capped-base-stock", capped_base_stock, [level, np.ceil(mean) + 1], [step, step])


def make_constant(env: Any) -> RulePolicy:
    """The best constant order."""
    mean, _ = _scale(env)
    return _policy(env, "constant-order", constant, [np.floor(mean)], [1.0])


def make_min_max(env: Any) -> RulePolicy:
    """The best (s, S)."""
    mean, level = _scale(env)
    config = env.model.config
    lot = np.ceil(np.sqrt(2 * config.fixed_cost * mean / max(config.holding, 1e-9)))
    step = max(1.0, np.ceil(mean / 2))
    return _policy(env, "s-S", min_max, [max(lot - mean, 0.0), level + lot], [step, step])

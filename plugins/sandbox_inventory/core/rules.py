"""Classical rules as policies, with parameters that are optimised for the environment's problem.

A rule reads the simulation's exact state, not the observation. A family's ``rules`` module states its rules
as functions of parameters and states; the functions here tune them and make them policies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import Model, State
from sandbox_inventory.core.orders import Orders
from sandbox_inventory.core.reward import sources_of_others
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.markov_chain import average_cost
from sandbox_inventory.core.solvers.search import ParametricRule, SimulatedCost, minimise, scan
from sandbox_inventory.core.solvers.transitions import pack
from sandbox_inventory.core.solvers.value_iteration import Solution, solve_growing

Rule = Callable[[State], Array]
"""Order quantities of a batch of states, shape ``(num_envs,)`` or ``(num_envs, orders)``, units."""


class InventoryEnvironment(Protocol):
    """What a rule needs of an environment: single, parallel or native."""

    core: Any
    """`sandbox_inventory.core.envs.InventoryCore`: the model, and the simulation that plays it."""
    reward: RewardSpec


class RulePolicy:
    """Plays a rule in the environment for which it was made; see `sandbox.api.Policy`.

    Args:
        env: An environment of this package.
        rule: Order quantities from the state.
        parameters: What was optimised, by name, for tables and tests.

    Attributes:
        parameters: The argument, or an empty dict.
        memoryless: Orders depend on the present state alone.
    """

    memoryless = True

    def __init__(
        self, env: InventoryEnvironment, rule: Rule, parameters: dict[str, Any] | None = None
    ) -> None:
        self._sim, self._rule, self._to_actions = env.core.sim, rule, _row_actions(env)
        self.parameters = parameters or {}

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Nothing to do: rules have no memory between decisions."""

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """Actions for every row."""
        return self._to_actions(self._rule(self._sim.state))

    def save(self, directory: Path) -> None:
        """Not supported: a rule is made from its environment."""
        raise NotImplementedError("a baseline is made from its environment, not saved")


def _row_actions(env: InventoryEnvironment) -> Callable[[Array], Array]:
    """From quantities to actions; in a parallel environment every agent's order is a row."""
    orders: Orders = env.core.model.orders
    agents = len(getattr(env.core, "agents", ()))
    if not agents:
        return orders.actions
    order_shape = () if orders.kind == "discrete" else (1,)
    return lambda quantities: orders.actions(quantities).reshape(len(quantities) * agents, *order_shape)


def with_parameters(rule: ParametricRule, parameters: Array) -> Rule:
    """The rule with the same parameters in every row."""

    def quantities(state: State) -> Array:
        num_envs = len(next(iter(state.values())))
        return rule(np.broadcast_to(parameters, (num_envs, len(parameters))), state)

    return quantities


def exact_rule_cost(
    env: InventoryEnvironment,
    rule: ParametricRule,
    parameters: Array,
    *,
    max_states: int,
    max_value: float = np.inf,
    tail: float = 1e-10,
) -> float:
    """Average cost a period of a rule with these parameters; see `markov_chain.average_cost`.

    Raises:
        InvalidValueError: If the rule can reach more than ``max_states`` states.
    """
    model: Model = env.core.model
    quantities = with_parameters(rule, parameters)
    return average_cost(
        model,
        lambda state: model.orders.actions(quantities(state)),
        env.reward,
        max_states=max_states,
        max_value=max_value,
        tail=tail,
    )


def alike(*columns: Sequence[Any]) -> list[int]:
    """Number of each item's kind, from 0: items are of a kind if all their columns are equal.

    Args:
        columns: What matters of each item, for example its demand and its cost.
    """
    kinds: list[tuple[Any, ...]] = []
    numbers = []
    for item in zip(*columns, strict=True):
        if item not in kinds:
            kinds.append(item)
        numbers.append(kinds.index(item))
    return numbers


def solver_question(env: InventoryEnvironment, *left_out: str) -> dict[str, Any]:
    """What the optimum depends on: parameters, largest orders and weights; part of a cache key.

    Args:
        env: An environment of this package.
        left_out: Parameters that do not matter to the optimum, beside those that never do.
    """
    model: Model = env.core.model
    never = {"horizon", "warmup", "orders", "max_order", "order_cover", "demand"}
    config = model.config.model_dump(mode="json", exclude=never | set(left_out))
    sources = sources_of_others(env.reward)
    others = {"sources": sources} if sources else {}
    return {
        "config": config,
        "demands": [demand.relevant_fields() for demand in model.demands],
        "limits": list(model.orders.max_quantity),
        "weights": env.reward.weights,
        **others,
    }


def best_parameters(
    env: InventoryEnvironment,
    name: str,
    rule: ParametricRule,
    start: Sequence[float],
    steps: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    exact: Callable[[Array], float] | None = None,
    periods: int = 100_000,
    version: int = 2,
) -> tuple[Array, float]:
    """The rule's best parameters for the environment's problem, from the cache if they are known.

    Args:
        env: An environment of this package.
        name: Name of the result in the cache.
        rule: The rule to tune.
        start: First guess.
        steps: First step of each coordinate.
        low: Smallest value of each coordinate.
        exact: Cost of one parameter vector where it can be computed; refines the result of simulation.
        periods: Periods to simulate for each candidate.
        version: Raised when the rule changes.

    Returns:
        Parameters and cost a period (minus reward).
    """
    model: Model = env.core.model
    config = model.config.model_dump(mode="json")
    if not model.finite:
        config = {key: value for key, value in config.items() if key not in ("horizon", "warmup")}
    question = {"config": config, "weights": env.reward.weights}

    def search() -> dict[str, Any]:
        simulated = SimulatedCost(model, rule, env.reward, periods=periods)
        rough = SimulatedCost(model, rule, env.reward, periods=periods // 10)
        min_step = 1.0 if model.orders.whole else max(max(steps) / 32, 1e-3)
        guess = scan(rough, start, steps, low)
        best, cost = minimise(simulated, guess.tolist(), steps, low=low, min_step=min_step, label=name)
        if exact is not None and all(demand.integer and demand.independent for demand in model.demands):
            with suppress(InvalidValueError):  # too many states: the simulated optimum stands
                best, cost = minimise(
                    lambda candidates: np.array([exact(candidate) for candidate in candidates]),
                    best.tolist(),
                    [1.0] * len(best),
                    low=low,
                    label=name,
                )
        return {"parameters": best, "cost": cost}

    result = cached(name, version, question, search)
    return result["parameters"], float(result["cost"])


def tuned_policy(
    env: InventoryEnvironment,
    name: str,
    rule: ParametricRule,
    start: Sequence[float],
    steps: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    exact: Callable[[Array], float] | None = None,
    periods: int = 100_000,
    version: int = 2,
) -> RulePolicy:
    """The rule as a policy with its best parameters; arguments as for `best_parameters`."""
    best, cost = best_parameters(
        env, name, rule, start, steps, low=low, exact=exact, periods=periods, version=version
    )
    return RulePolicy(env, with_parameters(rule, best), {"values": best.tolist(), "cost": cost})


def optimal_policy(
    env: InventoryEnvironment,
    name: str,
    question: Mapping[str, Any],
    low: Sequence[int],
    high: Sequence[int],
    quantities: Array,
    *,
    grows: Sequence[bool] | None = None,
    discount: float = 1.0,
    tolerance: float = 1e-6,
    tail: float = 1e-9,
) -> RulePolicy:
    """The exact optimum on a grid of states, from the cache if it was solved before.

    Args:
        env: An environment of this package.
        name: Name of the result in the cache.
        question: Everything that the result depends on.
        low: Smallest value of each state column.
        high: Largest value of each column.
        quantities: Orders to choose from, shape ``(actions, …)``: all that the environment's actions can be.
        grows: Columns whose bounds are only a beginning; see `value_iteration.solve_growing`.
        discount, tolerance, tail: As for `value_iteration.solve`.

    Raises:
        InvalidValueError: If the problem is too large, or its demand has no probabilities on the integers.
    """
    solution = optimal_solution(
        env,
        name,
        question,
        low,
        high,
        quantities,
        grows=grows,
        discount=discount,
        tolerance=tolerance,
        tail=tail,
    )
    return RulePolicy(
        env,
        lambda state: solution.action(pack(state), quantities).astype(np.float64),
        {"cost": solution.cost},
    )


def optimal_solution(
    env: InventoryEnvironment,
    name: str,
    question: Mapping[str, Any],
    low: Sequence[int],
    high: Sequence[int],
    quantities: Array,
    *,
    grows: Sequence[bool] | None = None,
    discount: float = 1.0,
    tolerance: float = 1e-6,
    tail: float = 1e-9,
) -> Solution:
    """The solved grid of `optimal_policy`, which takes and raises the same."""
    if all(mean_and_std(demand)[0] == 0 for demand in env.core.model.demands):
        raise InvalidValueError("There is no demand: what is best depends on the initial stock alone.")
    discrete = type(env.core.model)(env.core.model.config.model_copy(update={"orders": "discrete"}))

    def search() -> dict[str, Any]:
        return solve_growing(
            discrete,
            low,
            high,
            grows or [False] * len(low),
            quantities,
            env.reward,
            discount=discount,
            tolerance=tolerance,
            tail=tail,
            label=name,
        ).to_arrays()

    return Solution.from_arrays(cached(name, 2, question, search))

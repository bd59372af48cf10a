"""Classical rules for joint replenishment, and the exact optimum. Unlike items have levels of their own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import (
    InventoryEnvironment,
    RulePolicy,
    alike,
    best_parameters,
    with_parameters,
)
from sandbox_inventory.core.solvers.search import ParametricRule
from sandbox_inventory.joint_replenishment.exact import optimal
from sandbox_inventory.joint_replenishment.model import JointReplenishment


def can_order(parameters: Array, state: State) -> Array:
    """Can-order levels (s, c, S) as (S, S - c, c - s), item after item, or once for all items.

    When any item is at s or below, every item at c or below is raised to S. Source: Balintfy 1964.
    """
    items = parameters.reshape(len(parameters), -1, 3)
    top = items[..., 0]
    can = top - items[..., 1]
    must = can - items[..., 2]
    net = state["net"]
    triggered = (net <= must).any(1, keepdims=True)
    return np.where(triggered & (net <= can), positive(top - net), 0.0)


def total_trigger(parameters: Array, state: State) -> Array:
    """(S …, Q): when the items together are Q or more below their levels, all are raised to them.

    A single level stands for all items. Source: Renberg & Planche 1967.
    """
    shortfall = positive(parameters[:, :-1] - state["net"])
    return np.where(shortfall.sum(1, keepdims=True) >= parameters[:, -1:], shortfall, 0.0)


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The exact optimum by value iteration."""
    return optimal(env)


def make_can_order(env: InventoryEnvironment) -> RulePolicy:
    """Can-order levels, optimised."""
    kinds, (mean, std, cycle) = _kinds(env), _first_guess(env)
    start = [
        value
        for item in _members(kinds)
        for value in (
            np.ceil(mean[item] * (cycle + 1) + std[item]),
            np.ceil(mean[item] * cycle / 2),
            np.ceil(mean[item] * cycle / 2),
        )
    ]

    def rule(parameters: Array, state: State) -> Array:
        items = parameters.reshape(len(parameters), -1, 3)[:, kinds]
        return can_order(items.reshape(len(parameters), -1), state)

    return _tuned(env, "can-order", rule, start, lambda best: best.reshape(-1, 3)[kinds].ravel())


def make_total_trigger(env: InventoryEnvironment) -> RulePolicy:
    """(Q, S), optimised."""
    kinds, (mean, std, cycle) = _kinds(env), _first_guess(env)
    levels = [np.ceil(mean[item] * (cycle + 1) + std[item]) for item in _members(kinds)]

    def rule(parameters: Array, state: State) -> Array:
        return total_trigger(np.concatenate([parameters[:, :-1][:, kinds], parameters[:, -1:]], 1), state)

    start = [*levels, np.ceil(mean.sum() * cycle)]
    return _tuned(env, "total-trigger", rule, start, lambda best: np.append(best[:-1][kinds], best[-1]))


def _tuned(
    env: InventoryEnvironment,
    name: str,
    rule: ParametricRule,
    start: list[float],
    of_items: Callable[[Array], Array],
) -> RulePolicy:
    steps = [max(2.0, float(np.ceil(value / 6))) for value in start]
    best, cost = best_parameters(
        env, f"joint-{name}", rule, start, steps, low=[0.0] * len(start), periods=50_000, version=3
    )
    values = of_items(best).tolist()
    return RulePolicy(env, with_parameters(rule, best), {"values": values, "cost": cost})


def _kinds(env: InventoryEnvironment) -> list[int]:
    """Number of each item's kind: items that differ in nothing share their levels."""
    model: JointReplenishment = env.core.model
    return alike(model.demands, model.item_costs.tolist(), model.holding.tolist(), model.penalty.tolist())


def _members(kinds: list[int]) -> list[int]:
    """The first item of each kind."""
    return [kinds.index(kind) for kind in range(max(kinds) + 1)]


def _first_guess(env: InventoryEnvironment) -> tuple[Array, Array, float]:
    """Mean and standard deviation of each item's demand, and the economic time between orders, periods."""
    model: JointReplenishment = env.core.model
    moments = [mean_and_std(demand) for demand in model.demands]
    mean, std = (np.array(column) for column in zip(*moments, strict=True))
    rates = model.holding * model.penalty / np.maximum(model.holding + model.penalty, 1e-9)
    yearly = max(float((rates * mean).sum()), 1e-9)
    setup = model.config.fixed_cost + float(model.item_costs.sum())
    return mean, std, float(np.clip(np.sqrt(2 * setup / yearly), 1.0, 50.0))

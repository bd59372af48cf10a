"""Classical rules for joint replenishment, and the exact optimum."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, optimal_policy, tuned_policy
from sandbox_inventory.core.solvers.search import ParametricRule
from sandbox_inventory.joint_replenishment.model import JointReplenishment


def can_order(parameters: Array, state: State) -> Array:
    """Can-order levels (s, c, S), the same for every item, as parameters (S, S - c, c - s).

    When any item is at s or below, every item at c or below is raised to S. Source: Balintfy 1964.
    """
    top = parameters[:, :1]
    can = top - parameters[:, 1:2]
    must = can - parameters[:, 2:3]
    net = state["net"]
    triggered = (net <= must).any(1, keepdims=True)
    return np.where(triggered & (net <= can), positive(top - net), 0.0)


def total_trigger(parameters: Array, state: State) -> Array:
    """(S, Q): when the items together are Q or more below S, all are raised to S.

    Source: Renberg & Planche 1967.
    """
    shortfall = positive(parameters[:, :1] - state["net"])
    return np.where(shortfall.sum(1, keepdims=True) >= parameters[:, 1:2], shortfall, 0.0)


def _tuned(env: InventoryEnvironment, name: str, rule: ParametricRule, start: list[float]) -> RulePolicy:
    steps, low = [2.0] * len(start), [0.0] * len(start)
    return tuned_policy(env, f"joint-{name}", rule, start, steps, low=low, periods=50_000)


def make_can_order(env: InventoryEnvironment) -> RulePolicy:
    """Can-order levels, optimised."""
    return _tuned(env, "can-order", can_order, [np.ceil(4 * env.model.scale), 3.0, 3.0])


def make_total_trigger(env: InventoryEnvironment) -> RulePolicy:
    """(Q, S), optimised."""
    level = np.ceil(4 * env.model.scale)
    return _tuned(env, "total-trigger", total_trigger, [level, level])


def make_optimal(env: InventoryEnvironment) -> RulePolicy:
    """The exact optimum by value iteration; for two items, or three with small orders."""
    model: JointReplenishment = env.model
    count, max_order = len(model.demands), int(model.config.max_order)
    each = np.arange(max_order + 1)
    question = {
        "config": model.config.model_dump(mode="json", exclude={"horizon", "warmup", "orders"}),
        "weights": env.reward_spec.weights,
    }
    return optimal_policy(
        env,
        "joint-optimal",
        question,
        low=[-max_order // 2] * count,
        high=[max_order] * count,
        quantities=np.stack(np.meshgrid(*[each] * count, indexing="ij"), -1).reshape(-1, count),
        tolerance=1e-4,
        tail=1e-6,
    )

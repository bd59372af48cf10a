"""Rules for many items: levels from recent demand, with parameters that all items share."""

from __future__ import annotations

import numpy as np

from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy, tuned_policy
from sandbox_inventory.skus.model import Skus


def reorder_level(model: Skus, safety: Array, state: State) -> Array:
    """Recent demand over lead time + 1 periods, and ``safety`` standard deviations of it; rounded.

    Args:
        model: The dynamics.
        safety: Standard deviations of safety stock, shape ``(num_envs, 1)``.
        state: The state.
    """
    periods = model.config.lead_time + 1.0
    level: Array = np.rint(state["recent"] * periods + safety * model.stds * np.sqrt(periods))
    return level


def min_max(model: Skus, parameters: Array, state: State) -> Array:
    """(safety, lot): raise a position below the reorder level to the level and a lot above it.

    The lot is in periods of recent demand; without it, this is base-stock.
    """
    position = state["stock"] + state["pipeline"].sum(1)
    level = reorder_level(model, parameters[:, :1], state)
    lot = parameters[:, 1:2] * state["recent"] if parameters.shape[1] > 1 else 0.0
    return np.where(position < level, positive(np.rint(level + lot) - position), 0.0)


def _tuned(env: InventoryEnvironment, name: str, start: list[float], low: list[float]) -> RulePolicy:
    model: Skus = env.core.model

    def rule(parameters: Array, state: State) -> Array:
        return min_max(model, parameters, state)

    steps = [1.0] * len(start)
    return tuned_policy(env, f"skus-{name}", rule, start, steps, low=low, periods=5_000, version=1)


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to recent demand over the lead time and an optimised safety stock."""
    return _tuned(env, "base-stock", [1.0], [-3.0])


def make_min_max(env: InventoryEnvironment) -> RulePolicy:
    """(s, S) on the same level, with an optimised lot in periods of demand."""
    return _tuned(env, "s-S", [1.0, 5.0], [-3.0, 0.0])

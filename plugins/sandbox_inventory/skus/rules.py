"""Rules for many items: levels from recent demand, with parameters of each item's own.

Items do not depend on each other, so every item's parameters are searched by themselves, all in one batch, on
windows of the first part of the traces, whichever part is played. An item that did not sell there has those
parameters that are best for all others together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.api import RewardSpec
from sandbox_inventory.core.arrays import Array, positive
from sandbox_inventory.core.model import State
from sandbox_inventory.core.rules import InventoryEnvironment, RulePolicy
from sandbox_inventory.core.solvers.cache import cached
from sandbox_inventory.core.solvers.progress import ProgressLine
from sandbox_inventory.core.solvers.search import SEED
from sandbox_inventory.skus.model import Skus

SAFETIES = (-1.0, 0.0, 1.0, 2.0, 3.0)
"""Standard deviations of safety stock that the search begins with."""

LOTS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""Periods of demand in a lot that the search begins with."""

PATHS, ENTRIES = 64, 4_000_000
"""Windows that parameters are tried on, and numbers of a batch."""

LEAST = 1 / 8
"""Step at which the search ends, of the first one, which is 1 standard deviation and 4 periods."""

ItemCost = Callable[[Array], Array]
"""Cost a period of every item: from ``(candidates, items, parameters)`` to ``(candidates, items)``."""


def reorder_level(model: Skus, safety: Array, state: State) -> Array:
    """Recent demand over lead time + 1 periods, and ``safety`` standard deviations of it; rounded.

    Args:
        model: The dynamics.
        safety: Standard deviations of safety stock, shape ``(num_envs, items)``.
        state: The state.
    """
    periods = model.config.lead_time + 1.0
    level: Array = np.rint(state["recent"] * periods + safety * model.stds * np.sqrt(periods))
    return level


def min_max(model: Skus, parameters: Array, state: State) -> Array:
    """(safety, lot): raise a position below the reorder level to the level and a lot above it.

    The lot is in periods of recent demand; without it, this is base-stock.

    Args:
        model: The dynamics.
        parameters: Of every item, shape ``(num_envs, items, 1 or 2)``.
        state: The state.
    """
    position = state["stock"] + state["pipeline"].sum(1)
    level = reorder_level(model, parameters[..., 0], state)
    lot = parameters[..., 1] * state["recent"] if parameters.shape[-1] > 1 else 0.0
    return np.where(position < level, positive(np.rint(level + lot) - position), 0.0)


def make_base_stock(env: InventoryEnvironment) -> RulePolicy:
    """Order up to recent demand over the lead time and an optimised safety stock."""
    return _tuned(env, "base-stock", np.array(SAFETIES)[:, None])


def make_min_max(env: InventoryEnvironment) -> RulePolicy:
    """(s, S) on the same level, with an optimised lot in periods of demand."""
    grid = np.stack(np.meshgrid(SAFETIES, LOTS, indexing="ij"), -1).reshape(-1, 2)
    return _tuned(env, "s-S", grid)


def _tuned(env: InventoryEnvironment, name: str, grid: Array) -> RulePolicy:
    model: Skus = env.core.model
    question = {
        "config": model.config.model_dump(mode="json", exclude={"part", "traces", "orders"}),
        "demand": hashlib.sha256(np.ascontiguousarray(model.known).tobytes()).hexdigest(),
        "scale": [model.means, model.stds],
        "limits": model.orders.max_quantity,
        "weights": env.reward.weights,
    }

    def search() -> dict[str, Any]:
        cost = simulated_cost(model, env.reward)
        sold = np.asarray((model.known > 0).any(0))
        best, least = best_of_each(cost, grid, sold, name)
        return {"parameters": best, "cost": least.sum()}

    result = cached(f"skus-{name}", 2, question, search)
    best = result["parameters"]

    def quantities(state: State) -> Array:
        return min_max(model, np.broadcast_to(best, (len(state["stock"]), *best.shape)), state)

    return RulePolicy(env, quantities, {"values": best.tolist(), "cost": float(result["cost"])})


def simulated_cost(model: Skus, reward: RewardSpec) -> ItemCost:
    """Minus the reward a period of every item, on the same windows of the first part in every call."""
    horizon = min(model.config.horizon, len(model.known))
    begins = np.random.default_rng(SEED).integers(len(model.known) - horizon + 1, size=PATHS)
    demand = np.stack([model.known[begin : begin + horizon] for begin in begins], 1)

    def cost(candidates: Array) -> Array:
        parameters = np.repeat(candidates, PATHS, 0)
        state = model.initial_state(len(parameters))
        total = np.zeros(parameters.shape[:2])
        for wanted in demand:
            quantities = model.orders.quantities(model.orders.actions(min_max(model, parameters, state)))
            state, terms, _ = model.advance(state, quantities, np.tile(wanted, (len(candidates), 1)))
            total -= reward.total(terms)
        mean: Array = total.reshape(len(candidates), PATHS, -1).mean(1) / horizon
        return mean

    def in_parts(candidates: Array) -> Array:
        count = max(1, ENTRIES // (PATHS * candidates.shape[1]))
        parts = [cost(candidates[first : first + count]) for first in range(0, len(candidates), count)]
        return np.concatenate(parts)

    return in_parts


def best_of_each(cost: ItemCost, grid: Array, sold: Array, label: str) -> tuple[Array, Array]:
    """The best parameters of every item: of a grid, then by a pattern search of all items at once.

    Args:
        cost: Of candidates.
        grid: Parameters to begin with, shape ``(candidates, parameters)``; none of the last may be below 0.
        sold: Which items the cost says something of; the others take the best of the grid for these.
        label: Name in the progress line.

    Returns:
        Shapes ``(items, parameters)`` and ``(items,)``.
    """
    items, size, progress = len(sold), grid.shape[1], ProgressLine(f"optimising {label}")
    costs = cost(np.broadcast_to(grid[:, None], (len(grid), items, size)))
    chosen = np.where(sold, costs.argmin(0), costs[:, sold].sum(1).argmin())
    best, least = grid[chosen], np.take_along_axis(costs, chosen[None], 0)[0]
    moves = np.array([move for move in np.ndindex(*[3] * size) if any(part != 1 for part in move)]) - 1.0
    first, low = np.array([1.0, 4.0])[:size], np.array([-np.inf, 0.0])[:size]
    steps = np.full(items, 0.5)
    while (searched := sold & (steps >= LEAST)).any():
        candidates = np.maximum(best + moves[:, None] * first * steps[:, None], low)
        costs = cost(candidates)
        winner = costs.argmin(0)
        value = np.take_along_axis(costs, winner[None], 0)[0]
        better = searched & (value < least - 1e-12)
        best = np.where(better[:, None], candidates[winner, np.arange(items)], best)
        least, steps = np.where(better, value, least), np.where(better, steps, steps / 2)
        progress(f"{least.sum():.5g}")
    progress.done()
    return best, least

"""Metrics of an episode, accumulated over all periods after the warm-up.

The metrics are declared in `sandbox_inventory.core.task.METRICS` and computed here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Flow

_SUMS = ("demand", "filled", "short", "stock", "sold", "spoiled", "demand_squared")


class EpisodeMetrics:
    """Sums over the counted periods of a batch of episodes.

    Args:
        num_envs: Rows of the batch.
    """

    def __init__(self, num_envs: int) -> None:
        self._num_envs = num_envs
        self.clear()

    def clear(self) -> None:
        """Start a new episode."""
        self._periods = 0
        self._sums = {name: np.zeros(self._num_envs) for name in _SUMS}
        self._terms: dict[str, Array] = {}
        self._orders: Array | None = None
        self._orders_squared: Array | None = None

    def add(self, flow: Flow) -> None:
        """Count one period."""
        sums, demand = self._sums, flow.demand
        self._periods += 1
        sums["demand"] += demand
        sums["demand_squared"] += demand * demand
        sums["filled"] += flow.filled
        sums["short"] += flow.filled < demand
        sums["stock"] += flow.stock
        sums["sold"] += flow.sold
        if flow.spoiled is not None:
            sums["spoiled"] += flow.spoiled
        if self._orders is None or self._orders_squared is None:
            self._terms = {name: np.zeros(self._num_envs) for name in flow.terms}
            self._orders, self._orders_squared = np.zeros(flow.orders.shape), np.zeros(flow.orders.shape)
        for name, values in flow.terms.items():
            self._terms[name] += values
        self._orders += flow.orders
        self._orders_squared += flow.orders * flow.orders

    def metrics(self) -> dict[str, Array]:
        """All metrics by name, each of shape ``(num_envs,)``.

        Without any demand the fill rate is 1; where nothing is ever on hand the turnover is 0. The bullwhip
        is 1 where neither orders nor demand vary; where only orders vary, the ratio to a variance of 1e-9
        stands for infinity.
        """
        periods = max(self._periods, 1)
        sums = self._sums
        revenue = self._terms.get("revenue", np.zeros(self._num_envs))
        costs = sum((v for name, v in self._terms.items() if name != "revenue"), np.zeros(self._num_envs))
        some = sums["demand"] > 0
        stock = sums["stock"] / periods
        return {
            "cost": costs / periods,
            "profit": (revenue - costs) / periods,
            "fill_rate": np.where(some, sums["filled"] / np.where(some, sums["demand"], 1.0), 1.0),
            "service_level": 1.0 - sums["short"] / periods,
            "stockouts": sums["short"],
            "turnover": np.where(stock > 0, sums["sold"] / periods / np.where(stock > 0, stock, 1.0), 0.0),
            "stock": stock,
            "spoiled": sums["spoiled"] / periods,
            "bullwhip": self._bullwhip(periods),
        }

    def denominators(self) -> dict[str, Array]:
        """What means are over, by metric, shape ``(num_envs,)`` each: counted periods, all demand."""
        periods = np.full(self._num_envs, float(self._periods))
        return {"cost": periods, "profit": periods, "fill_rate": self._sums["demand"].copy()}

    def _bullwhip(self, periods: int) -> Array:
        if self._orders is None or self._orders_squared is None:
            return np.ones(self._num_envs)
        mean_order = self._orders[:, -1] / periods
        order_variance = np.maximum(self._orders_squared[:, -1] / periods - mean_order**2, 0.0)
        mean_demand = self._sums["demand"] / periods
        demand_variance = np.maximum(self._sums["demand_squared"] / periods - mean_demand**2, 0.0)
        constant = (order_variance < 1e-9) & (demand_variance < 1e-9)
        ratio: Array = np.where(constant, 1.0, order_variance / np.maximum(demand_variance, 1e-9))
        return ratio

    def get_state(self) -> dict[str, Any]:
        """The sums as nested dicts of arrays."""
        state: dict[str, Any] = {
            "periods": self._periods,
            "sums": {name: values.copy() for name, values in self._sums.items()},
            "terms": {name: values.copy() for name, values in self._terms.items()},
        }
        if self._orders is not None and self._orders_squared is not None:
            state |= {"orders": self._orders.copy(), "orders_squared": self._orders_squared.copy()}
        return state

    def set_state(self, saved: dict[str, Any]) -> None:
        """Continue from a state that `get_state` returned."""
        self._periods = int(saved["periods"])
        self._sums = {name: np.array(values) for name, values in saved["sums"].items()}
        self._terms = {name: np.array(values) for name, values in saved["terms"].items()}
        self._orders = np.array(saved["orders"]) if "orders" in saved else None
        self._orders_squared = np.array(saved["orders_squared"]) if "orders_squared" in saved else None


def repeated(state: Any, num_envs: int) -> Any:
    """Nested dicts whose arrays have one row, with that row ``num_envs`` times."""
    if isinstance(state, dict):
        return {name: repeated(part, num_envs) for name, part in state.items()}
    return np.repeat(state, num_envs, axis=0) if isinstance(state, np.ndarray) else state

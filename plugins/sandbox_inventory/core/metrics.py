"""What a practitioner reports of an episode, counted over all periods after the warm-up."""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox_inventory.core.model import Array, Flow

_SUMS = ("demand", "filled", "short", "stock", "sold", "spoiled", "demand_squared")


class Tally:
    """Sums over the counted periods of a batch of episodes.

    Args:
        copies: Rows of the batch.
    """

    def __init__(self, copies: int) -> None:
        self._copies = copies
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self._periods = 0
        self._sums = {name: np.zeros(self._copies) for name in _SUMS}
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
            self._terms = {name: np.zeros(self._copies) for name in flow.terms}
            self._orders, self._orders_squared = np.zeros(flow.orders.shape), np.zeros(flow.orders.shape)
        for name, values in flow.terms.items():
            self._terms[name] += values
        self._orders += flow.orders
        self._orders_squared += flow.orders * flow.orders

    def metrics(self) -> dict[str, Array]:
        """Every metric that `METRICS` names, each of shape ``(copies,)``.

        Revenue less all costs is the profit; cost is all costs. Where nothing was asked for, all of it
        was served; the bullwhip of a demand that does not vary is 1 if orders do not vary, else infinite
        in theory: it is reported as the ratio to a variance of 1e-9.
        """
        periods = max(self._periods, 1)
        sums = self._sums
        revenue = self._terms.get("revenue", np.zeros(self._copies))
        costs = sum((v for name, v in self._terms.items() if name != "revenue"), np.zeros(self._copies))
        some = sums["demand"] > 0
        stock = sums["stock"] / periods
        return {
            "cost": costs / periods,
            "profit": (revenue - costs) / periods,
            "fill_rate": np.where(some, sums["filled"] / np.where(some, sums["demand"], 1.0), 1.0),
            "service_level": 1.0 - sums["short"] / periods,
            "stockouts": sums["short"],
            "turnover": sums["sold"] / periods / np.maximum(stock, 1e-9),
            "stock": stock,
            "spoiled": sums["spoiled"] / periods,
            "bullwhip": self._bullwhip(periods),
        }

    def _bullwhip(self, periods: int) -> Array:
        if self._orders is None or self._orders_squared is None:
            return np.ones(self._copies)
        first = self._orders[:, -1] / periods
        orders = np.maximum(self._orders_squared[:, -1] / periods - first**2, 0.0)
        mean = self._sums["demand"] / periods
        demand = np.maximum(self._sums["demand_squared"] / periods - mean**2, 0.0)
        ratio: Array = np.where((orders < 1e-9) & (demand < 1e-9), 1.0, orders / np.maximum(demand, 1e-9))
        return ratio

    def get_state(self) -> dict[str, Any]:
        """As nested dicts of arrays."""
        state: dict[str, Any] = {
            "periods": self._periods,
            "sums": {name: values.copy() for name, values in self._sums.items()},
            "terms": {name: values.copy() for name, values in self._terms.items()},
        }
        if self._orders is not None and self._orders_squared is not None:
            state |= {"orders": self._orders.copy(), "orders_squared": self._orders_squared.copy()}
        return state

    def set_state(self, saved: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._periods = int(saved["periods"])
        self._sums = {name: np.array(values) for name, values in saved["sums"].items()}
        self._terms = {name: np.array(values) for name, values in saved["terms"].items()}
        self._orders = np.array(saved["orders"]) if "orders" in saved else None
        self._orders_squared = np.array(saved["orders_squared"]) if "orders_squared" in saved else None

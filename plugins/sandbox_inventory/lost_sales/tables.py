"""Tables over the states of the lost-sales system, and the expectation over one period's demand on them.

A table has the axes (x, q₁, …, q_{L-1}): stock on hand after receipt, then the pipeline. Demand acts on x
only, so the expectation is one matrix product with P(z | x), z = (x - d)⁺, for each q₁, and no transition is
ever listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import convolved
from sandbox_inventory.core.model import State
from sandbox_inventory.core.orders import LOTS
from sandbox_inventory.lost_sales.config import LostSalesConfig

MAX_PAIRS = 150_000_000
"""Most state-action pairs of a table."""


@dataclass(frozen=True)
class Costs:
    """Cost rates with the reward's weights applied; see `LostSalesConfig` for units."""

    holding: float
    shortage: float
    purchase: float
    fixed: float
    revenue: float

    @classmethod
    def weighted(cls, config: LostSalesConfig, weights: Mapping[str, float]) -> Costs:
        """The configuration's rates times minus the reward's weights.

        Raises:
            InvalidValueError: If a cost would be rewarded; the bounds of the table then do not hold.
        """
        costs = cls(
            -weights["holding"] * config.holding,
            -weights["shortage"] * config.penalty,
            -weights["purchase"] * config.purchase,
            -weights["fixed"] * config.fixed_cost,
            weights["revenue"] * config.price,
        )
        if min(costs.holding, costs.shortage, costs.purchase, costs.fixed, costs.revenue) < 0:
            raise InvalidValueError("The optimum is computed for costs that are not rewarded.")
        if costs.holding == 0:
            raise InvalidValueError("Without a holding cost there is no largest stock, and no optimum.")
        return costs


@dataclass(frozen=True)
class OrderTable:
    """An order quantity for every state.

    Attributes:
        cost: Average cost a period (minus reward) of the optimum; NaN for a rule's table.
        order: Quantity, axes (x, q₁, …, q_{L-1}).
    """

    cost: float
    order: Array

    def __call__(self, state: State) -> Array:
        """Quantities for a batch of states; outside the table those of the nearest entry."""
        columns = [state["stock"], *state["pipeline"].T]
        index = tuple(
            np.clip(np.rint(column).astype(np.int64), 0, size - 1)
            for column, size in zip(columns, self.order.shape, strict=True)
        )
        quantity: Array = self.order[index].astype(np.float64)
        return quantity


def table_bounds(config: LostSalesConfig, costs: Costs, mass: Array, limit: float) -> tuple[int, int]:
    """Largest order and largest stock of the table to begin with.

    With K = 0 an optimal order never exceeds the newsvendor quantity of one period, nor the position that of
    L + 1 periods (Zipkin 2008, Operations Research 56(4), 937-944).

    Args:
        config: The system.
        costs: Its weighted costs.
        mass: P(d = 0), P(d = 1), … of one period.
        limit: Largest order that can be placed, units.
    """
    lost = costs.shortage + costs.revenue
    ratio = lost / (lost + costs.holding)
    if costs.fixed == 0:
        max_order = max(_quantile(mass, ratio), 1)
    else:
        mean = float(mass @ np.arange(len(mass)))
        lot = np.sqrt(2 * costs.fixed * mean / costs.holding)
        max_order = int(np.ceil(_quantile(mass, 1 - 1e-6) + LOTS * lot)) + 1
    position = _quantile(convolved(mass, config.lead_time + 1), ratio)
    return min(max_order, int(limit)), position + (max_order if costs.fixed else 1)


def _quantile(mass: Array, ratio: float) -> int:
    return min(int(np.searchsorted(np.cumsum(mass), ratio)), len(mass) - 1)


class StateActionTable:
    """Expected costs on a table of given bounds.

    Args:
        config: The system.
        costs: Its weighted costs.
        mass: P(d = 0), P(d = 1), … of one period.
        max_order: Largest order.
        max_stock: Largest stock; more is held at it.

    Attributes:
        period: Expected cost of a period for each x, shape ``(max_stock + 1,)``.
        placing: Cost of ordering each quantity, shape ``(max_order + 1,)``.

    Raises:
        InvalidValueError: If the table would have more than `MAX_PAIRS` state-action pairs.
    """

    def __init__(
        self, config: LostSalesConfig, costs: Costs, mass: Array, max_order: int, max_stock: int
    ) -> None:
        self.max_order, self.max_stock = max_order, max_stock
        pairs = float(max_stock + 1) * float(max_order + 1) ** max(config.lead_time, 1)
        if pairs > MAX_PAIRS:
            raise InvalidValueError(
                f"The exact optimum for lead time {config.lead_time} needs {pairs:.2g} state-action pairs; "
                f"at most {MAX_PAIRS:,} are solved.",
                "Shorten lead_time or lower demand, or leave the baseline 'optimal' out.",
            )
        self.left, self.period = period_costs(costs, mass, max_stock)
        quantity = np.arange(max_order + 1)
        self.placing = costs.purchase * quantity + costs.fixed * (quantity > 0)

    def expected(self, values: Array) -> Array:
        """E values(x', q₂, …, q) with axes (x, q₁, …, q_{L-1}, q), from values with axes (x, q₁, …)."""
        rest = values.shape[1:]
        result = np.empty((self.max_stock + 1, self.max_order + 1, *rest))
        flat = values.reshape(self.max_stock + 1, -1)
        stock = np.arange(self.max_stock + 1)
        for arriving in range(self.max_order + 1):
            shifted = flat[np.minimum(stock + arriving, self.max_stock)]
            result[:, arriving] = (self.left @ shifted).reshape(self.max_stock + 1, *rest)
        return result


def period_costs(costs: Costs, mass: Array, max_stock: int) -> tuple[Array, Array]:
    """P(z | x), and the expected holding and shortage cost less revenue of a period, for each x."""
    left, lost, sold = after_demand(mass, max_stock)
    holding = costs.holding * (left @ np.arange(max_stock + 1))
    return left, holding + costs.shortage * lost - costs.revenue * sold


def after_demand(mass: Array, max_stock: int) -> tuple[Array, Array, Array]:
    """One period's demand from x on hand, x = 0 … max_stock.

    Args:
        mass: P(d = 0), P(d = 1), …
        max_stock: Largest x.

    Returns:
        P(z | x) with z = (x - d)⁺, shape ``(max_stock + 1, max_stock + 1)``; expected units lost and
        expected units sold for each x.
    """
    left = np.zeros((max_stock + 1, max_stock + 1))
    padded = np.zeros(max_stock + 1)
    padded[: min(len(mass), max_stock + 1)] = mass[: max_stock + 1]
    for stock in range(max_stock + 1):
        left[stock, 1 : stock + 1] = padded[:stock][::-1]
        left[stock, 0] = 1.0 - left[stock, 1 : stock + 1].sum()
    sold = np.arange(max_stock + 1) - left @ np.arange(max_stock + 1)
    return left, mass @ np.arange(len(mass)) - sold, sold

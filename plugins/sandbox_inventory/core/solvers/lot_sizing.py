"""The optimal policy of items with set-up costs, backorders and costs that depend on positions alone.

With x the inventory positions of n items before ordering and y those after, a period's optimality equation is

    V(x) + g = min { W(x), K + min_{y ≥ x} Σ k_i·[y_i > x_i] + W(y) },   W(y) = Σ G_i(y_i) + E V(y - d).

Both operations on a table of positions are done item by item: the expectation because demands are
independent, the minimum because set-up costs add up. No transition is ever listed, so three items are solved
in seconds. Source of the equation: Zheng & Federgruen 1991 for one item; Ignall 1969, Management Science
15(6), for several.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.solvers.progress import ProgressLine

MAX_CELLS = 3_000_000
"""Most positions of a table."""

MAX_SWEEPS = 20_000

GROWTHS = 12
"""Times that the table may grow before an instance is refused."""

TOLERANCE = 1e-8
"""Relative error of the cost at which iteration ends."""

SETTLED = 1e-6
"""Relative change of the cost at which the growth of the table ends."""


@dataclass(frozen=True)
class LotSizing:
    """Items that share the cost of an order.

    Attributes:
        masses: P(d_i = 0), P(d_i = 1), … of each item's demand in a period.
        position_costs: G_i, the expected cost of a period for an array of positions after ordering.
        item_costs: k_i of each item.
        fixed_cost: K of any order.
        limits: Largest order of each item, whole units.
    """

    masses: tuple[Array, ...]
    position_costs: tuple[Callable[[Array], Array], ...]
    item_costs: tuple[float, ...]
    fixed_cost: float
    limits: tuple[int, ...]


@dataclass(frozen=True)
class LotSizes:
    """A solved table.

    Attributes:
        cost: Average cost a period.
        orders: Optimal order of each item, shape ``(items, *sizes)``.
        low: Smallest position of each item.
    """

    cost: float
    orders: Array
    low: Array

    def __call__(self, positions: Array) -> Array:
        """Orders for positions of shape ``(num_envs, items)``, same shape.

        Below the table, an item that is ordered at its edge is raised by what is missing to the edge as
        well.
        """
        sizes = np.asarray(self.orders.shape[1:])
        whole = np.rint(positions).astype(np.int64)
        inside = np.clip(whole - self.low, 0, sizes - 1)
        orders = self.orders[(slice(None), *inside.T)].T.astype(np.float64)
        result: Array = orders + np.where(orders > 0, np.maximum(self.low - whole, 0), 0)
        return result


def solve_lot_sizing(
    problem: LotSizing, low: Array, high: Array, *, label: str = "optimal policy"
) -> LotSizes:
    """The optimal orders for the average cost.

    The table begins with the positions ``low`` … ``high`` and grows at both ends until its cost no longer
    changes: what falls below the lowest position is held there, which would forgive backlog if it mattered.

    Args:
        problem: The items.
        low: Smallest position of each item to begin with.
        high: Largest position of each item to begin with.
        label: Name in the progress line.

    Raises:
        InvalidValueError: If the table would have more than `MAX_CELLS` positions, or its cost does not
            settle.
    """
    low, high = np.asarray(low, np.int64), np.asarray(high, np.int64)
    cost, values, previous = np.nan, np.zeros(high - low + 1), low
    for _ in range(GROWTHS):
        before = cost
        table = _Table(problem, low, high)
        cost, values = table.iterate(table.widened(values, previous), label)
        if abs(cost - before) <= SETTLED * max(abs(cost), 1e-3):
            return LotSizes(cost, table.orders(values), low)
        previous, reach = low, (high - low) // 2 + 1
        low, high = low - reach, high + reach
    raise InvalidValueError(
        "The cost of the optimum keeps changing with the largest backlog and stock that are considered.",
        "An order limit below the mean demand, or a penalty near 0, lets backlog grow without end.",
    )


class _Table:
    """The optimality equation on positions ``low`` … ``high``."""

    def __init__(self, problem: LotSizing, low: Array, high: Array) -> None:
        self._problem, self.low = problem, low
        self.sizes = tuple(int(size) for size in high - low + 1)
        cells = float(np.prod([float(size) for size in self.sizes]))
        if cells > MAX_CELLS:
            raise InvalidValueError(
                f"The exact optimum needs a table of {cells:,.0f} positions; at most {MAX_CELLS:,} are "
                "solved.",
                "Take fewer items or lower demand, raise penalty, or leave the baseline 'optimal' out.",
            )
        self._first = tuple(np.clip(-low, 0, np.asarray(self.sizes) - 1))
        self._period = np.zeros(self.sizes)
        for item, cost in enumerate(problem.position_costs):
            column = cost(low[item] + np.arange(self.sizes[item]))
            self._period += column.reshape([-1 if axis == item else 1 for axis in range(len(self.sizes))])
        self._after_demand = [
            _after_demand(mass, size) for mass, size in zip(problem.masses, self.sizes, strict=True)
        ]

    def widened(self, values: Array, low: Array) -> Array:
        """Values of a smaller table that begins at ``low``, continued constantly to this one."""
        for axis, (size, smaller) in enumerate(zip(self.sizes, values.shape, strict=True)):
            index = np.clip(np.arange(size) + self.low[axis] - low[axis], 0, smaller - 1)
            values = np.take(values, index, axis)
        return values

    def expected(self, values: Array) -> Array:
        """W: the cost of a period and the value after it, for positions after ordering."""
        for axis, matrix in enumerate(self._after_demand):
            values = np.moveaxis(np.tensordot(matrix, values, (1, axis)), 0, axis)
        result: Array = self._period + values
        return result

    def iterate(self, values: Array, label: str) -> tuple[float, Array]:
        """Average cost and relative values, by value iteration with half steps."""
        problem, cost = self._problem, np.nan
        progress = ProgressLine(f"{label}, {values.size:,} positions")
        for sweep in range(MAX_SWEEPS):
            after = self.expected(values)
            raised = after
            for axis, (setup, limit) in enumerate(zip(problem.item_costs, problem.limits, strict=True)):
                raised = np.minimum(raised, setup + _best_above(raised, axis, limit))
            new = np.minimum(after, problem.fixed_cost + raised)
            change = new - values
            span, cost = float(change.max() - change.min()), float(change.max() + change.min()) / 2
            values = 0.5 * (new + values)
            values = values - values[self._first]
            progress(f"sweep {sweep + 1}, error {span:.1e}")
            if span < TOLERANCE * max(abs(cost), 1e-3):
                break
        progress.done()
        return cost, values

    def orders(self, values: Array) -> Array:
        """The smallest optimal orders, shape ``(items, *sizes)``."""
        problem = self._problem
        after = self.expected(values)
        raised, chosen = after, []
        for axis, (setup, limit) in enumerate(zip(problem.item_costs, problem.limits, strict=True)):
            raised, quantity = _cheapest_rise(raised, axis, setup, limit)
            chosen.append(quantity)
        placed = problem.fixed_cost + raised < after - 1e-9
        orders = np.zeros((len(chosen), *self.sizes), np.int32)
        position = list(np.indices(self.sizes))
        # The last item's rise was found last: it is looked up first, then the others from where it leads.
        for axis in reversed(range(len(chosen))):
            orders[axis] = np.where(placed, chosen[axis][tuple(position)], 0)
            position[axis] = position[axis] + orders[axis]
        return orders


def _after_demand(mass: Array, size: int) -> Array:
    """P(position after demand | position), shape ``(size, size)``; what falls below is held at the edge."""
    matrix = np.zeros((size, size))
    padded = np.zeros(size)
    padded[: min(len(mass), size)] = mass[:size]
    for position in range(size):
        matrix[position, 1 : position + 1] = padded[:position][::-1]
        matrix[position, 0] = 1.0 - matrix[position, 1 : position + 1].sum()
    return matrix


def _shifted(values: Array, axis: int, by: int) -> Array:
    """Values at the positions ``by`` units above; infinite beyond the table."""
    result = np.full_like(values, np.inf)
    if by < values.shape[axis]:
        there = [slice(None)] * values.ndim
        here = [slice(None)] * values.ndim
        there[axis], here[axis] = slice(by, None), slice(None, values.shape[axis] - by)
        result[tuple(here)] = values[tuple(there)]
    return result


def _best_above(values: Array, axis: int, limit: int) -> Array:
    """Least value at 1 … ``limit`` units above each position."""
    best, covered = _shifted(values, axis, 1), 1
    limit = min(limit, values.shape[axis])
    while covered < limit:  # windows of 1, 2, 4, … units; the last two overlap
        step = min(covered, limit - covered)
        best = np.minimum(best, _shifted(best, axis, step))
        covered += step
    return best


def _cheapest_rise(values: Array, axis: int, setup: float, limit: int) -> tuple[Array, Array]:
    """Least of the value and set-up cost plus a value above, and the smallest rise that attains it."""
    best, rise = values, np.zeros(values.shape, np.int32)
    for quantity in range(1, min(limit, values.shape[axis]) + 1):
        candidate = setup + _shifted(values, axis, quantity)
        better = candidate < best - 1e-9
        best, rise = np.where(better, candidate, best), np.where(better, quantity, rise)
    return best, rise

"""The optimal stationary policy of a small model, by value iteration on a grid of states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Model
from sandbox_inventory.core.solvers.progress import ProgressLine
from sandbox_inventory.core.solvers.transitions import outcomes, pack, transitions

MAX_TRANSITIONS = 40_000_000
"""Most transitions (states × actions × demand outcomes) that are held in memory."""

MAX_SWEEPS = 20_000

NOT_CONVERGED = f"Value iteration has not converged after {MAX_SWEEPS:,} sweeps."

GROWTHS = 12
"""Times that a grid may grow before an instance is refused."""

SETTLED = 1e-5
"""Relative change of the cost below which a grid is wide enough."""


@dataclass(frozen=True)
class Solution:
    """A solved grid.

    Attributes:
        cost: Average cost a period, or the discounted cost from the first state.
        best: Index of the best action in every state of the grid, C order.
        values: Relative (or discounted) cost-to-go of every state.
        low: Smallest value of each state column.
        sizes: Number of values of each column.
    """

    cost: float
    best: Array
    values: Array
    low: Array
    sizes: tuple[int, ...]

    def values_at(self, rows: Array) -> Array:
        """Values of rows; outside the grid those of the nearest state."""
        values: Array = self.values[_grid_index(rows, self.low, self.sizes)]
        return values

    def action(self, rows: Array, actions: Array) -> Array:
        """The best of ``actions`` in each row; outside the grid that of the nearest state."""
        return actions[self.best[_grid_index(rows, self.low, self.sizes)]]

    def to_arrays(self) -> dict[str, Array | float]:
        """The form in which the cache keeps it."""
        return {
            "cost": self.cost,
            "best": self.best.astype(np.int32),
            "values": self.values,
            "low": self.low,
            "sizes": np.asarray(self.sizes),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Solution:
        """The inverse of `to_arrays`."""
        sizes = tuple(int(size) for size in arrays["sizes"])
        return cls(float(arrays["cost"]), arrays["best"], arrays["values"], arrays["low"], sizes)


@dataclass(frozen=True)
class _Grid:
    """Expected costs, shape ``(actions, states)``, and next states, ``(actions, states, outcomes)``."""

    cost: Array
    target: Array
    probabilities: Array
    first: int
    """Index of the state in which an episode begins."""


def solve(
    model: Model,
    low: Sequence[int],
    high: Sequence[int],
    actions: Array,
    reward: RewardSpec,
    *,
    discount: float = 1.0,
    tolerance: float = 1e-6,
    tail: float = 1e-9,
    label: str = "optimal policy",
    begin: Solution | None = None,
) -> Solution:
    """The best stationary policy on a grid of states.

    Args:
        model: The dynamics.
        low: Smallest value of each state column; states beyond the grid are moved to its edge.
        high: Largest value of each column.
        actions: Candidates, shape ``(actions, …)``, as the model takes them.
        reward: Minus the cost of a period.
        discount: 1 for the average cost, else the discount factor.
        tolerance: Of the cost a period.
        tail: Demand outcomes less likely than this are left out.
        label: Name in the progress line.
        begin: A solution on another grid whose values iteration begins with.

    Raises:
        InvalidValueError: If more than `MAX_TRANSITIONS` transitions are needed.
    """
    sizes = tuple(int(largest - smallest + 1) for smallest, largest in zip(low, high, strict=True))
    corner = np.asarray(low)
    grid = _grid(model, corner, sizes, actions, reward, tail)
    progress = ProgressLine(f"{label}, {grid.cost.shape[1]:,} states")
    values = np.zeros(grid.cost.shape[1])
    if begin is not None:
        values = begin.values_at(np.stack(np.unravel_index(np.arange(len(values)), sizes), 1) + corner)
    if discount == 1:
        cost, values, quality = _average(grid, values, tolerance, progress)
    else:
        cost, values, quality = _discounted(grid, values, discount, tolerance, progress)
    progress.done()
    return Solution(cost, quality.argmin(0), values, corner, sizes)


def solve_growing(
    model: Model,
    low: Sequence[int],
    high: Sequence[int],
    grows: Sequence[bool],
    actions: Array,
    reward: RewardSpec,
    *,
    discount: float = 1.0,
    tolerance: float = 1e-6,
    tail: float = 1e-9,
    label: str = "optimal policy",
) -> Solution:
    """`solve` on grids that grow at both ends until the cost no longer changes.

    Backlog and stock have no bounds of their own, and what a grid holds at its edge is forgiven for free.

    Args:
        model, actions, reward, discount, tolerance, tail, label: As for `solve`.
        low: Smallest value of each state column to begin with.
        high: Largest value of each column to begin with.
        grows: Columns that have no bounds of their own.

    Raises:
        InvalidValueError: As `solve`, or if the cost does not settle.
    """
    lower, upper = np.asarray(low, np.int64), np.asarray(high, np.int64)
    before: Solution | None = None
    for _ in range(GROWTHS):
        solution = solve(
            model,
            lower.tolist(),
            upper.tolist(),
            actions,
            reward,
            discount=discount,
            tolerance=tolerance,
            tail=tail,
            label=label,
            begin=before,
        )
        if before is not None and abs(solution.cost - before.cost) <= SETTLED * max(abs(solution.cost), 1e-2):
            return solution
        if not any(grows):
            return solution
        before, reach = solution, np.where(grows, (upper - lower) // 2 + 1, 0)
        lower, upper = lower - reach, upper + reach
    raise InvalidValueError(
        "The cost of the optimum keeps changing with the largest backlog and stock that are considered.",
        "An order limit below the mean demand, or a penalty near 0, lets backlog grow without end.",
    )


def _grid(
    model: Model, corner: Array, sizes: tuple[int, ...], actions: Array, reward: RewardSpec, tail: float
) -> _Grid:
    cases = outcomes(model.demands, tail)
    states, num_outcomes = int(np.prod(sizes, dtype=np.float64)), len(cases.probabilities)
    if np.prod([float(states), float(len(actions)), float(num_outcomes)]) > MAX_TRANSITIONS:
        raise InvalidValueError(
            f"The exact optimum needs {states:,} states × {len(actions):,} actions × {num_outcomes} demand "
            f"outcomes; at most {MAX_TRANSITIONS:,} transitions are solved.",
            "Shorten lead times, lower demand or max_order, or leave the baseline 'optimal' out.",
        )
    rows = np.stack(np.unravel_index(np.arange(states), sizes), 1) + corner
    target = np.empty((len(actions), states, num_outcomes), np.int32)
    cost = np.empty((len(actions), states))
    for number, action in enumerate(actions):
        next_rows, cost[number] = transitions(model, rows, np.repeat(action[None], states, 0), cases, reward)
        flat = next_rows.reshape(-1, next_rows.shape[-1])
        target[number] = _grid_index(flat, corner, sizes).reshape(states, num_outcomes)
    first = int(_grid_index(pack(model.initial_state(1)), corner, sizes)[0])
    return _Grid(cost, target, cases.probabilities, first)


def _average(
    grid: _Grid, values: Array, tolerance: float, progress: ProgressLine
) -> tuple[float, Array, Array]:
    """Average cost, relative values, and the cost of every action in every state."""
    quality = np.empty(grid.cost.shape)
    for sweep in range(MAX_SWEEPS):
        _look_ahead(grid, values, 1.0, quality)
        new = quality.min(0)
        change = new - values
        span = float(change.max() - change.min())
        cost = float(change.max() + change.min()) / 2
        # Half a step a sweep: converges also for chains that are periodic under some policy.
        new = 0.5 * new + 0.5 * values
        values = new - new[grid.first]
        progress(f"sweep {sweep + 1}, error {span:.1e}")
        if span < tolerance * max(1.0, abs(cost)):
            return cost, values, quality
    raise InvalidValueError(NOT_CONVERGED)


def _discounted(
    grid: _Grid, values: Array, discount: float, tolerance: float, progress: ProgressLine
) -> tuple[float, Array, Array]:
    """Discounted cost from the first state, values, and the cost of every action in every state."""
    quality = np.empty(grid.cost.shape)
    for sweep in range(MAX_SWEEPS):
        _look_ahead(grid, values, discount, quality)
        new = quality.min(0)
        error = float(np.abs(new - values).max())
        values = new
        progress(f"sweep {sweep + 1}, error {error:.1e}")
        if error < tolerance * max(1.0, float(np.abs(values).max())):
            return float(values[grid.first]), values, quality
    raise InvalidValueError(NOT_CONVERGED)


def _look_ahead(grid: _Grid, values: Array, discount: float, quality: Array) -> None:
    """Write cost + discount · E[values of the next state] into ``quality``, action by action."""
    for action in range(len(quality)):
        quality[action] = grid.cost[action] + discount * (values[grid.target[action]] @ grid.probabilities)


def _grid_index(rows: Array, low: Array, sizes: tuple[int, ...]) -> Array:
    """Index of the grid's state nearest to each row."""
    inside = np.clip(np.rint(rows).astype(np.int64) - low, 0, np.asarray(sizes) - 1)
    index: Array = np.ravel_multi_index(tuple(inside.T), sizes)
    return index

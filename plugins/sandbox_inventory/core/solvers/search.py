"""Searches for the parameters of a rule: pattern search on simulated or exact cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sandbox.api import RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.sampling import draw
from sandbox_inventory.core.model import Model, State
from sandbox_inventory.core.reward import reward_of
from sandbox_inventory.core.solvers.progress import ProgressLine

ParametricRule = Callable[[Array, State], Array]
"""Order quantities from parameters, shape ``(num_envs, parameters)``, and a batch of states."""

Cost = Callable[[Array], Array]
"""Cost a period of each candidate; candidates have shape ``(candidates, parameters)``."""

Record = Callable[[State, Array, Array], None]
"""Called with the state, the demand and the action of a period."""

SEED = 2_718_281_828
"""Seed of the demand that rules are tuned on; above every scenario seed, so disjoint from test episodes."""

WIDE_REACH = 3
"""Distance around the result within which all whole values of one or two parameters are tried, units."""


class SimulatedCost:
    """Mean cost a period (minus reward) of many candidates on the same demand.

    Args:
        model: The dynamics.
        rule: The rule to tune.
        reward: Minus the cost of a period.
        num_paths: Demand paths; more if the episodes are too short to hold ``periods`` in total.
        periods: Least number of periods counted for each candidate over all paths, without warm-up.
    """

    def __init__(
        self,
        model: Model,
        rule: ParametricRule,
        reward: RewardSpec,
        *,
        num_paths: int = 64,
        periods: int = 100_000,
    ) -> None:
        self._model, self._rule, self._reward = model, rule, reward
        self._warmup = model.config.warmup if model.finite else min(200, max(model.config.horizon // 4, 50))
        if model.finite:
            self._horizon = model.config.horizon
            num_paths = max(num_paths, -(-periods // max(self._horizon - self._warmup, 1)))
        else:
            self._horizon = self._warmup + -(-periods // num_paths)
        traces = getattr(model, "traces", None)
        if traces is not None:
            self._warmup, self._horizon = 0, min(model.config.horizon, len(traces))
        self._num_paths = num_paths
        self._demand = _demand_paths(model, num_paths, self._horizon)

    def __call__(self, candidates: Array) -> Array:
        """Costs, shape ``(candidates,)``."""
        return self.play(candidates, None)

    def play(self, candidates: Array, record: Record | None) -> Array:
        """The same; ``record`` is called in every counted period, rows ordered by candidate."""
        count = len(candidates)
        parameters = np.repeat(candidates, self._num_paths, 0)
        state = self._model.initial_state(len(parameters))
        total = np.zeros(len(parameters))
        for period in range(self._horizon):
            action = self._model.orders.actions(self._rule(parameters, state))
            demand = np.tile(self._demand[period], (count, 1))
            if record is not None and period >= self._warmup:
                record(state, demand, action)
            state, flow = self._model.step(state, action, demand)
            if period >= self._warmup:
                total -= reward_of(self._reward, flow)
        periods = self._horizon - self._warmup
        cost: Array = total.reshape(count, self._num_paths).mean(1) / periods
        return cost


def _demand_paths(model: Model, num_paths: int, horizon: int) -> Array:
    """Demand of shape ``(horizon, num_paths, items)``, the same in every call."""
    demand = np.empty((horizon, num_paths, len(model.demands)))
    traces = getattr(model, "traces", None)
    for path in range(num_paths):
        rng = np.random.default_rng([SEED, path])
        if traces is not None:
            begin = int(rng.integers(max(len(traces) - horizon, 0) + 1))
            demand[:, path] = traces[begin : begin + horizon]
            continue
        for item, family in enumerate(model.demands):
            demand[:, path, item] = draw(family, rng, horizon, 1, None)[0][:, 0]
    return demand


def minimise(
    cost: Cost,
    start: Sequence[float],
    steps: Sequence[float],
    *,
    low: Sequence[float] | None = None,
    min_step: float = 1.0,
    label: str = "parameters",
) -> tuple[Array, float]:
    """Pattern search: take the best of all moves by one step in one coordinate or in two; halve the steps.

    For one or two whole parameters, all values within `WIDE_REACH` of the result are tried as well: the cost
    of index rules has several valleys (single index, dual sourcing with L = 3: 2.4 % above the best).

    Args:
        cost: Cost of candidates.
        start: First guess.
        steps: First step of each coordinate.
        low: Smallest value of each coordinate.
        min_step: Step at which the search ends; 1 keeps whole parameters whole.
        label: Name in the progress line.

    Returns:
        The best parameters and their cost.
    """
    best, step = np.asarray(start, float), np.asarray(steps, float)
    whole = min_step == 1.0
    if whole:
        best = np.rint(best)
    lower = np.full(len(best), -np.inf) if low is None else np.asarray(low, float)
    best = np.maximum(best, lower)
    progress, costs = ProgressLine(f"optimising {label}"), _RememberedCost(cost)
    best_cost = float(costs(best[None])[0])
    near, moves = _near_moves(len(best)), _near_moves(len(best))
    wide = _wide_moves(len(best)) if whole and len(best) <= 2 else near
    while True:
        candidates = np.maximum(best + moves * step, lower)
        values = costs(candidates)
        winner = int(np.argmin(values))
        progress(f"{best_cost:.5g}")
        if values[winner] < best_cost - 1e-12:
            best, best_cost, moves = candidates[winner], float(values[winner]), near
        elif (step > min_step).any():
            step = np.maximum(step / 2, min_step)
            step = np.ceil(step) if whole else step
        elif moves is not wide:
            moves = wide
        else:
            progress.done()
            return best, best_cost


class _RememberedCost:
    """A cost function that is called once for each candidate."""

    def __init__(self, cost: Cost) -> None:
        self._cost = cost
        self._known: dict[bytes, float] = {}

    def __call__(self, candidates: Array) -> Array:
        new = [c for c in np.unique(candidates, axis=0) if c.tobytes() not in self._known]
        if new:
            for candidate, value in zip(new, self._cost(np.stack(new)), strict=True):
                self._known[candidate.tobytes()] = float(value)
        return np.array([self._known[candidate.tobytes()] for candidate in candidates])


def scan(cost: Cost, start: Sequence[float], steps: Sequence[float], low: Sequence[float] | None) -> Array:
    """The best point of a coarse grid around ``start``: a first guess in the right valley.

    Up to three coordinates have five values each, up to five have three; beyond, all coordinates move
    together.
    """
    size = len(start)
    offsets = np.arange(-2, 3) if size <= 3 else np.arange(-1, 2)
    moves = _product(offsets, size) if size <= 5 else np.repeat(np.arange(-3, 4)[:, None], size, 1)
    points = np.asarray(start, float) + moves * np.asarray(steps, float)
    points = points if low is None else np.maximum(points, np.asarray(low, float))
    points = np.unique(points, axis=0)
    best: Array = points[int(np.argmin(cost(points)))]
    return best


def _wide_moves(size: int) -> Array:
    """All moves of up to `WIDE_REACH` units in each coordinate."""
    return _product(np.arange(-WIDE_REACH, WIDE_REACH + 1.0), size)


def _near_moves(size: int) -> Array:
    """±1 in each coordinate and in pairs of coordinates: all pairs of up to four, else neighbours."""
    moves = [*np.eye(size), *-np.eye(size)]
    for first in range(size):
        for second in range(first + 1, size if size <= 4 else min(first + 2, size)):
            for signs in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
                move = np.zeros(size)
                move[first], move[second] = signs
                moves.append(move)
    return np.stack(moves)


def _product(values: Array, size: int) -> Array:
    """All vectors of ``size`` coordinates with these values, shape ``(len(values)**size, size)``."""
    grid: Array = np.stack(np.meshgrid(*[values] * size, indexing="ij"), -1).reshape(-1, size)
    return grid

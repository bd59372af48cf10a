"""Exact answers for small models: dynamic programming and the evaluation of a rule, by the model's own step.

States are rows of whole numbers (the columns of all state arrays, one after the other). Transitions come
from stepping the model itself with every demand outcome, so what is solved is what is played.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.cache import Telling
from sandbox_inventory.core.demand import Demand, probabilities
from sandbox_inventory.core.model import Array, Model, State

LIMIT = 40_000_000
"""Most transitions (states × actions × demand outcomes) that are held in memory."""


@dataclass(frozen=True)
class Outcomes:
    """Everything that can be asked for in one period.

    Attributes:
        values: Shape ``(outcomes, items)``, units.
        chances: Shape ``(outcomes,)``, summing to one.
    """

    values: Array
    chances: Array


def outcomes(demands: Sequence[Demand], tail: float = 1e-12) -> Outcomes:
    """The product of the items' distributions, rescaled without outcomes rarer than ``tail``."""
    values, chances = np.zeros((1, 0)), np.ones(1)
    for family in demands:
        mass = probabilities(family)
        own = np.flatnonzero(mass > tail)
        values = np.concatenate(
            [np.repeat(values, len(own), 0), np.tile(own[:, None].astype(float), (len(values), 1))], 1
        )
        chances = np.outer(chances, mass[own]).ravel()
    return Outcomes(values, chances / chances.sum())


def pack(state: State) -> Array:
    """A batch of states as rows, shape ``(copies, columns)``."""
    return np.concatenate([values.reshape(len(values), -1) for values in state.values()], 1)


def unpack(model: Model, rows: Array) -> State:
    """The states that `pack` made rows of."""
    state, at = {}, 0
    for name, values in model.start(1).items():
        size = values[0].size
        state[name] = rows[:, at : at + size].reshape(len(rows), *values.shape[1:]).astype(values.dtype)
        at += size
    return state


def transitions(
    model: Model, rows: Array, actions: Array, cases: Outcomes, reward: RewardSpec
) -> tuple[Array, Array]:
    """Next rows, shape ``(rows, outcomes, columns)``, and the expected cost (minus reward) of each row."""
    count, many = len(rows), len(cases.chances)
    state = unpack(model, np.repeat(rows, many, 0))
    following, flow = model.step(state, np.repeat(actions, many, 0), np.tile(cases.values, (count, 1)))
    cost = -np.asarray(reward.total(flow.terms), np.float64).reshape(count, many) @ cases.chances
    return pack(following).reshape(count, many, -1), cost


def average_cost(
    model: Model,
    choose: Callable[[State], Array],
    reward: RewardSpec,
    *,
    tail: float = 1e-10,
    tolerance: float = 1e-8,
    most: int = 400_000,
    highest: float | None = None,
) -> float:
    """Long-run cost a period (minus reward) of a stationary rule, over the states it can reach.

    Args:
        model: With demand on the integers and whole states.
        choose: Actions (not quantities) for a batch of states.
        reward: What a period costs.
        tail: Demand outcomes rarer than this are left out.
        tolerance: Of the cost.
        most: Most states that may be reachable.
        highest: State columns are held at this value, for rules that could pile up stock for ever.

    Raises:
        InvalidValueError: If more states than ``most`` can be reached.
    """
    from scipy import sparse

    cases = outcomes(model.demands, tail)
    codes, rows_of = _Codes(), []
    frontier = codes.new(pack(model.start(1)))
    costs, targets = [], []
    while len(frontier):
        rows_of.append(frontier)
        following, cost = transitions(model, frontier, choose(unpack(model, frontier)), cases, reward)
        if highest is not None:
            following = np.minimum(following, highest)
        costs.append(cost)
        shape = following.shape
        flat = following.reshape(-1, shape[-1])
        frontier = codes.new(flat)
        targets.append(codes.index(flat).reshape(shape[0], shape[1]))
        if codes.count > most:
            raise InvalidValueError(
                f"The rule can reach more than {most:,} states: its cost cannot be computed exactly."
            )
    cost, target = np.concatenate(costs), np.concatenate(targets)
    size, many = target.shape
    chain = sparse.csr_matrix(
        (np.tile(cases.chances, size), target.ravel(), np.arange(size + 1) * many), (size, size)
    )
    # Relative values: every step adds one more period; the growth tends to the average cost everywhere
    # that is visited again and again. Damping makes it converge for periodic chains as well.
    share = np.zeros(size)
    share[0] = 1.0
    transposed = chain.T.tocsr()
    last, total, window = np.inf, 0.0, 32
    for sweep in range(1, 100_001):
        share = 0.1 * share + 0.9 * (transposed @ share)
        total += float(share @ cost)
        if sweep % window == 0:
            mean = total / window
            if abs(mean - last) < tolerance and abs(float(share @ cost) - mean) < tolerance:
                break
            last, total = mean, 0.0
    return float(share @ cost)


class _Codes:
    """Numbers rows of whole numbers in the order in which they are first seen."""

    def __init__(self) -> None:
        self.count = 0
        self._keys: Array = np.zeros(0, "S1")
        self._numbers: Array = np.zeros(0, np.int64)

    def new(self, rows: Array) -> Array:
        """The distinct rows that were not known, which now are."""
        keys = _keys(rows)
        unique, first = np.unique(keys, return_index=True)
        if len(self._keys):
            at = np.minimum(np.searchsorted(self._keys, unique), len(self._keys) - 1)
            fresh = self._keys[at] != unique
            unique, first = unique[fresh], first[fresh]
        else:
            self._keys = self._keys.astype(unique.dtype)
        merged = np.concatenate([self._keys, unique])
        numbers = np.concatenate([self._numbers, self.count + np.arange(len(unique))])
        order = np.argsort(merged, kind="stable")
        self._keys, self._numbers = merged[order], numbers[order]
        self.count += len(unique)
        return rows[first]

    def index(self, rows: Array) -> Array:
        """Number of each row; all must be known."""
        found: Array = self._numbers[np.searchsorted(self._keys, _keys(rows))]
        return found


def _keys(rows: Array) -> Array:
    """One sortable key a row: 64-bit where the columns fit, else raw bytes."""
    whole = np.ascontiguousarray(np.rint(rows).astype(np.int64)) + 32_768
    if whole.shape[1] <= 4:
        packed = np.zeros(len(whole), np.int64)
        for column in range(whole.shape[1]):
            packed = packed * 65_536 + whole[:, column] - (32_768 if column == 0 else 0)
        return packed
    small = whole.astype(">u2")
    keys: Array = np.ascontiguousarray(small).view(f"S{2 * small.shape[1]}")[:, 0]
    # Byte strings drop trailing zeros when compared; the offset keeps every byte pair non-zero.
    return keys


@dataclass(frozen=True)
class Solution:
    """What dynamic programming found.

    Attributes:
        cost: Average cost a period, or the discounted cost from the first state.
        best: Index into ``actions`` for every state of the grid, C order.
        values: Relative (or discounted) cost-to-go of every state.
        low: Smallest value of each state column.
        sizes: Number of values of each column.
    """

    cost: float
    best: Array
    values: Array
    low: Array
    sizes: tuple[int, ...]

    def action(self, rows: Array, actions: Array) -> Array:
        """The best action in each row; beyond the grid that of its nearest state."""
        return actions[self.best[_place(rows, self.low, self.sizes)]]


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
    what: str = "optimal policy",
) -> Solution:
    """Best stationary policy on a grid of states, by value iteration.

    Args:
        model: The dynamics.
        low: Smallest value of each state column; what would leave the grid is held at its edge.
        high: Largest value of each column.
        actions: Candidates, shape ``(actions, …)``, as the model takes them.
        reward: What a period costs.
        discount: 1 for the average cost, else the discount factor.
        tolerance: Of the cost a period.
        tail: Demand outcomes rarer than this are left out.
        what: For the line that tells of progress.

    Raises:
        InvalidValueError: Beyond `LIMIT` transitions.
    """
    cases = outcomes(model.demands, tail)
    sizes = tuple(int(h - lo + 1) for lo, h in zip(low, high, strict=True))
    states, many = int(np.prod(sizes, dtype=np.float64)), len(cases.chances)
    if np.prod([float(states), float(len(actions)), float(many)]) > LIMIT:
        raise InvalidValueError(
            f"The exact optimum needs {states:,} states × {len(actions):,} actions × {many} demand outcomes; "
            f"at most {LIMIT:,} transitions are solved.",
            "Shorten lead times, lower demand or max_order, or leave the baseline 'optimal' out.",
        )
    corner = np.asarray(low)
    rows = np.stack(np.unravel_index(np.arange(states), sizes), 1) + corner
    target = np.empty((len(actions), states, many), np.int32)
    cost = np.empty((len(actions), states))
    for number, action in enumerate(actions):
        chosen = np.repeat(action[None], states, 0)
        following, cost[number] = transitions(model, rows, chosen, cases, reward)
        flat = following.reshape(-1, following.shape[-1])
        target[number] = _place(flat, corner, sizes).reshape(states, many)
    values, tell = np.zeros(states), Telling(f"{what}, {states:,} states")
    first = int(_place(pack(model.start(1)), corner, sizes)[0])
    quality = np.empty((len(actions), states))
    # Half a step a sweep: converges for chains that are periodic under some policy as well.
    lazy = 0.5 if discount == 1 else 0.0
    for sweep in range(4_000):
        for number in range(len(actions)):
            quality[number] = cost[number] + discount * (values[target[number]] @ cases.chances)
        new = quality.min(0)
        change = new - values
        span = float(change.max() - change.min()) if discount == 1 else float(np.abs(change).max())
        if discount == 1:
            middle = float(change.max() + change.min()) / 2
            new = (1 - lazy) * new + lazy * values
            new = new - new[first]
        values = new
        tell(f"sweep {sweep + 1}, off by {span:.1e}")
        if span < tolerance:
            break
    tell.done()
    best = quality.argmin(0)
    return Solution(middle if discount == 1 else float(values[first]), best, values, corner, sizes)


def _place(rows: Array, low: Array, sizes: tuple[int, ...]) -> Array:
    """Index of the grid's nearest state."""
    inside = np.clip(np.rint(rows).astype(np.int64) - low, 0, np.asarray(sizes) - 1)
    place: Array = np.ravel_multi_index(tuple(inside.T), sizes)
    return place


def table(solution: Solution) -> dict[str, Any]:
    """As the cache keeps it."""
    return {
        "cost": solution.cost,
        "best": solution.best.astype(np.int32),
        "values": solution.values,
        "low": solution.low,
        "sizes": np.asarray(solution.sizes),
    }


def from_table(kept: dict[str, Array]) -> Solution:
    """What `table` made."""
    sizes = tuple(int(size) for size in kept["sizes"])
    return Solution(float(kept["cost"]), kept["best"], kept["values"], kept["low"], sizes)

"""The exact average cost of a stationary rule, over the states that it can reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Model, State
from sandbox_inventory.core.solvers.transitions import outcomes, pack, transitions, unpack

OFFSET = 32_768
"""Added to state values so that keys are sortable; values from -32,768 to 32,767 are distinguished."""

MAX_PERIODS = 1_500
"""Periods after which a chain that still reaches new states is refused: its stock or backlog has no bound."""

HELD = 1e-6
"""Largest share of the periods that begin where `max_value` or `min_value` holds a state: with more of them
the rule lets stock or backlog grow without end, and what is held back would vanish for free."""

WINDOW = 32
"""Sweeps over which the cost is averaged before it is compared."""


def average_cost(
    model: Model,
    choose: Callable[[State], Array],
    reward: RewardSpec,
    *,
    tail: float = 1e-10,
    tolerance: float = 1e-8,
    max_states: int = 400_000,
    max_value: float = np.inf,
    min_value: float = -np.inf,
) -> float:
    """Long-run cost a period (minus reward) of a stationary rule.

    Args:
        model: A model with demand on the integers and whole states.
        choose: Actions (not quantities) for a batch of states.
        reward: Minus the cost of a period.
        tail: Demand outcomes less likely than this are left out.
        tolerance: Of the cost.
        max_states: Most states that may be reachable.
        max_value: State columns are held at this value, for rules under which stock could grow without end,
            though hardly ever does.
        min_value: Likewise, for backlog that could grow without end.

    Raises:
        InvalidValueError: If more than ``max_states`` states can be reached, or if a column is held in more
            than a share `HELD` of the periods.
    """
    return long_run(
        model,
        choose,
        reward,
        tail=tail,
        tolerance=tolerance,
        max_states=max_states,
        max_value=max_value,
        min_value=min_value,
    ).average


@dataclass(frozen=True)
class LongRun:
    """A stationary rule in the long run.

    Attributes:
        rows: States that the rule reaches, shape ``(states, columns)``.
        share: Share of the periods that begin in each, shape ``(states,)``.
        costs: Expected cost of a period that begins in each (minus reward).
    """

    rows: Array
    share: Array
    costs: Array

    @property
    def average(self) -> float:
        """Cost a period."""
        return float(self.share @ self.costs)


def long_run(
    model: Model,
    choose: Callable[[State], Array],
    reward: RewardSpec,
    *,
    tail: float = 1e-10,
    tolerance: float = 1e-8,
    max_states: int = 400_000,
    max_value: float = np.inf,
    min_value: float = -np.inf,
) -> LongRun:
    """The states of a stationary rule and how often each is met; arguments as for `average_cost`.

    Raises:
        InvalidValueError: As `average_cost`.
    """
    rows, chain, cost = _reachable_chain(model, choose, reward, tail, max_states, (min_value, max_value))
    share = _stationary_shares(chain, cost, tolerance)
    held = share[((rows >= max_value) | (rows <= min_value)).any(1)].sum()
    if held > HELD:
        raise InvalidValueError(
            f"The rule lets stock or backlog grow without end: its cost cannot be computed exactly, since "
            f"{100 * held:.2g} % of the periods begin at {max_value:,.0f} or {min_value:,.0f}."
        )
    return LongRun(rows, share, cost)


def _reachable_chain(
    model: Model,
    choose: Callable[[State], Array],
    reward: RewardSpec,
    tail: float,
    max_states: int,
    held: tuple[float, float],
) -> tuple[Array, Any, Array]:
    """States reachable from the first, their transition matrix (SciPy CSR), and the cost of each."""
    from scipy import sparse

    cases, index = outcomes(model.demands, tail), _RowIndex()
    frontier = index.add(pack(model.initial_state(1)))
    rows, costs, targets, periods = [frontier], [], [], 0
    while len(frontier):
        next_rows, cost = transitions(model, frontier, choose(unpack(model, frontier)), cases, reward)
        next_rows = np.clip(next_rows, *held)
        costs.append(cost)
        count, num_outcomes, columns = next_rows.shape
        flat = next_rows.reshape(-1, columns)
        frontier = index.add(flat)
        rows.append(frontier)
        targets.append(index.numbers(flat).reshape(count, num_outcomes))
        periods += 1
        if index.count > max_states or periods > MAX_PERIODS:
            raise InvalidValueError(
                f"The rule can reach more than {max_states:,} states: its cost cannot be computed exactly."
            )
    target = np.concatenate(targets)
    size, num_outcomes = target.shape
    probabilities = np.tile(cases.probabilities, size)
    row_starts = np.arange(size + 1) * num_outcomes
    chain = sparse.csr_matrix((probabilities, target.ravel(), row_starts), (size, size))
    return np.concatenate(rows), chain, np.concatenate(costs)


def _stationary_shares(chain: Any, cost: Array, tolerance: float) -> Array:
    """Stationary probabilities, by damped power iteration from the first state until the cost settles.

    Damping makes the iteration converge for periodic chains as well.
    """
    share = np.zeros(len(cost))
    share[0] = 1.0
    transposed = chain.T.tocsr()
    last, total = np.inf, 0.0
    for sweep in range(1, 100_001):
        share = 0.1 * share + 0.9 * (transposed @ share)
        total += float(share @ cost)
        if sweep % WINDOW == 0:
            mean = total / WINDOW
            if abs(mean - last) < tolerance and abs(float(share @ cost) - mean) < tolerance:
                break
            last, total = mean, 0.0
    return share


class _RowIndex:
    """Numbers rows of whole numbers in the order in which they are first added."""

    def __init__(self) -> None:
        self.count = 0
        self._keys: Array = np.zeros(0, "S1")
        self._numbers: Array = np.zeros(0, np.int64)

    def add(self, rows: Array) -> Array:
        """Number the distinct rows that are new, and return them."""
        keys = _sortable_keys(rows)
        unique, first = np.unique(keys, return_index=True)
        if len(self._keys):
            nearest = np.minimum(np.searchsorted(self._keys, unique), len(self._keys) - 1)
            new = self._keys[nearest] != unique
            unique, first = unique[new], first[new]
        else:
            self._keys = self._keys.astype(unique.dtype)
        merged = np.concatenate([self._keys, unique])
        numbers = np.concatenate([self._numbers, self.count + np.arange(len(unique))])
        order = np.argsort(merged, kind="stable")
        self._keys, self._numbers = merged[order], numbers[order]
        self.count += len(unique)
        return rows[first]

    def numbers(self, rows: Array) -> Array:
        """Number of each row; all rows must have been added."""
        numbers: Array = self._numbers[np.searchsorted(self._keys, _sortable_keys(rows))]
        return numbers


def _sortable_keys(rows: Array) -> Array:
    """One sortable key a row: a 64-bit integer for up to four columns, else raw bytes."""
    shifted = np.ascontiguousarray(np.rint(rows).astype(np.int64)) + OFFSET
    if shifted.shape[1] <= 4:
        packed = np.zeros(len(shifted), np.int64)
        for column in range(shifted.shape[1]):
            packed = packed * (2 * OFFSET) + shifted[:, column] - (OFFSET if column == 0 else 0)
        return packed
    # Byte strings drop trailing zeros when compared; the offset keeps every byte pair non-zero.
    small = shifted.astype(">u2")
    keys: Array = np.ascontiguousarray(small).view(f"S{2 * small.shape[1]}")[:, 0]
    return keys

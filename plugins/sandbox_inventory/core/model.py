"""What a task's model is: pure dynamics of a batch, described by arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox_inventory.core.demand import Demand

Array = NDArray[Any]
State = dict[str, Array]
"""Arrays by name, batch first: shape ``(copies, …)``."""


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened in one period; every array has shape ``(copies,)`` unless it says otherwise.

    Attributes:
        terms: Money by name (holding, shortage, …), unweighted and positive for costs and revenue alike.
        demand: Customers' demand, units.
        filled: Demand of this period that was met from stock at once, units.
        stock: On hand at the end of the period over the whole system, units.
        orders: What each echelon ordered, shape ``(copies, echelons)``, units; for the bullwhip.
        received: Units that entered the system from outside.
        sold: Units that left it to customers, backlog included.
        spoiled: Units thrown away.
    """

    terms: dict[str, Array]
    demand: Array
    filled: Array
    stock: Array
    orders: Array
    received: Array
    sold: Array
    spoiled: Array | None = None


class Model(Protocol):
    """Pure dynamics of a batch; nothing in it changes after construction.

    Attributes:
        config: The task's parameters; has ``horizon`` and ``warmup``.
        demands: One family an item; a period's demand has shape ``(copies, len(demands))``.
        observation_size: Numbers that `observe` gives a copy.
        scale: Units that an observed 1 stands for: the mean demand of an item, so that networks see
            numbers near 1 whatever the unit.
        action_space: Of one copy.
        finite: Whether the horizon is part of the problem: then the period is observed and the last step
            terminates; otherwise the horizon truncates.

    A model whose observation is its state's arrays one after the other may name them in ``layout``: that is
    faster for large batches.
    """

    config: Any
    demands: tuple[Demand, ...]
    observation_size: int
    scale: float
    action_space: gym.Space[Any]
    finite: bool

    def start(self, copies: int) -> State:
        """The first state of ``copies`` episodes."""
        ...

    def observe(self, state: State) -> Array:
        """Shape ``(copies, observation_size)``, units; what an agent sees is this over ``scale``."""
        ...

    def step(self, state: State, action: Array, demand: Array) -> tuple[State, Flow]:
        """One period: the next state and what happened. The given state is not changed."""
        ...

    def units(self, state: State) -> Array:
        """Everything in the system, on hand and in transit, shape ``(copies,)``; for conservation."""
        ...


def positive(values: Array) -> Array:
    """max(values, 0)."""
    result: Array = np.maximum(values, 0.0)
    return result


def arrive(net: Array, arriving: Array) -> tuple[Array, Array]:
    """Net stock after a receipt, and how much of it went straight to the backlog."""
    after = net + arriving
    return after, arriving - (positive(after) - positive(net))


def pushed(pipeline: Array, quantity: Array) -> tuple[Array, Array]:
    """What arrives next period, and the pipeline after ``quantity`` joined its end.

    Args:
        pipeline: Shape ``(copies, L - 1, …)``, the next arrival first.
        quantity: Shape ``(copies, …)``.
    """
    if pipeline.shape[1] == 0:
        return quantity, pipeline
    shifted = np.empty_like(pipeline)
    shifted[:, :-1] = pipeline[:, 1:]
    shifted[:, -1] = quantity
    return pipeline[:, 0], shifted


def summed(values: Array) -> Array:
    """Σ values over the last axis, one column after the other.

    Not ``values.sum(-1)``, whose order of summation depends on the number of columns: `kernels` must be
    able to do the same.
    """
    total: Array = values[..., 0].copy()
    for column in range(1, values.shape[-1]):
        total += values[..., column]
    return total


def weighed(values: Array, rates: Array) -> Array:
    """Σ values·rates over the last axis, shape ``(copies,)``.

    Not a matrix product: BLAS rounds a row unlike in batches of another size, and a batch must play what
    a single environment plays.
    """
    return summed(values * rates)

"""Models with whole units as finite Markov decision processes, from the transitions of their exact solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sandbox.api import FiniteModel, InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import mean_and_std
from sandbox_inventory.core.model import Model
from sandbox_inventory.core.solvers.transitions import outcomes, pack, transitions, unpack

MAX_ENTRIES = 20_000_000
"""Most transitions (states × actions × demand outcomes) that are written down."""

TAIL = 1e-9
"""Demand outcomes less likely than this are left out, as the exact solvers do."""


def grid_model(
    model: Model,
    low: Sequence[int],
    high: Sequence[int],
    quantities: Array,
    reward: RewardSpec,
    discount: float = 1.0,
) -> FiniteModel:
    """The finite model of a system on a grid of states, the very system being stepped with every demand.

    Args:
        model: The dynamics.
        low: Smallest value of each state column; states beyond the grid are moved to its edge.
        high: Largest value of each column.
        quantities: Orders to choose from, shape ``(A, …)``, units.
        reward: Of a period.
        discount: Of the model.

    Raises:
        InvalidValueError: For demand without probabilities on the integers, no demand at all, an initial
            state that is no whole number, and more than `MAX_ENTRIES` transitions.
    """
    if all(mean_and_std(demand)[0] == 0 for demand in model.demands):
        raise InvalidValueError("There is no demand: what is best depends on the initial stock alone.")
    corner, sizes = np.asarray(low), tuple(int(size) for size in np.subtract(high, low) + 1)
    cases, states = outcomes(model.demands, TAIL), int(np.prod(sizes, dtype=float))
    entries = float(states) * len(quantities) * len(cases.probabilities)
    if entries > MAX_ENTRIES:
        raise InvalidValueError(
            f"The finite model has {entries:.2g} transitions; at most {MAX_ENTRIES:,} are written down.",
            "Shorten lead times, lower demand or max_order.",
        )

    def index(rows: Array) -> Array:
        inside = np.clip(np.rint(rows).astype(np.int64) - corner, 0, np.asarray(sizes) - 1)
        numbers: Array = np.ravel_multi_index(tuple(inside.T), sizes)
        return numbers

    rows = np.stack(np.unravel_index(np.arange(states), sizes), axis=1) + corner
    start = pack(model.initial_state(1))
    if not np.array_equal(start, np.rint(start)):
        raise InvalidValueError("The initial stock is no whole number; states have whole units.")
    # The system itself may order in shares of its limit; its actions stand for the same whole quantities.
    same: Callable[[Any], Model] = type(model)
    discrete = same(model.config.model_copy(update={"orders": "discrete"}))
    shape = (states, len(quantities), len(cases.probabilities))
    following, rewards = np.empty(shape, np.int64), np.empty(shape[:2])
    for action, quantity in enumerate(discrete.orders.actions(quantities)):
        chosen = np.repeat(np.asarray(quantity)[None], states, axis=0)
        then, cost = transitions(discrete, rows, chosen, cases, reward)
        following[:, action] = index(then.reshape(-1, then.shape[-1])).reshape(shape[0], shape[2])
        rewards[:, action] = -cost
    return FiniteModel(
        successors=following,
        probabilities=np.broadcast_to(cases.probabilities, shape),
        rewards=rewards,
        initial=(np.arange(states) == index(start)[0]).astype(np.float64),
        actions=model.orders.actions(quantities),
        state_index=lambda seen: index(np.asarray(seen, np.float64) * model.scale),
        observe=lambda numbers: _observed(model, rows[numbers]),
        discount=discount,
        horizon=model.config.horizon,
    )


def _observed(model: Model, rows: Array) -> Any:
    return (model.observe(unpack(model, rows.astype(np.float64))) / model.scale).astype(np.float32)

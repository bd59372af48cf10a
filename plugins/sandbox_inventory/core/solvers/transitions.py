"""Transitions of a model with whole units, obtained from the model's own ``step``.

States are rows of whole numbers: the columns of all state arrays, one array after the other. Because the
model itself is stepped with every demand outcome, what is solved is what is played.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sandbox.api import RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.demand.distribution import probabilities
from sandbox_inventory.core.demand.families import Demand
from sandbox_inventory.core.model import Model, State
from sandbox_inventory.core.reward import reward_of


@dataclass(frozen=True)
class Outcomes:
    """All demand that can occur in one period.

    Attributes:
        values: Shape ``(outcomes, items)``, units.
        probabilities: Shape ``(outcomes,)``, summing to one.
    """

    values: Array
    probabilities: Array


def outcomes(demands: Sequence[Demand], tail: float = 1e-12) -> Outcomes:
    """The product of the items' distributions, rescaled without values less likely than ``tail``."""
    values, joint = np.zeros((1, 0)), np.ones(1)
    for demand in demands:
        mass = probabilities(demand)
        likely = np.flatnonzero(mass > tail)
        column = np.tile(likely[:, None].astype(float), (len(values), 1))
        values = np.concatenate([np.repeat(values, len(likely), 0), column], 1)
        joint = np.outer(joint, mass[likely]).ravel()
    return Outcomes(values, joint / joint.sum())


def pack(state: State) -> Array:
    """A batch of states as rows, shape ``(num_envs, columns)``."""
    return np.concatenate([values.reshape(len(values), -1) for values in state.values()], 1)


def unpack(model: Model, rows: Array) -> State:
    """The inverse of `pack`."""
    state: State = {}
    first = 0
    for name, values in model.initial_state(1).items():
        size = values[0].size
        columns = rows[:, first : first + size]
        state[name] = columns.reshape(len(rows), *values.shape[1:]).astype(values.dtype)
        first += size
    return state


def transitions(
    model: Model, rows: Array, actions: Array, cases: Outcomes, reward: RewardSpec
) -> tuple[Array, Array]:
    """Next rows, shape ``(rows, outcomes, columns)``, and the expected cost (minus reward) of each row."""
    count, num_outcomes = len(rows), len(cases.probabilities)
    state = unpack(model, np.repeat(rows, num_outcomes, 0))
    next_state, flow = model.step(
        state, np.repeat(actions, num_outcomes, 0), np.tile(cases.values, (count, 1))
    )
    costs = -np.asarray(reward_of(reward, flow), np.float64).reshape(count, num_outcomes)
    return pack(next_state).reshape(count, num_outcomes, -1), costs @ cases.probabilities

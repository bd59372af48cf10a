"""Which actions of a finite model may lead to its end."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.api import FiniteModel
from sandbox.backends.tabular.states import Indices

Flags = NDArray[np.bool_]


def live(model: FiniteModel) -> Flags:
    """States that are not terminal, shape ``(S,)``."""
    return np.ones(model.num_states, np.bool_) if model.terminal is None else ~model.terminal


def permitted_actions(model: FiniteModel) -> Flags:
    """Actions that are allowed, shape ``(S, A)``."""
    return np.ones(model.rewards.shape, np.bool_) if model.allowed is None else model.allowed


def reaching(model: FiniteModel, permitted: Flags, chosen: Indices | None = None) -> Indices:
    """For every state the first action on a shortest possible way to a terminal state.

    Args:
        model: The task.
        permitted: Actions that may be taken, shape ``(S, A)``.
        chosen: The only action that is taken in each state, if given.

    Returns:
        Index of the action, shape ``(S,)``; -1 in terminal states and where no way leads to one.
    """
    if chosen is not None:
        permitted = permitted & (np.arange(model.num_actions) == chosen[:, None])
    possible = (model.probabilities > 0) & permitted[:, :, None]
    reached, first = ~live(model), np.full(model.num_states, -1)
    while True:
        hits: NDArray[np.bool_] = np.any(possible & reached[model.successors], axis=2)
        new = hits.any(axis=1) & ~reached
        if not new.any():
            return first
        first[new] = hits[new].argmax(axis=1)
        reached = reached | new

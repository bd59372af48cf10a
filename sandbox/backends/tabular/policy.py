"""The greedy policy of a table of action values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api.errors import DamagedRunError
from sandbox.api.types import Array
from sandbox.backends.policy_files import read_policy, write_policy
from sandbox.backends.tabular.states import Floats, StateTable, keys

LOWEST = float(np.finfo(np.float64).min)


class TablePolicy:
    """Takes the action with the largest value; the first of equal ones.

    A state that is not in the table has the values of the nearest state that is.

    Args:
        algorithm: Name of the algorithm that made the table.
        states: Keys of the states, shape ``(S, D)``; see `sandbox.backends.tabular.states.keys`.
        values: Q, shape ``(S, A)``; -inf for an action that is not allowed in a state.
        actions: What each index stands for in the environment, shape ``(A, *action_shape)``.
        epsilon: Share of random actions where actions are sampled.
    """

    memoryless = True

    def __init__(
        self, algorithm: str, states: Floats, values: Floats, actions: Array, epsilon: float = 0.0
    ) -> None:
        self.algorithm, self.values, self.actions, self.epsilon = algorithm, values, actions, epsilon
        self._table = StateTable(states)
        self._rng = np.random.default_rng()

    @property
    def states(self) -> Floats:
        """Keys of the states, shape ``(S, D)``."""
        return self._table.array()

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Seed the generator of random actions."""
        self._rng = np.random.default_rng(seed)

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """The best action of every row, or with probability ε a random allowed one if sampled."""
        rows = keys(observation)
        # Without any state (nothing was learned yet) all actions are alike.
        values = (
            self.values[self._table.find(rows)]
            if len(self._table)
            else np.zeros((len(rows), len(self.actions)))
        )
        # The mask of a MultiDiscrete space is of its parts, not of whole actions: then the table knows them.
        if mask is not None and self.actions.ndim == 1:
            # A state that is new may allow what its nearest does not.
            values = np.where(mask, np.maximum(values, LOWEST), -np.inf)
        chosen = values.argmax(axis=1)
        if not deterministic and self.epsilon > 0:
            drawn = np.where(np.isfinite(values), self._rng.random(values.shape), -1.0).argmax(axis=1)
            chosen = np.where(self._rng.random(len(values)) < self.epsilon, drawn, chosen)
        actions: Array = self.actions[chosen]
        return actions

    def save(self, directory: Path) -> None:
        """Write the table."""
        tensors = {
            "states": torch.from_numpy(np.array(self.states)),
            "values": torch.from_numpy(np.array(self.values)),
            "actions": torch.from_numpy(np.array(self.actions)),
        }
        write_policy(directory, {"algorithm": self.algorithm, "epsilon": self.epsilon}, tensors)


def load(directory: Path) -> TablePolicy:
    """Read what `TablePolicy.save` wrote.

    Raises:
        DamagedRunError: If the table does not hold together.
    """
    files = read_policy(directory)
    try:
        states, values = (files.tensors[name].double().numpy() for name in ("states", "values"))
        actions = files.tensors["actions"].numpy()
        epsilon = float(files.document["epsilon"])
        whole = (
            states.ndim == values.ndim == 2
            and values.shape == (len(states), len(actions))
            and len(actions) > 0
            and bool(np.isfinite(states).all() and np.isfinite(actions).all() and (values < np.inf).all())
            and len(np.unique(states, axis=0)) == len(states)
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedRunError(f"The policy in {directory} is no table of values: {error}.") from error
    if not whole or not 0 <= epsilon <= 1:
        raise DamagedRunError(f"The policy in {directory} is no table of values.")
    return TablePolicy(files.document["algorithm"], states, values, actions, epsilon)

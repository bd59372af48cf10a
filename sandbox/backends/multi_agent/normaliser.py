"""Running statistics of observations: one for all agents that share a network, one for each otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Bools
from sandbox.backends.actors.observations import Normaliser


class JointNormaliser:
    """Normalises observations of shape ``(n, k, D)``; absent agents have no part in the statistics.

    Args:
        agents: k.
        size: D.
        shared: Whether all agents have the same statistics.
    """

    def __init__(self, agents: int, size: int, shared: bool) -> None:
        self._agents, self._size, self.shared = agents, size, shared
        self.parts = [Normaliser(size) for _ in range(1 if shared else agents)]

    def of(self, agent: int) -> Normaliser:
        """An agent's statistics."""
        return self.parts[0 if self.shared else agent]

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """In units of deviations from the mean, clipped."""
        if self.shared:
            return self.parts[0](rows)
        return np.stack([part(rows[:, agent]) for agent, part in enumerate(self.parts)], axis=1)

    def update(self, rows: Array, present: Bools) -> None:
        """Add what those saw who were there; ``(n, k, D)`` and ``(n, k)``."""
        for agent, part in enumerate(self.parts):
            seen = rows[present] if self.shared else rows[:, agent][present[:, agent]]
            if len(seen):
                part.update(seen)

    def arrays(self) -> dict[str, Array]:
        """Content of ``normaliser.npz``: ``mean`` and ``var`` of shape ``(g, D)``, ``count`` ``(g,)``."""
        each = [part.arrays() for part in self.parts]
        return {name: np.stack([arrays[name] for arrays in each]) for name in ("mean", "var", "count")}

    def load(self, arrays: Mapping[str, Array]) -> None:
        """Become what `arrays` described.

        Raises:
            MisfitError: If it is of other agents or observations.
        """
        shape = (len(self.parts), self._size)
        if set(arrays) != {"mean", "var", "count"} or arrays["mean"].shape != shape:
            raise MisfitError(f"The saved normaliser is not for {shape[0]} kinds of {shape[1]} numbers.")
        self.parts = [
            Normaliser.from_arrays({name: values[part] for name, values in arrays.items()}, self._size)
            for part in range(len(self.parts))
        ]

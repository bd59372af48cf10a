"""Who the agents of a parallel task are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces

from sandbox.api.masks import mask_size
from sandbox.api.types import Bools, Space


@dataclass(frozen=True, slots=True)
class Agents:
    """The k agents of a task, in the order of the rows of every environment.

    Attributes:
        names: Of all agents that there can be.
        observation_spaces: Each agent's own, before padding.
        action_spaces: Each agent's own, before padding.
    """

    names: tuple[str, ...]
    observation_spaces: tuple[Space, ...]
    action_spaces: tuple[Space, ...]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def all_discrete(self) -> bool:
        """Whether every agent chooses among numbered actions."""
        return all(isinstance(space, spaces.Discrete) for space in self.action_spaces)

    def available(self, row_space: Space) -> Bools | None:
        """Which entries of a padded mask are an agent's own actions, shape ``(k, m)``; None for Boxes."""
        if any(isinstance(space, spaces.Box) for space in self.action_spaces):
            return None
        sizes = np.array([mask_size(space) for space in self.action_spaces])
        available: Bools = np.arange(mask_size(row_space)) < sizes[:, None]
        return available

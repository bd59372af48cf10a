"""Which numbers of padded observations, parameters and actions belong to which agent."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api.agents import Agents
from sandbox.api.types import Array, Bools, Space
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.observations import flat_size, flatten

Index = NDArray[np.int64]


class Layout:
    """The agents of a task with their parts of padded arrays.

    Args:
        agents: Who they are, with their own spaces.
        observation_space: Padded, of one row.
        action_space: Padded, of one row.

    Attributes:
        inputs: D, numbers of a flattened padded observation.
        outputs: P, parameters of the action distribution over the padded space.
        columns: Of each agent, its own among the D.
        params: Of each agent, its own among the P.
        available: Each agent's own actions in a mask, shape ``(k, m)``; None for Boxes.
        distribution: Over padded actions.

    Raises:
        MisfitError: For spaces that no network or distribution takes.
    """

    def __init__(self, agents: Agents, observation_space: Space, action_space: Space) -> None:
        self.agents, self.observation_space, self.action_space = agents, observation_space, action_space
        self.distribution = distribution_for(action_space)
        self.inputs, self.outputs = flat_size(observation_space), self.distribution.size
        self.columns = [_columns(observation_space, space) for space in agents.observation_spaces]
        self.available = agents.available(action_space)
        self._parts = [_columns(action_space, space) for space in agents.action_spaces]
        self._each = [distribution_for(space) for space in agents.action_spaces]
        self._alike = all(space == action_space for space in agents.action_spaces)
        half = self.outputs // 2
        self.params = [
            np.concatenate((part, part + half)) if self.distribution.gaussian else np.arange(each.size)
            for part, each in zip(self._parts, self._each, strict=True)
        ]

    def __len__(self) -> int:
        return len(self.agents)

    @property
    def keep(self) -> Bools:
        """Which of the P parameters are an agent's own, shape ``(k, P)``."""
        keep = np.zeros((len(self), self.outputs), np.bool_)
        for agent, params in enumerate(self.params):
            keep[agent, params] = True
        return keep

    def flat(self, observation: Array) -> NDArray[np.float32]:
        """Padded observations ``(n, k, …)`` or ``(n · k, …)`` as numbers, shape ``(n, k, D)``."""
        shape = self.observation_space.shape or ()
        rows = flatten(self.observation_space, np.reshape(observation, (-1, *shape)))
        return rows.reshape(-1, len(self), self.inputs)

    def allowed(self, mask: Bools | None, num_envs: int) -> Bools | None:
        """Masks ``(num_envs, k, m)`` without padded actions; None for Boxes."""
        if self.available is None:
            return None
        whole = np.broadcast_to(self.available, (num_envs, *self.available.shape))
        return whole if mask is None else mask.reshape(whole.shape) & self.available

    def actions(self, raw: Array) -> Array:
        """Raw draws ``(n, k, r)`` as padded actions ``(n, k, …)``, each in its agent's own space."""
        n, k = raw.shape[:2]
        shape = self.action_space.shape or ()
        if self._alike or self.available is not None:
            return self.distribution.action(raw.reshape(n * k, -1)).reshape(n, k, *shape)
        padded = np.zeros((n, k, int(np.prod(shape))), self.action_space.dtype)
        for agent, (part, each) in enumerate(zip(self._parts, self._each, strict=True)):
            padded[:, agent, part] = each.action(raw[:, agent, part]).reshape(n, -1)
        return padded.reshape(n, k, *shape)


def own_part(space: Space) -> tuple[slice, ...]:
    """Where an agent's own value lies in a padded Box."""
    return tuple(slice(size) for size in space.shape) if isinstance(space, gym.spaces.Box) else ()


def _columns(padded: Space, space: Space) -> Index:
    """Which entries of the flattened padded space are of an agent's own one."""
    if isinstance(padded, gym.spaces.Box):
        places = np.arange(int(np.prod(padded.shape))).reshape(padded.shape)
        return places[own_part(space)].ravel()
    return np.arange(flat_size(space))

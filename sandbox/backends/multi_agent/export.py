"""Every agent's policy as one torch module, on its own observation, for export."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from sandbox.api.masks import mask_size
from sandbox.api.types import Array, Bools, Space
from sandbox.backends.actors.distributions import distribution_for
from sandbox.backends.actors.export import ActorModule
from sandbox.backends.multi_agent.actors import Actors
from sandbox.backends.multi_agent.layout import Layout, own_part
from sandbox.backends.multi_agent.normaliser import JointNormaliser

if TYPE_CHECKING:
    from sandbox.backends.actors.observations import Normaliser
    from sandbox.backends.multi_agent.config import NetworkConfig


@dataclass(frozen=True)
class AgentPart:
    """What one file of an export holds.

    Attributes:
        name: Of the agent; ``all`` where every agent acts by the same function.
        rows: Which rows of a batch of environments it acts for.
        module: Maps its observations, and a mask where there are masks, to its actions.
        observation_space: Its own.
        action_space: Its own.
    """

    name: str
    rows: slice
    module: nn.Module
    observation_space: Space
    action_space: Space

    def cut(
        self, observation: Array, mask: Bools | None, actions: Array
    ) -> tuple[Array, Bools | None, Array]:
        """Its own rows and numbers of padded observations, masks and actions of all rows."""
        seen = observation[self.rows][(slice(None), *own_part(self.observation_space))]
        done = actions[self.rows][(slice(None), *own_part(self.action_space))]
        if mask is None:
            return seen, None, done
        return seen, mask[self.rows][:, : mask_size(self.action_space)], done


class OneAgent(nn.Module):
    """One agent's parameters, of its own flattened observation; padded for a shared network.

    Args:
        actors: Of all agents.
        agent: Which of them.
        columns: Its own among the padded numbers.
        inputs: D.
        params: Its own among the padded parameters.
        normaliser: Of its padded observations, or None.
    """

    shift: Tensor
    scale: Tensor

    def __init__(
        self,
        actors: Actors,
        agent: int,
        columns: Array,
        inputs: int,
        params: Array,
        normaliser: Normaliser | None,
    ) -> None:
        super().__init__()
        self.actors, self._agent = actors, agent
        self.padding: Tensor
        self.params: Tensor
        self.register_buffer("padding", torch.eye(inputs)[torch.as_tensor(columns)])
        self.register_buffer("params", torch.as_tensor(params))
        self._clip = None if normaliser is None else float(normaliser.CLIP)
        if normaliser is not None:
            self.register_buffer("shift", torch.as_tensor(normaliser.shift))
            self.register_buffer("scale", torch.as_tensor(normaliser.scale))

    def forward(self, rows: Tensor) -> Tensor:
        """``(n, own inputs)`` to ``(n, own parameters)``."""
        inputs = rows @ self.padding
        if self._clip is not None:
            inputs = ((inputs - self.shift) * self.scale).clamp(-self._clip, self._clip)
        nets = self.actors.nets
        out = nets.of_agent(self._agent, inputs)
        if self.actors.log_std is not None:
            group = 0 if nets.shared else self._agent
            out = torch.cat((out, self.actors.log_std[group].expand_as(out)), 1)
        return out.index_select(1, self.params)


def parts_of(
    layout: Layout, config: NetworkConfig, actors: Actors, normaliser: JointNormaliser | None
) -> Sequence[AgentPart]:
    """A part for every agent, or one for all where they share a network that does not tell them apart."""
    agents = layout.agents
    alike = len({*map(str, agents.observation_spaces)}) == len({*map(str, agents.action_spaces)}) == 1
    if config.share_parameters and not config.agent_id and alike:
        return [_part(layout, actors, normaliser, 0, ("all", slice(None)))]
    k = len(agents)
    return [
        _part(layout, actors, normaliser, agent, (name, slice(agent, None, k)))
        for agent, name in enumerate(agents.names)
    ]


def _part(
    layout: Layout,
    actors: Actors,
    normaliser: JointNormaliser | None,
    agent: int,
    place: tuple[str, slice],
) -> AgentPart:
    seen, done = layout.agents.observation_spaces[agent], layout.agents.action_spaces[agent]
    network = OneAgent(
        actors,
        agent,
        layout.columns[agent],
        layout.inputs,
        np.asarray(layout.params[agent]),
        None if normaliser is None else normaliser.of(agent),
    )
    module = ActorModule(network, seen, distribution_for(done), None).eval()
    return AgentPart(*place, module, seen, done)

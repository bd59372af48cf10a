"""A model as the core of environments with one agent an order: `sandbox.api.batched` makes both from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from sandbox.api import Batched, batched
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.envs import InventoryCore, MakeCore
from sandbox_inventory.core.model import Flow, Model, State


class AgentsModel(Model, Protocol):
    """A model whose orders are given by one agent each.

    Attributes:
        agents: Names of the agents, in the order of the model's orders.
    """

    agents: tuple[str, ...]

    def observe_agents(self, state: State) -> Array:
        """Observation of each agent in multiples of ``scale``, shape ``(num_envs, agents, width)``."""
        ...


class AgentsCore(InventoryCore):
    """One agent for each of the model's orders; all share the system's reward equally.

    - **Observation**: the agent's row of the model's ``observe_agents``, then what all agents see: the
      demand's context, and the share of the horizon that has passed.
    - **Action**: the agent's own order, as in the task with one decision maker.
    - **Reward**: the system's reward divided by the number of agents, because the costs are common.

    Args:
        model: The system.
        num_envs: Episodes side by side.

    Attributes:
        agents: Names of the agents.
    """

    common_reward = True
    action_text = None  # type: ignore[assignment]

    def __init__(self, model: AgentsModel, num_envs: int) -> None:
        super().__init__(model, num_envs)
        self._agents_model, self.agents = model, list(model.agents)
        width = self._observed(model.initial_state(1), self.sim.observation_size - model.observation_size)
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.action_space = dict(zip(self.agents, _agent_action_spaces(model), strict=True))

    def step(self, actions: Array) -> Flow:
        """Order, and play one period."""
        return super().step(actions.reshape(self.sim.num_envs, len(self.agents)))

    def observe(self) -> Array:
        """The agents' rows, then what all agents see; shape ``(num_envs, agents, width)``, float32."""
        rows = self._agents_model.observe_agents(self.sim.state)
        common = self.sim.observe()[:, None, self.model.observation_size :]
        shared = np.broadcast_to(common, (*rows.shape[:2], common.shape[2]))
        observations: Array = np.concatenate([rows, shared], 2).astype(np.float32)
        return observations

    def _observed(self, state: State, common: int) -> int:
        """Length of an agent's observation, with ``common`` entries that all of them see."""
        return int(self._agents_model.observe_agents(state).shape[2]) + common


def parallel_env_makers(model: Callable[[Any], AgentsModel]) -> Batched:
    """The ``make_parallel`` and ``make_parallel_vec`` of a task, from its model's class."""
    return batched(MakeCore(model, AgentsCore))


def _agent_action_spaces(model: AgentsModel) -> list[gym.Space[Any]]:
    space = model.action_space
    if isinstance(space, gym.spaces.MultiDiscrete):
        return [gym.spaces.Discrete(int(count)) for count in space.nvec]
    return [gym.spaces.Box(-1.0, 1.0, (1,), np.float32) for _ in model.agents]

"""Models with one agent an order: PettingZoo's parallel environment, and its native batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector.utils import batch_space
from pettingzoo import ParallelEnv

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.envs import NativeBatch, check_render_mode
from sandbox_inventory.core.model import Flow, Model, State
from sandbox_inventory.core.simulation import Simulation


class AgentsModel(Model, Protocol):
    """A model whose orders are given by one agent each.

    Attributes:
        agents: Names of the agents, in the order of the model's orders.
    """

    agents: tuple[str, ...]

    def observe_agents(self, state: State) -> Array:
        """Observation of each agent in multiples of ``scale``, shape ``(num_envs, agents, width)``."""
        ...


class InventoryParallelEnv(ParallelEnv):  # type: ignore[misc]
    """One agent for each of the model's orders; all share the system's reward equally.

    - **Observation**: the agent's row of the model's ``observe_agents``, then what all agents see: the
      demand's context, and the share of the horizon that has passed.
    - **Action**: the agent's own order, as in the task with one decision maker.
    - **Reward**: the system's reward divided by the number of agents, because the costs are common.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo declares it
        "name": "inventory",
        "render_modes": ["rgb_array"],
        "render_fps": 8,
        "is_parallelizable": True,
    }

    def __init__(self, model: AgentsModel, reward: RewardSpec, render_mode: str | None = None) -> None:
        check_render_mode(render_mode)
        self.model, self.reward_spec, self.render_mode = model, reward, render_mode
        self.sim = Simulation(model, 1)
        self.possible_agents = list(model.agents)
        self.agents: list[str] = []
        self._np_random: np.random.Generator | None = None
        self._history: list[Flow] = []
        self.last_flow: Flow | None = None
        self._observation_space = _observation_space(self.sim, model)
        self._action_spaces = dict(zip(self.possible_agents, _agent_action_spaces(model), strict=True))

    def observation_space(self, agent: str) -> gym.spaces.Box:
        """Observation space of ``agent``."""
        return self._observation_space

    def action_space(self, agent: str) -> gym.Space[Any]:
        """Action space of ``agent``."""
        space: gym.Space[Any] = self._action_spaces[agent]
        return space

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's generator, seeded by the operating system until a seed is given."""
        if self._np_random is None:
            self._np_random, _ = seeding.np_random()
        return self._np_random

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Array], dict[str, dict[str, Any]]]:
        """Begin an episode; its demand is drawn from ``np_random``."""
        if seed is not None:
            self._np_random, _ = seeding.np_random(seed)
        self.sim.reset([self.np_random])
        self.agents, self._history = list(self.possible_agents), []
        return self._observations(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, Any]) -> tuple[Any, Any, Any, Any, Any]:
        """Order, and play one period."""
        agents = self.possible_agents
        joint = np.stack([np.asarray(actions[agent]).reshape(-1)[0] for agent in agents])[None]
        flow = self.last_flow = self.sim.step(joint)
        breakdown = self.reward_spec(flow)
        info: dict[str, Any] = {
            "reward_terms": {name: float(values[0]) / len(agents) for name, values in breakdown.terms.items()}
        }
        info |= self.sim.outer_events(flow)
        ended, finite = self.sim.ended, self.model.finite
        if ended:
            info["metrics"] = {name: float(values[0]) for name, values in self.sim.metrics().items()}
            self.agents = []
        if self.render_mode is not None:
            self._history.append(flow)
        return (
            self._observations(),
            dict.fromkeys(agents, float(breakdown.total[0]) / len(agents)),
            dict.fromkeys(agents, ended and finite),
            dict.fromkeys(agents, ended and not finite),
            {agent: dict(info) for agent in agents},
        )

    def render(self) -> Any:
        """The last periods as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_inventory.core.render import frame

        return frame(self._history) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Nothing to free."""

    def get_state(self) -> dict[str, Any]:
        """Everything that the future depends on, including the generator."""
        return {
            "generator": self.np_random.bit_generator.state,
            "simulation": self.sim.get_state(),
            "agents": list(self.agents),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Continue bit for bit from a state that `get_state` returned."""
        self.sim.reset([self.np_random])
        self.sim.set_state(state["simulation"])
        self.np_random.bit_generator.state = state["generator"]
        self.agents = list(state["agents"])

    def _observations(self) -> dict[str, Array]:
        return dict(zip(self.possible_agents, _agent_observations(self.sim, self.model)[0], strict=True))


class InventoryAgentsVectorEnv(NativeBatch):
    """A native batch of `InventoryParallelEnv`; an environment's agents are the rows of its action.

    Shapes are those of `sandbox.api.Task.make_vec` for parallel tasks: observations ``(num_envs, agents,
    width)``, actions ``(num_envs, agents)``, with a last axis of 1 where orders are continuous.
    Environment i with seed s plays the same episode as the PettingZoo environment with seed s.

    Attributes:
        agents: Names, in the order of the rows.
        row_observation_space, row_action_space: Spaces of one agent.

    Raises:
        InvalidValueError: If the agents' largest orders differ, so that they have no action space in common.
    """

    def __init__(self, model: AgentsModel, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(model, reward, num_envs)
        self._agents_model = model
        self.agents = self.possible_agents = list(model.agents)
        spaces = _agent_action_spaces(model)
        if any(space != spaces[0] for space in spaces):
            raise InvalidValueError("The agents' largest orders differ.", "Give all of them the same.")
        self.row_observation_space = _observation_space(self.sim, model)
        self.row_action_space = spaces[0]
        count = len(self.agents)
        self.single_observation_space = batch_space(self.row_observation_space, count)
        self.single_action_space = batch_space(self.row_action_space, count)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all_rows = np.ones((num_envs, count), np.bool_)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Play one period; at the horizon the next episodes begin; the info has the final observations."""
        count = len(self.agents)
        breakdown = self.reward_spec(self.sim.step(np.asarray(actions).reshape(self.num_envs, count)))
        ended, finite = self.sim.ended, self.model.finite
        info: dict[str, Any] = {
            "active": self._all_rows,
            "acted": self._all_rows,
            "agent_rewards": np.repeat(breakdown.total[:, None] / count, count, 1),
            "agent_terminated": self._all_rows & (ended and finite),
            "agent_truncated": self._all_rows & (ended and not finite),
            "reward_terms": {
                name: np.repeat(values[:, None] / count, count, 1) for name, values in breakdown.terms.items()
            },
        }
        if not ended:
            return self._observations(), breakdown.total, self._none, self._none, info
        final_info = info | {"metrics": self.sim.metrics(), "_metrics": self._all}
        observation, flags, info = self._begin_next(info, final_info)
        return observation, breakdown.total, *flags, info

    def _observations(self) -> Array:
        return _agent_observations(self.sim, self._agents_model)

    def _reset_info(self) -> dict[str, Any]:
        return {"active": self._all_rows}


MakeParallelEnv = Callable[..., InventoryParallelEnv]
"""``(config, reward, render_mode=None) -> InventoryParallelEnv``."""

MakeAgentsVectorEnv = Callable[[Any, RewardSpec, int], InventoryAgentsVectorEnv]
"""``(config, reward, num_envs) -> InventoryAgentsVectorEnv``."""


def parallel_env_makers(model: Callable[[Any], AgentsModel]) -> tuple[MakeParallelEnv, MakeAgentsVectorEnv]:
    """The ``make_parallel`` and ``make_parallel_vec`` of a task, from its model's class."""

    def make(config: Any, reward: RewardSpec, render_mode: str | None = None) -> InventoryParallelEnv:
        return InventoryParallelEnv(model(config), reward, render_mode)

    def make_vec(config: Any, reward: RewardSpec, num_envs: int) -> InventoryAgentsVectorEnv:
        return InventoryAgentsVectorEnv(model(config), reward, num_envs)

    return make, make_vec


def _agent_observations(sim: Simulation, model: AgentsModel) -> Array:
    """The agents' rows, then what all agents see; shape ``(num_envs, agents, width)``, float32."""
    rows = model.observe_agents(sim.state)
    common = sim.observe()[:, None, model.observation_size :]
    shared = np.broadcast_to(common, (*rows.shape[:2], common.shape[2]))
    observations: Array = np.concatenate([rows, shared], 2).astype(np.float32)
    return observations


def _observation_space(sim: Simulation, model: AgentsModel) -> gym.spaces.Box:
    row = model.observe_agents(model.initial_state(1)).shape[2]
    width = row + sim.observation_size - model.observation_size
    return gym.spaces.Box(-np.inf, np.inf, (width,), np.float32)


def _agent_action_spaces(model: AgentsModel) -> list[gym.Space[Any]]:
    space = model.action_space
    if isinstance(space, gym.spaces.MultiDiscrete):
        return [gym.spaces.Discrete(int(count)) for count in space.nvec]
    return [gym.spaces.Box(-1.0, 1.0, (1,), np.float32) for _ in model.agents]

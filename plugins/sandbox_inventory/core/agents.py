"""A model with several decision makers: one agent an order; PettingZoo's interface, and native batches."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector.utils import batch_space
from pettingzoo import ParallelEnv

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_inventory.core.envs import Batch
from sandbox_inventory.core.model import Array, Flow
from sandbox_inventory.core.simulation import Simulation


class InventoryParallelEnv(ParallelEnv):  # type: ignore[misc]
    """One agent for each of the model's orders; all share the system's reward equally.

    - **Observation**: what the model's ``observe_agents`` gives each agent, and which agent it is.
    - **Action**: the agent's own order, as in the task with one decision maker.
    - **Reward**: the system's reward divided by the number of agents: the costs are common.
    """

    metadata: dict[str, Any] = {  # noqa: RUF012 - as PettingZoo declares it
        "name": "inventory",
        "render_modes": ["rgb_array"],
        "render_fps": 8,
        "is_parallelizable": True,
    }

    def __init__(self, model: Any, reward: RewardSpec, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise InvalidValueError(f"Inventory tasks cannot render as '{render_mode}'.", "Use rgb_array.")
        self.model, self.reward_spec, self.render_mode = model, reward, render_mode
        self.sim = Simulation(model, 1)
        self.possible_agents = list(model.agents)
        self.agents: list[str] = []
        self._np_random: np.random.Generator | None = None
        self._history: list[Flow] = []
        self.last_flow: Flow | None = None
        self._observation_space = _observation_space(self.sim)
        self._spaces = dict(zip(self.possible_agents, _own_spaces(model), strict=True))

    def observation_space(self, agent: str) -> gym.spaces.Box:
        """Observation space of ``agent``."""
        return self._observation_space

    def action_space(self, agent: str) -> gym.Space[Any]:
        """Action space of ``agent``."""
        space: gym.Space[Any] = self._spaces[agent]
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
        """Order, and let one period pass."""
        joint = np.stack([np.asarray(actions[agent]).reshape(-1)[0] for agent in self.possible_agents])[None]
        flow = self.last_flow = self.sim.step(joint)
        breakdown = self.reward_spec(flow)
        count = len(self.possible_agents)
        info: dict[str, Any] = {
            "reward_terms": {name: float(values[0]) / count for name, values in breakdown.terms.items()}
        }
        ended = self.sim.ended
        if ended:
            info["metrics"] = {name: float(values[0]) for name, values in self.sim.metrics().items()}
        if self.render_mode is not None:
            self._history.append(flow)
        over = ended and self.model.finite
        agents = self.possible_agents
        if ended:
            self.agents = []
        return (
            self._observations(),
            dict.fromkeys(agents, float(breakdown.total[0]) / count),
            dict.fromkeys(agents, over),
            dict.fromkeys(agents, ended and not over),
            {agent: dict(info) for agent in agents},
        )

    def render(self) -> Any:
        """The last periods as a picture, shape ``(height, width, 3)``, uint8."""
        from sandbox_inventory.core.render import frame

        return frame(self._history) if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Nothing to free."""

    def get_state(self) -> dict[str, Any]:
        """All that the future depends on, the generator included."""
        return {
            "generator": self.np_random.bit_generator.state,
            "simulation": self.sim.get_state(),
            "agents": list(self.agents),
        }

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave, bit for bit."""
        self.sim.reset([self.np_random])
        self.sim.set_state(state["simulation"])
        self.np_random.bit_generator.state = state["generator"]
        self.agents = list(state["agents"])

    def _observations(self) -> dict[str, Array]:
        return dict(zip(self.possible_agents, _seen_by_agents(self.sim)[0], strict=True))


class InventoryAgentsVectorEnv(Batch):
    """Many copies of `InventoryParallelEnv` as array operations; a copy's agents are the rows of its action.

    Shapes are those of `sandbox.api.Task.make_vec` for parallel tasks: observations ``(copies, agents,
    width)``, actions ``(copies, agents)``, with an axis of one more where orders are continuous. Copy i with
    seed s plays the very episode of the PettingZoo environment seeded with s.

    Attributes:
        agents: Names, in the order of the rows.
        row_observation_space, row_action_space: Spaces of one agent.

    Raises:
        InvalidValueError: If the agents' largest orders differ, so that they have no space in common.
    """

    def __init__(self, model: Any, reward: RewardSpec, num_envs: int) -> None:
        super().__init__(model, reward, num_envs)
        self.agents = self.possible_agents = list(model.agents)
        spaces = _own_spaces(model)
        if any(space != spaces[0] for space in spaces):
            raise InvalidValueError("The agents' largest orders differ.", "Give all of them the same.")
        self.row_observation_space, self.row_action_space = _observation_space(self.sim), spaces[0]
        count = len(self.agents)
        self.single_observation_space = batch_space(self.row_observation_space, count)
        self.single_action_space = batch_space(self.row_action_space, count)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._all = np.ones((num_envs, count), np.bool_)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """One period of all copies; at the horizon they begin anew, the last observation in the info."""
        count = len(self.agents)
        breakdown = self.reward_spec(self.sim.step(np.asarray(actions).reshape(self.num_envs, count)))
        ended, finite = self.sim.ended, self.model.finite
        info: dict[str, Any] = {
            "active": self._all,
            "acted": self._all,
            "agent_rewards": np.repeat(breakdown.total[:, None] / count, count, 1),
            "agent_terminated": self._all & (ended and finite),
            "agent_truncated": self._all & (ended and not finite),
            "reward_terms": {
                name: np.repeat(values[:, None] / count, count, 1) for name, values in breakdown.terms.items()
            },
        }
        if not ended:
            return self._seen(), breakdown.total, self._noone, self._noone, info
        last = info | {"metrics": self.sim.metrics(), "_metrics": self._everyone}
        seen, over, info = self._end(info, last)
        return seen, breakdown.total, *over, info

    def _seen(self) -> Array:
        return _seen_by_agents(self.sim)

    def _told(self) -> dict[str, Any]:
        return {"active": self._all}


def _seen_by_agents(sim: Simulation) -> Array:
    """Each agent's own view, then what all see; shape ``(copies, agents, width)``, float32."""
    model: Any = sim.model
    own = model.observe_agents(sim.state)
    common = sim.observe()[:, None, model.observation_size :]
    shared = np.broadcast_to(common, (*own.shape[:2], common.shape[2]))
    seen: Array = np.concatenate([own, shared], 2).astype(np.float32)
    return seen


def _observation_space(sim: Simulation) -> gym.spaces.Box:
    model: Any = sim.model
    width = model.observe_agents(model.start(1)).shape[2] + sim.observation_size - model.observation_size
    return gym.spaces.Box(-np.inf, np.inf, (width,), np.float32)


def _own_spaces(model: Any) -> list[gym.Space[Any]]:
    space = model.action_space
    if isinstance(space, gym.spaces.MultiDiscrete):
        return [gym.spaces.Discrete(int(count)) for count in space.nvec]
    return [gym.spaces.Box(-1.0, 1.0, (1,), np.float32) for _ in range(space.shape[0])]

"""One row of a core with several agents as a PettingZoo environment.

PettingZoo is imported when such an environment is made, so that ``sandbox.api`` does without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding

from sandbox.api.batch.actions import ActionReader
from sandbox.api.batch.agents import AgentRows
from sandbox.api.batch.core import keeps_precision, metadata
from sandbox.api.batch.futures import CoreOfOne, OuterEvents
from sandbox.api.batch.padding import cutter
from sandbox.api.batch.state import Restore, keeper_of, upgraded
from sandbox.api.batch.types import Array, Config, Core, Info, Space
from sandbox.api.errors import MissingExtraError
from sandbox.api.reward import RewardSpec
from sandbox.api.types import Json

_ROW = np.zeros(1, np.int64)


class BatchedAgents(CoreOfOne):
    """A core of one row; `parallel_env` makes it a PettingZoo environment.

    Attributes:
        core: The core; what baselines and pictures read.
        config: The task's parameters.
        reward: The task's reward.
    """

    def __init__(
        self,
        core: Core,
        config: Config,
        reward: RewardSpec,
        render_mode: str | None = None,
        restore: Restore = "state",
    ) -> None:
        self.core = core
        self.config, self.reward, self.render_mode = config, reward, render_mode
        self.metadata = metadata(self.core) | {"name": type(self.core).__name__, "is_parallelizable": True}
        self._rows = rows = AgentRows(self.core, 1, reward)
        self._events = OuterEvents(core)
        self._restore, self._keeper = restore, keeper_of(rows, restore)
        self.possible_agents, self.agents = list(rows.agents), list[str]()
        self.observation_spaces, self.action_spaces = rows.observation_spaces, rows.action_spaces
        self._read = ActionReader(rows.row_action_space, (1, len(rows.agents)), keeps_precision(core))
        self._cut = {
            agent: cutter(space, rows.row_observation_space)
            for agent, space in self.observation_spaces.items()
        }
        self._masked = {
            agent: slice(int(space.n) if isinstance(space, spaces.Discrete) else None)
            for agent, space in self.action_spaces.items()
        }
        self._np_random: np.random.Generator | None = None

    def observation_space(self, agent: str) -> Space:
        """Observation space of an agent."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Space:
        """Action space of an agent."""
        return self.action_spaces[agent]

    @property
    def np_random(self) -> np.random.Generator:
        """The environment's generator, seeded by the operating system unless a seed is given."""
        if self._np_random is None:
            self._np_random = seeding.np_random()[0]
        return self._np_random

    def reset(
        self, seed: int | None = None, options: Info | None = None
    ) -> tuple[dict[str, Array], dict[str, Info]]:
        """Begin an episode of all agents."""
        if seed is not None:
            self._np_random = seeding.np_random(seed)[0]
        self.core.rngs[0] = self.np_random
        self._keeper.began(_ROW)
        self._rows.begin(_ROW)
        self.agents = list(self.possible_agents)
        return self._observations(self.agents), self._infos(self.agents)

    def step(
        self, actions: Mapping[str, Any]
    ) -> tuple[dict[str, Array], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """One step of the agents that are there.

        Raises:
            gymnasium.error.ResetNeeded: Before the first and after the last step of an episode.
            InvalidValueError: For an action that is none.
        """
        if not self.agents:
            raise gym.error.ResetNeeded("The episode has ended or has not begun: call reset() before step().")
        playing, rows = self.agents, self._rows
        read = self._read(self._joint(actions))
        self._keeper.stepped(read)
        total, terms = rows.step(read)
        terminated, truncated = rows.ends()
        observations, infos = self._observations(playing), self._infos(playing)
        for agent in playing:
            place = self.possible_agents.index(agent)
            infos[agent]["reward_terms"] = {name: float(values[0, place]) for name, values in terms.items()}
        self.agents = [agent for agent in playing if rows.active[0, self.possible_agents.index(agent)]]
        for agent in playing:
            self._events.add_to(infos[agent], ended=not self.agents)
        if not self.agents:
            metrics = {name: float(values[0]) for name, values in rows.metrics(_ROW).items()}
            for agent in playing:
                infos[agent]["metrics"] = dict(metrics)
        return (
            observations,
            {agent: float(value) for agent, value in self._by_agent(playing, total[0]).items()},
            {agent: bool(value) for agent, value in self._by_agent(playing, terminated[0]).items()},
            {agent: bool(value) for agent, value in self._by_agent(playing, truncated[0]).items()},
            infos,
        )

    def render(self) -> Any:
        """What the core draws of its row; None without a render mode."""
        return None if self.render_mode is None else self.core.render(0)

    def get_state(self) -> Info:
        """All that the future depends on, as plain data."""
        return {
            "core": self._keeper.get(),
            "generator": self.np_random.bit_generator.state,
            "active": self._rows.active.copy(),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, bit by bit."""
        state = upgraded(self.core, state)
        self.core.rngs[0] = self.np_random
        self._keeper.set(state["core"])
        self.np_random.bit_generator.state = state["generator"]
        self._rows.restore_active(state["active"])
        there = self._by_agent(self.possible_agents, state["active"][0])
        self.agents = [agent for agent, present in there.items() if present]

    def close(self) -> None:
        """Free what the core holds."""
        if hasattr(self.core, "close"):
            self.core.close()

    def _by_agent(self, agents: list[str], values: Array) -> Json:
        return {agent: values[self.possible_agents.index(agent)] for agent in agents}

    def _joint(self, actions: Mapping[str, Any]) -> Array:
        """The actions of all agents, shape ``(1, k, …)``; those of absent ones are the space's first."""
        space = self._rows.row_action_space
        joint = np.zeros((1, len(self.possible_agents), *(space.shape or ())), space.dtype)
        joint += np.asarray(getattr(space, "start", 0), space.dtype)
        for place, agent in enumerate(self.possible_agents):
            if agent in self.agents:
                joint[0, place] = actions[agent]
        return joint

    def _observations(self, agents: list[str]) -> dict[str, Array]:
        seen = self._rows.observe()[0]
        return {agent: self._cut[agent](values) for agent, values in self._by_agent(agents, seen).items()}

    def _infos(self, agents: list[str]) -> dict[str, Info]:
        """Every agent's own entries of what is known; what has no axis of agents is everybody's."""
        infos: dict[str, Info] = {agent: {} for agent in agents}
        present = self._rows.present()
        for name, values in present.items():
            if name.startswith("_") or name == "active":
                continue
            shared = values.shape[:2] != self._rows.shape
            there = np.broadcast_to(present[f"_{name}"][0], (len(self.possible_agents),))
            for agent in agents:
                place = self.possible_agents.index(agent)
                if not there[place]:
                    continue
                value = values[0] if shared else values[0, place]
                infos[agent][name] = value.item() if isinstance(value, np.generic) else value
        for agent, info in infos.items():
            mask = info.pop("action_mask", None)
            if hasattr(self.core, "masks"):
                info["action_mask"] = mask[self._masked[agent]]
        return infos


@cache
def _class() -> type[BatchedAgents]:
    try:
        from pettingzoo import ParallelEnv
    except ModuleNotFoundError as error:
        raise MissingExtraError("A task of several agents", ["pettingzoo"], "multi-agent") from error
    return type("BatchedParallelEnv", (BatchedAgents, ParallelEnv), {"__doc__": BatchedAgents.__doc__})


def __getattr__(name: str) -> Any:
    """The class, for pickles of its environments."""
    if name == "BatchedParallelEnv":
        return _class()
    raise AttributeError(name)


def parallel_env(
    core: Core, config: Config, reward: RewardSpec, render_mode: str | None, restore: Restore
) -> BatchedAgents:
    """One row of a core as a ``pettingzoo.ParallelEnv``.

    Raises:
        MissingExtraError: Without the extra ``multi-agent``.
    """
    return _class()(core, config, reward, render_mode, restore)

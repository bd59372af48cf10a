"""A PettingZoo environment with the infos that the contract asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from pettingzoo.utils import BaseParallelWrapper

from sandbox.api.derived import DerivedMetrics
from sandbox.api.errors import InvalidValueError, MisfitError, SandboxError
from sandbox.api.metric import Metric
from sandbox.api.reward import RewardSpec
from sandbox.api.types import Info, Json, Space
from sandbox.external.code import first_line, loaded, wrapped
from sandbox.external.config import PettingZooConfig
from sandbox.external.single import Step
from sandbox.external.spaces import HINT

ByAgent: TypeAlias = Json


class ExternalParallelEnv(BaseParallelWrapper):  # type: ignore[misc]
    """A parallel environment whose agents' rewards are sums of terms and that reports metrics at its end.

    Args:
        env: A ``pettingzoo.ParallelEnv``.
        reward: Terms are functions of an agent's `Step`.
        metrics: All of them derived from terms or infos; means over agents.
        masks: Whether there are action masks: in the infos, or in observations that are Dicts of
            ``observation`` and ``action_mask``, as in PettingZoo's board games.
    """

    def __init__(self, env: Any, reward: RewardSpec, metrics: Sequence[Metric], masks: bool = False) -> None:
        super().__init__(env)
        self._reward, self._masks = reward, masks
        for agent in self.possible_agents:
            space = self.observation_space(agent)
            if not isinstance(space, gym.spaces.Box | gym.spaces.Discrete):
                raise MisfitError(
                    f"The agent '{agent}' observes {type(space).__name__}, not what a shared policy takes.",
                    HINT,
                )
        self._metrics = DerivedMetrics(metrics, 1)

    def observation_space(self, agent: str) -> Space:
        """What an agent sees, without its mask."""
        space: Space = self.env.observation_space(agent)
        return space["observation"] if self._masks and isinstance(space, gym.spaces.Dict) else space

    def reset(self, seed: int | None = None, options: Info | None = None) -> tuple[ByAgent, ByAgent]:
        """Begin an episode of all agents."""
        observations, infos = self.env.reset(seed=seed, options=options)
        self._metrics.begin()
        return self._split(observations, infos)

    def step(self, actions: ByAgent) -> tuple[ByAgent, ByAgent, ByAgent, ByAgent, ByAgent]:
        """One step of the agents that are there."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        seen, told = self._split(observations, infos)
        totals: ByAgent = {}
        for agent in rewards:
            happened = Step(
                observations.get(agent),
                actions.get(agent),
                float(rewards[agent]),
                bool(terminated[agent]),
                bool(truncated[agent]),
                infos.get(agent, {}),
            )
            breakdown = self._reward(happened)
            totals[agent] = float(breakdown.total)
            terms = {name: float(value) for name, value in breakdown.terms.items()}
            told.setdefault(agent, {})["reward_terms"] = terms
        self._add(rewards, told, infos)
        if not self.env.agents:
            metrics = {name: float(values[0]) for name, values in self._metrics.values().items()}
            for agent in told:
                told[agent]["metrics"] = metrics
        return seen, totals, terminated, truncated, told

    def _add(self, agents: Mapping[str, Any], told: ByAgent, infos: ByAgent) -> None:
        """One step for the metrics: sums over agents, divided by all that there may be."""
        count = len(self.possible_agents)
        names = {name for agent in agents for name in told[agent]["reward_terms"]}
        terms = {
            name: sum(told[agent]["reward_terms"].get(name, 0.0) for agent in agents) / count
            for name in names
        }
        self._metrics.add(terms, _means([infos.get(agent, {}) for agent in agents]))

    def _split(self, observations: ByAgent, infos: ByAgent) -> tuple[ByAgent, ByAgent]:
        """Observations and infos; a mask that is part of the observation belongs to the info."""
        seen: ByAgent = dict(observations)
        told: ByAgent = {agent: {} for agent in observations}
        if not self._masks:
            return seen, told
        for agent, observation in observations.items():
            if isinstance(self.env.observation_space(agent), gym.spaces.Dict):
                seen[agent], mask = observation["observation"], observation["action_mask"]
            else:
                mask = infos[agent]["action_mask"]
            told[agent]["action_mask"] = np.asarray(mask, np.bool_)
        return seen, told


def has_masks(env: Any) -> bool:
    """Whether all agents of a parallel environment have masks: in what they observe, or in their infos."""
    each = [env.observation_space(agent) for agent in env.possible_agents]
    if all(isinstance(space, gym.spaces.Dict) and "action_mask" in space.spaces for space in each):
        return True
    try:
        _, infos = env.reset(seed=0)
    except Exception as error:  # environments raise anything
        raise InvalidValueError(f"The environment cannot be reset: {first_line(error)}.") from error
    return bool(infos) and all("action_mask" in info for info in infos.values())


def _means(infos: Sequence[Info]) -> Info:
    """Numbers in the infos of agents, each as the mean over those that give it."""
    numbers: dict[str, list[float]] = {}
    for info in infos:
        for name, value in info.items():
            if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "fiub":
                numbers.setdefault(name, []).append(float(value))
    return {name: sum(values) / len(values) for name, values in numbers.items()}


def make_pettingzoo(
    config: PettingZooConfig,
    reward: RewardSpec,
    render_mode: str | None = None,
    *,
    metrics: Sequence[Metric],
    masks: bool = False,
    wrap: Sequence[Callable[[Any], Any] | str] = (),
) -> ExternalParallelEnv:
    """The environment that a config names, as a task.

    Raises:
        InvalidValueError: If the module has no parallel environment, or it cannot be made.
    """
    env = bare(config.module, config.kwargs, render_mode)
    env = wrapped(env, (*wrap, *config.wrap), "possible_agents")
    return ExternalParallelEnv(env, reward, metrics, masks)


def bare(module: str, kwargs: Mapping[str, Any], render_mode: str | None = None) -> Any:
    """What a module's ``parallel_env`` gives; raises as `make_pettingzoo`."""
    make = loaded(f"{module}:parallel_env", "The PettingZoo environment")
    given = dict(kwargs) if render_mode is None else {"render_mode": render_mode, **kwargs}
    try:
        return make(**given)
    except SandboxError:
        raise
    except Exception as error:  # constructors of environments raise anything
        raise InvalidValueError(f"pettingzoo:{module} cannot be made: {first_line(error)}.") from error

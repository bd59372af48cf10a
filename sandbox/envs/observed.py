"""Environments that show something else than their own observation."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from sandbox.api.batch.make import MakeVectorEnv
from sandbox.api.batch.vector import BatchedVectorEnv
from sandbox.api.errors import MisfitError
from sandbox.api.extension import Observation, Observer
from sandbox.api.types import Element, Environment, Info, Reset, VectorEnvironment
from sandbox.envs.wrappers import AnyVectorWrapper
from sandbox.registry.resolve import resolve
from sandbox.scenarios.resolve import ResolvedScenario


def observation_of(scenario: ResolvedScenario) -> Observation | None:
    """What a scenario shows instead of the environment's own observation.

    Raises:
        MisfitError: For a task of several agents.
    """
    chosen = scenario.observation
    if chosen is not None and scenario.task.agents != "single":
        raise MisfitError(
            f"The observation '{chosen.name}' cannot be shown: {scenario.spec.task} has several agents.",
            "Observations can be chosen for tasks of one agent.",
        )
    return chosen


class ObservedEnv(gym.Wrapper[Any, Any, Any, Any]):
    """One environment with another observation."""

    def __init__(self, env: Environment, observation: Observation) -> None:
        super().__init__(env)
        self._observer: Observer = resolve(observation.make)(env.unwrapped)
        self.observation_space = self._observer.space

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> Reset:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._shown(observation), info

    def step(self, action: Element) -> tuple[Any, Any, bool, bool, Info]:
        """One step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self._shown(observation), reward, terminated, truncated, info

    def _shown(self, observation: Element) -> Any:
        return _row(self._observer(_batched(observation)), 0)


class ObservedVectorEnv(AnyVectorWrapper):
    """A native vector environment with an observation that is a function of its own."""

    changes_observations = True

    def __init__(self, env: VectorEnvironment, observation: Observation) -> None:
        super().__init__(env)
        self._observer: Observer = resolve(observation.make)(env.unwrapped)
        self._single_observation_space = self._observer.space
        self._observation_space = batch_space(self._observer.space, env.num_envs)

    def reset(self, *, seed: Any = None, options: Info | None = None) -> Reset:
        """Begin an episode everywhere."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self._observer(observation), info

    def step(self, actions: Element) -> tuple[Any, Any, Any, Any, Info]:
        """One step of all rows; last observations of ended episodes are changed as well."""
        observation, reward, terminated, truncated, info = self.env.step(actions)
        if "final_obs" in info:
            final = np.array(info["final_obs"], dtype=object)
            for row in np.flatnonzero(info["_final_obs"]).tolist():
                final[row] = _row(self._observer(_batched(final[row])), 0)
            info = info | {"final_obs": final}
        return self._observer(observation), reward, terminated, truncated, info


def observed(envs: VectorEnvironment, scenario: ResolvedScenario) -> VectorEnvironment:
    """A native vector environment that shows what the scenario asks for; see `shows_natively`."""
    chosen = observation_of(scenario)
    if chosen is None:
        return envs
    bare = envs.unwrapped
    if isinstance(bare, BatchedVectorEnv):
        bare.observe_with(resolve(chosen.make)(bare))
        return envs
    return ObservedVectorEnv(envs, chosen)


def shows_natively(scenario: ResolvedScenario) -> bool:
    """Whether a native vector environment can show what the scenario asks for."""
    chosen = observation_of(scenario)
    return chosen is None or chosen.pure or isinstance(resolve(scenario.task.make_vec), MakeVectorEnv)


def _batched(observation: Element) -> Any:
    if isinstance(observation, dict):
        return {key: _batched(part) for key, part in observation.items()}
    return np.asarray(observation)[None]


def _row(observation: Element, row: int) -> Any:
    if isinstance(observation, dict):
        return {key: _row(part, row) for key, part in observation.items()}
    return observation[row]

"""What an expert would do now, beside every observation: ``info["expert_action"]``."""

from __future__ import annotations

from typing import Any, Protocol

import gymnasium as gym
import numpy as np

from sandbox.api.policy import Policy
from sandbox.api.types import Array, Element, Environment, Json, Reset, Space, VectorEnvironment
from sandbox.envs.wrappers import AnyVectorWrapper

KEY = "expert_action"


class MakeExpert(Protocol):
    """Makes an expert for an environment; can be sent to other processes."""

    @property
    def memoryless(self) -> bool:
        """Whether an action depends on the present state and observation alone."""
        ...

    def __call__(self, env: Any, action_space: Space) -> Policy:
        """The expert, bound to the task's own environment.

        Args:
            env: Unwrapped.
            action_space: Of one row.
        """
        ...


class HasState(Protocol):
    """What a task's environment may have beside Gymnasium's interface, where observations show only a part.

    An expert that was trained on the state can then teach a learner that sees less, such as pictures.
    """

    @property
    def state_space(self) -> Space:
        """Space of the state of one environment, as a scenario that observes it has it."""
        ...

    def state(self) -> Array:
        """The present state; a batch has the axis over environments first. It draws no random numbers."""
        ...


class ExpertLabels(gym.Wrapper[Any, Any, Any, Any]):
    """Asks an expert after every reset and step of one environment, or of all its agents.

    Args:
        env: A Gymnasium environment or a `sandbox.envs.multiagent.JointEnv`.
        make: Makes the expert.
    """

    def __init__(self, env: Environment, make: MakeExpert) -> None:
        super().__init__(env)
        joint: Any = env
        self._agents = len(getattr(env, "agents", ())) or None
        bare = joint.parallel if self._agents else env
        space = joint.row_action_space if self._agents else env.action_space
        self._policy = make(bare.unwrapped, space)

    def reset(self, *, seed: int | None = None, options: Json | None = None) -> Reset:
        """Begin an episode, the expert's as well."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._policy.reset(self._agents or 1, seed)
        return observation, self._labelled(observation, info)

    def step(self, action: Element) -> tuple[Any, Any, bool, bool, Json]:
        """Step; at the end of an episode nobody is asked."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        if not (terminated or truncated):
            info = self._labelled(observation, info)
        return observation, reward, terminated, truncated, info

    def _labelled(self, observation: Element, info: Json) -> Json:
        mask = info.get("action_mask")
        if self._agents:
            return info | {KEY: np.asarray(self._policy.act(observation, mask))}
        action = self._policy.act(_batched(observation), None if mask is None else np.asarray(mask)[None])
        return info | {KEY: np.asarray(action)[0]}


class NativeExpertLabels(AnyVectorWrapper):
    """Asks an expert without memory for all rows of a native vector environment at once.

    Args:
        env: In SAME_STEP mode; its first axis may be whole copies of several agents.
        make: Makes the expert.
    """

    def __init__(self, env: VectorEnvironment, make: MakeExpert) -> None:
        super().__init__(env)
        bare: Any = env.unwrapped
        self._agents = len(getattr(bare, "agents", ())) or None
        space = bare.row_action_space if self._agents else env.single_action_space
        self._policy = make(bare, space)

    def reset(self, *, seed: Any = None, options: Json | None = None) -> Reset:
        """Begin an episode everywhere."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._policy.reset(self.num_envs * (self._agents or 1), 0)
        return observation, self._labelled(observation, info)

    def step(self, actions: Element) -> tuple[Any, Any, Any, Any, Json]:
        """Step; rows that have ended are labelled for the first step of their next episode."""
        observation, reward, terminated, truncated, info = self.env.step(actions)
        return observation, reward, terminated, truncated, self._labelled(observation, info)

    def _labelled(self, observation: Element, info: Json) -> Json:
        mask = info.get("action_mask")
        everyone = np.ones(self.num_envs, np.bool_)
        if self._agents is None:
            action = np.asarray(self._policy.act(observation, mask))
        else:
            rows = self._policy.act(_flat(observation), None if mask is None else _flat(mask))
            action = np.reshape(rows, (self.num_envs, self._agents, *np.shape(rows)[1:]))
        return info | {KEY: action, f"_{KEY}": everyone}


def _flat(values: Any) -> Array:
    return np.reshape(values, (-1, *np.shape(values)[2:]))


def _batched(observation: Element) -> Any:
    if isinstance(observation, dict):
        return {key: _batched(part) for key, part in observation.items()}
    return np.asarray(observation)[None]

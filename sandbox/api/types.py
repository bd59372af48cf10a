"""Types that the whole code shares: environments, what they take and give, arrays, plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, SupportsFloat, TypeAlias

import gymnasium as gym
import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any element type; docstrings give shapes."""

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]

DType = np.dtype[Any]

Space = gym.Space[Any]
Environment = gym.Env[Any, Any]
VectorEnvironment = VectorEnv[Any, Any, Any]

Element: TypeAlias = Any
"""An element of a space, or a batch of such: an array, a number, or a dict or tuple of these."""

Observation = Array | Mapping[str, Array]
"""A batch of observations, shape ``(num_envs, …)``; a mapping of such arrays for a Dict space."""

Info = dict[str, Any]
"""The info of a reset or a step."""

Options = dict[str, Any]
"""Options of a reset."""

Seeds = int | list[int] | None
"""Seed of a vector environment: one for all, which counts on from it, or one an environment."""

Reset = tuple[Element, Info]
"""Observation and info."""

Step = tuple[Element, SupportsFloat, bool, bool, Info]
"""Observation, reward, terminated, truncated and info of one environment."""

VectorStep = tuple[Element, Array, Array, Array, Info]
"""The same of a vector environment, one entry an environment."""

JsonValue: TypeAlias = "bool | int | float | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
"""What a JSON document can hold."""

Json = dict[str, Any]
"""A tree of plain values: a JSON document that has been read, or a training state with its arrays."""


class Stateful(Protocol):
    """An environment whose state can be read and set; see `sandbox.api.Task.resume`."""

    def get_state(self) -> Json:
        """Everything that later steps and resets depend on, besides the generator."""
        ...

    def set_state(self, state: Json) -> None:
        """Go back to a state; the environment has been reset before."""
        ...


class ParallelEnvironment(Protocol):
    """What is used of ``pettingzoo.ParallelEnv``."""

    agents: list[str]
    possible_agents: list[str]
    metadata: dict[str, Any]
    render_mode: str | None

    @property
    def unwrapped(self) -> ParallelEnvironment:
        """The task's own environment."""
        ...

    def observation_space(self, agent: str) -> Space:
        """An agent's space."""
        ...

    def action_space(self, agent: str) -> Space:
        """An agent's space."""
        ...

    def reset(
        self, seed: int | None = None, options: Options | None = None
    ) -> tuple[dict[str, Element], dict[str, Info]]:
        """Observations and infos by agent."""
        ...

    def step(
        self, actions: dict[str, Element]
    ) -> tuple[dict[str, Element], dict[str, float], dict[str, bool], dict[str, bool], dict[str, Info]]:
        """Observations, rewards, terminated, truncated and infos by agent."""
        ...

    def render(self) -> Array | str | list[Array] | None:
        """A frame."""
        ...

    def close(self) -> None:
        """Free what is held."""
        ...

"""Types that the backends share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

Array = NDArray[Any]
"""An array of any element type; docstrings give shapes."""

Space = gym.Space[Any]
VectorEnvironment = VectorEnv[Any, Any, Any]

Observation = Array | Mapping[str, Array]
"""A batch of observations, shape ``(num_envs, …)``; a mapping of such arrays for a Dict space."""

Json = dict[str, Any]
"""A tree of plain values, as a JSON document or a training state holds it."""

Info = Mapping[str, Any]
"""The info of a reset or a step."""

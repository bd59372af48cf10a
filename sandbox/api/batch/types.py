"""Names for what environments pass around."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
Flags: TypeAlias = NDArray[np.bool_]
Observation: TypeAlias = Any
"""An array, or a dict of arrays for a Dict space."""

Info: TypeAlias = dict[str, Any]
Space: TypeAlias = gym.Space[Any]
Config: TypeAlias = Any
"""The task's parameters, an instance of its pydantic model."""

Core: TypeAlias = Any
"""A `sandbox.api.BatchedCore` or `sandbox.api.ParallelCore`, with whatever else its author gave it."""

MakeCore: TypeAlias = Callable[..., Any]
"""``(config, num_envs) -> core``; with ``render_mode`` where it takes that."""

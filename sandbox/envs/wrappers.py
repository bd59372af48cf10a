"""Classes of Gymnasium with their type parameters.

Some of them take type parameters from version 1.3 on only; here they are for use with older ones too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, VectorWrapper

from sandbox.api.types import Options, Reset, VectorEnvironment

AnyWrapper = gym.Wrapper[Any, Any, Any, Any]

if TYPE_CHECKING:
    AnyVectorWrapper = VectorWrapper[Any, Any, Any, Any, Any]
    AnyAsyncVectorEnv = AsyncVectorEnv[Any, Any]
else:
    AnyVectorWrapper, AnyAsyncVectorEnv = VectorWrapper, AsyncVectorEnv


def reset_with(
    envs: VectorEnvironment, seed: int | Sequence[int | None] | None, options: Options | None
) -> Reset:
    """Reset environments with a seed for all or one each; Gymnasium takes lists, but types an int."""
    reset: Callable[..., Reset] = envs.reset
    return reset(seed=seed, options=options)

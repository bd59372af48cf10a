"""Base classes of Gymnasium that take type parameters from version 1.3 on, for use with older ones too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gymnasium.vector import AsyncVectorEnv, VectorWrapper

if TYPE_CHECKING:
    AnyVectorWrapper = VectorWrapper[Any, Any, Any, Any, Any]
    AnyAsyncVectorEnv = AsyncVectorEnv[Any, Any]
else:
    AnyVectorWrapper, AnyAsyncVectorEnv = VectorWrapper, AsyncVectorEnv

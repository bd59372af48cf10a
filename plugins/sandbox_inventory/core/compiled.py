"""Decides whether compiled loops are used: for large batches, where Numba is installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

MIN_COMPILED_ENVS = 64
"""Batch size from which loading and calling compiled code pays off."""

CORE_KERNELS = "sandbox_inventory.core.kernels"


def kernels(num_envs: int, module: str = CORE_KERNELS) -> ModuleType | None:
    """A module of compiled loops for a large batch; None for a small batch, or without Numba."""
    return _load(module) if num_envs >= MIN_COMPILED_ENVS else None


@cache
def _load(module: str) -> ModuleType | None:
    try:
        return import_module(module)
    except ImportError:
        return None

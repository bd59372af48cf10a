"""Whether compiled loops are used: for large batches, where Numba is installed."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

COMPILED_FROM = 64
"""Copies from which on loading and calling compiled code pays."""


def kernels(copies: int) -> ModuleType | None:
    """`sandbox_inventory.core.kernels` for a large batch; None for a small one, and without Numba."""
    return _kernels() if copies >= COMPILED_FROM else None


@cache
def _kernels() -> ModuleType | None:
    try:
        return import_module("sandbox_inventory.core.kernels")
    except ImportError:
        return None

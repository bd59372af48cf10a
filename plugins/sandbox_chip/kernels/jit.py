"""How this plugin compiles: by Numba, cached on disk, and releasing the global interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.api.kernels import compiled

Function = TypeVar("Function", bound=Callable[..., Any])


def njit(function: Function) -> Function:
    """Compile ``function`` in nopython mode when it is first called; its annotations are for readers."""
    return compiled(function)


def vectorised(function: Function) -> Function:
    """As `njit`, with NumPy's rule for a division by zero: Python's keeps loops from being vectorised."""
    return compiled(function, error_model="numpy")

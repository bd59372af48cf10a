"""How the core compiles: by Numba, cached on disk, and releasing the global interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.api.kernels import compiled

Function = TypeVar("Function", bound=Callable[..., Any])

# Sums may be reordered and contracted, but NaN and infinity stay what they are: a training that diverges has
# to be seen. NumPy's rule for a division by zero, because Python's keeps loops from being vectorised.
FAST: Any = {"fastmath": {"reassoc", "contract", "arcp", "nsz"}, "error_model": "numpy"}


def njit(function: Function) -> Function:
    """Compile ``function`` when it is first called; sums may be reordered."""
    return compiled(function, __package__, **FAST)


def exact(function: Function) -> Function:
    """Compile ``function`` when it is first called, rounding as NumPy does."""
    return compiled(function, __package__)

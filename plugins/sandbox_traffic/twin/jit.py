"""How the twin compiles: by Numba, cached on disk, and releasing the global interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sandbox.api.kernels import compiled

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"error_model": "numpy", "_nrt": False}
"""No reference to an array is counted; see `njit`."""


def njit(function: Function) -> Function:
    """Compile ``function`` in nopython mode when it is first called; its annotations are for readers.

    Without counting references to arrays, which would take most of the time of small functions: none of them
    makes or keeps an array, and the caller holds all of them.
    """
    return compiled(function, **OPTIONS)


def inlined(function: Function) -> Function:
    """As `njit`, and copied into who calls it: a call hands over a hundred words of arrays."""
    return compiled(function, **OPTIONS, forceinline=True)

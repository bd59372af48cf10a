"""Compiled loops over the environments of a batch: the same bits as the NumPy code that they replace.

Each does for one environment after the other, in the same order of operations, what the NumPy code does for
all at once, so results do not depend on which of the two ran. Loaded for large batches only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sandbox.api.kernels import compiled
from sandbox_inventory.core.arrays import Array

njit: Any = compiled


@njit  # type: ignore[untyped-decorator]
def invert(uniform: Array, cumulative: Array, guide: Array, values: Array) -> None:
    """Quantiles of a distribution on the integers: the smallest k with u < P(d <= k), for every u.

    Args:
        uniform: Numbers in [0, 1), flat.
        cumulative: P(d <= 0), P(d <= 1), …; the last entry is infinite.
        guide: Where the search begins for each of ``len(guide)`` equal parts of [0, 1).
        values: Results are written here, flat.
    """
    cells = len(guide)
    for i in range(len(uniform)):
        u = uniform[i]
        k = guide[int(u * cells)]
        while u >= cumulative[k]:
            k += 1
        values[i] = k


@njit  # type: ignore[untyped-decorator]
def write_scaled(values: Array, unit: float, into: Array, first_column: int) -> None:
    """Write ``values / unit`` in single precision into the columns of ``into`` from ``first_column`` on."""
    num_envs, columns = values.shape
    for env in range(num_envs):
        for column in range(columns):
            into[env, first_column + column] = np.float32(values[env, column] / unit)

"""Array operations that every model of this package uses; rows are the environments of a batch.

``xp`` is the namespace of the arrays: NumPy, or torch where gradients are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def positive(values: Array, xp: ModuleType = np) -> Array:
    """max(values, 0)."""
    result: Array = np.maximum(values, 0.0) if xp is np else xp.clip(values, 0.0, None)
    return result


def receive(net: Array, quantity: Array, xp: ModuleType = np) -> tuple[Array, Array]:
    """Net stock after a receipt, and the part of the receipt that serves the backlog.

    Args:
        net: Stock on hand less backlog, units.
        quantity: Units received; same shape as ``net``.
        xp: Namespace of the arrays.
    """
    after = net + quantity
    return after, quantity - (positive(after, xp) - positive(net, xp))


def advance(pipeline: Array, quantity: Array, xp: ModuleType = np) -> tuple[Array, Array]:
    """Move a pipeline by one period: what arrives next, and the pipeline with the new order at its end.

    Args:
        pipeline: Outstanding orders, shape ``(num_envs, L - 1, …)``, next arrival first.
        quantity: The new order, shape ``(num_envs, …)``.
        xp: Namespace of the arrays.
    """
    if pipeline.shape[1] == 0:
        return quantity, pipeline
    return pipeline[:, 0], xp.concatenate([pipeline[:, 1:], quantity[:, None]], axis=1)


def column_sum(values: Array) -> Array:
    """Sum over the last axis, column after column.

    ``values.sum(-1)`` is not used because its order of summation depends on the number of columns, and
    the compiled kernels must give the same bits.
    """
    total: Array = values[..., 0].copy()
    for column in range(1, values.shape[-1]):
        total += values[..., column]
    return total


def weighted_sum(values: Array, weights: Array) -> Array:
    """Σ values·weights over the last axis, shape ``(num_envs,)``.

    A matrix product is not used because BLAS rounds a row differently in batches of different sizes, and
    an environment of a batch must give the same bits as a single environment.
    """
    return column_sum(values * weights)


def priced(columns: Sequence[Array], rates: Sequence[float]) -> Array:
    """Σ rate·column in this order, the columns being arrays of any library of shape ``(num_envs,)``."""
    total = columns[0] * rates[0]
    for column, rate in zip(columns[1:], rates[1:], strict=True):
        total = total + column * rate
    return total

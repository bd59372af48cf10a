"""Array operations that every model of this package uses; rows are the environments of a batch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def positive(values: Array) -> Array:
    """max(values, 0)."""
    result: Array = np.maximum(values, 0.0)
    return result


def receive(net: Array, quantity: Array) -> tuple[Array, Array]:
    """Net stock after a receipt, and the part of the receipt that serves the backlog.

    Args:
        net: Stock on hand less backlog, units.
        quantity: Units received; same shape as ``net``.
    """
    after = net + quantity
    return after, quantity - (positive(after) - positive(net))


def advance(pipeline: Array, quantity: Array) -> tuple[Array, Array]:
    """Move a pipeline by one period: what arrives next, and the pipeline with the new order at its end.

    Args:
        pipeline: Outstanding orders, shape ``(num_envs, L - 1, …)``, next arrival first.
        quantity: The new order, shape ``(num_envs, …)``.
    """
    if pipeline.shape[1] == 0:
        return quantity, pipeline
    shifted = np.empty_like(pipeline)
    shifted[:, :-1] = pipeline[:, 1:]
    shifted[:, -1] = quantity
    return pipeline[:, 0], shifted


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

"""Recorded actions as labels: what a policy's distribution would have had to draw."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array
from sandbox.backends.actors.distributions import Categorical, Distribution, Gaussian

MIN_LOG_STD = -5.0
"""A deterministic expert leaves no deviation; it is held above this, in half widths of the range."""


def raw_actions(distribution: Distribution, actions: Array) -> Array:
    """The raw draws that stand for actions; the inverse of `Distribution.action` within the bounds."""
    flat: Array = np.asarray(actions).reshape(len(actions), -1)
    if isinstance(distribution, Categorical):
        start = np.asarray(distribution.space.start).reshape(1, -1)
        return np.asarray(flat - start, np.int64)
    if isinstance(distribution, Gaussian):
        return np.asarray((flat - distribution.middle) / distribution.half_width, np.float32)
    return flat


def permitting(
    distribution: Distribution, mask: NDArray[np.bool_] | None, raw: Array
) -> NDArray[np.bool_] | None:
    """The mask, with what the expert did allowed in any case: a label of no likelihood teaches nothing."""
    if mask is None or not isinstance(distribution, Categorical):
        return mask
    starts = np.cumsum([0, *distribution.sizes[:-1]])
    allowed = np.array(mask, np.bool_)
    np.put_along_axis(allowed, raw.astype(np.int64) + starts, True, axis=1)
    return allowed

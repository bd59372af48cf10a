"""scikit-learn's handwritten digits, and the networks' files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from sandbox.api.types import Array

DATA = Path(__file__).parent / "data"
"""Folder of the weights that ship."""


@dataclass(frozen=True)
class Digits:
    """1,797 digits of 8 × 8 pixels (Alpaydin & Kaynak 1998), copied from scikit-learn's wheel.

    Attributes:
        images: Shape ``(1797, 64)``, float32 from −1 (paper) to 1 (ink).
        labels: Shape ``(1797,)``, 0 to 9.
    """

    images: Array
    labels: Array


@cache
def load_digits() -> Digits:
    """All digits; read once a process."""
    from sklearn.datasets import load_digits as load

    images, labels = load(return_X_y=True)
    return Digits((np.asarray(images) / 8.0 - 1.0).astype(np.float32), np.asarray(labels, np.int64))

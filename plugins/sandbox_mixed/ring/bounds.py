"""What no controller of the ring can exceed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox.api import Bound


def bound(env: Any, metric: str, seeds: Sequence[int]) -> Bound | None:
    """Uniform flow of the human drivers alone, if automated vehicles needed no gap; mean over episodes."""
    if metric not in ("share", "speed"):
        return None
    values = []
    for seed in seeds:
        env.reset(seed=int(seed))
        speed = env.core.speed_bound()
        values.append(speed / env.core.equilibrium[0] if metric == "share" else speed)
    return Bound(
        float(np.mean(values)),
        "uniform flow of the human drivers if automated vehicles needed no gap",
        "Wu et al. 2017, Flow, arXiv 1710.05465, section V",
    )

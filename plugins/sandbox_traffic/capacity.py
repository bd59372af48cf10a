"""The capacity region: up to which demand a controller keeps queues bounded.

Along a direction of demand, the largest factor at which the number of vehicles on the way or outside does not
grow is found by bisection. Directions that differ in the share of a side give the boundary of the region.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sandbox.api import Seeds
from sandbox_traffic.baselines.controller import Controller
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.vector import make_signals_vec

MAX_GROWTH = 0.05
"""Queues count as bounded while they grow by at most this share of the vehicles that arrive."""

LOWEST, HIGHEST = 0.05, 5.0
"""Factors of demand between which the boundary is sought."""


def is_stable(config: SignalConfig, make: Callable[[Any], Controller], episodes: int) -> bool:
    """Whether a controller keeps queues bounded, by the mean of some episodes of the tuning seeds."""
    envs = make_signals_vec(config, PRESETS["queue"], episodes)
    try:
        low = Seeds().tuning[0]
        envs.reset(seed=[low + index for index in range(episodes)])
        controller = make(envs)
        controller.reset(episodes)
        while True:
            *_, info = envs.step(controller.act(None).reshape(episodes, len(envs.agents)))
            if "final_info" in info:
                metrics = info["final_info"]["metrics"]
                return bool(np.mean(metrics["growth"]) <= MAX_GROWTH * np.mean(metrics["throughput"]))
    finally:
        envs.close()


def largest_stable(stable: Callable[[float], bool], tolerance: float = 0.02) -> float:
    """The largest factor of demand that is stable, by bisection, to ``tolerance`` of itself.

    Args:
        stable: Whether a factor is; stable below some factor and not above.
        tolerance: Width at which the search ends, as a share.

    Returns:
        A stable factor; 0 if `LOWEST` is not stable, `HIGHEST` if that is.
    """
    low, high = LOWEST, HIGHEST
    if not stable(low):
        return 0.0
    if stable(high):
        return high
    while high / low > 1 + tolerance:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if stable(middle) else (low, middle)
    return low


def capacity(
    config: SignalConfig, make: Callable[[Any], Controller], episodes: int = 2, tolerance: float = 0.02
) -> float:
    """The largest factor on a configuration's demand at which a controller keeps queues bounded."""

    def stable(factor: float) -> bool:
        return is_stable(config.model_copy(update={"demand": factor}), make, episodes)

    return largest_stable(stable, tolerance)

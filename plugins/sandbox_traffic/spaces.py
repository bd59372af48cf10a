"""Gymnasium spaces of signals."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sandbox_traffic.copies import Copies


def signal_spaces(copies: Copies, index: int) -> tuple[gym.Space[Any], gym.spaces.Discrete]:
    """Observation and action space of signal ``index``."""
    low, high = copies.observer.bounds(index)
    phases = len(copies.ground.signals[index].greens)
    return gym.spaces.Box(low, high, dtype=np.float32), gym.spaces.Discrete(phases)


def padded_spaces(copies: Copies) -> tuple[gym.spaces.Box, gym.spaces.Discrete]:
    """Spaces that hold those of every signal, for a policy that they share."""
    shape = (copies.observer.width,)
    bounds = [copies.observer.bounds(index) for index in range(len(copies.ground.signals))]
    low = min(float(one.min()) for one, _ in bounds)
    high = max(float(one.max()) for _, one in bounds)
    return gym.spaces.Box(low, high, shape, np.float32), gym.spaces.Discrete(copies.ground.most_phases)

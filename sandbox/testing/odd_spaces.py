"""Spaces beyond the plain ones, each of which an algorithm trains on or refuses before anything starts."""

from __future__ import annotations

import gymnasium as gym
import numpy as np

from sandbox.api.types import Space

_BOX = gym.spaces.Box(-1.0, 1.0, (3,), np.float32)


def observations() -> dict[str, Space]:
    """Observation spaces by name, made anew: spaces keep a generator."""
    return {
        "box of doubles": gym.spaces.Box(-1.0, 1.0, (3,), np.float64),
        "box without bounds": gym.spaces.Box(-np.inf, np.inf, (2,), np.float32),
        "box of integers": gym.spaces.Box(0, 9, (3,), np.int64),
        "box of two axes": gym.spaces.Box(-1.0, 1.0, (2, 3), np.float32),
        "box of three axes": gym.spaces.Box(-1.0, 1.0, (2, 3, 4), np.float32),
        "box that cannot vary": gym.spaces.Box(1.0, 1.0, (3,), np.float32),
        "box of bytes": gym.spaces.Box(0, 255, (4,), np.uint8),
        "scalar box": gym.spaces.Box(-1.0, 1.0, (), np.float32),
        "empty box": gym.spaces.Box(-1.0, 1.0, (0,), np.float32),
        "discrete from 5": gym.spaces.Discrete(4, start=5),
        "multi-discrete from 1": gym.spaces.MultiDiscrete([2, 3], start=[1, 1]),
        "multi-binary of two axes": gym.spaces.MultiBinary((2, 2)),
        "dict of kinds": gym.spaces.Dict({"a": _BOX, "b": gym.spaces.Discrete(3, start=2)}),
        "dict with a dot": gym.spaces.Dict({"a.b": _BOX, "c": _BOX}),
        "nested dict": gym.spaces.Dict({"a": gym.spaces.Dict({"b": _BOX})}),
        "empty dict": gym.spaces.Dict({}),
        "tuple": gym.spaces.Tuple((_BOX, _BOX)),
    }


def actions() -> dict[str, Space]:
    """Action spaces by name, made anew."""
    return {
        "box of doubles": gym.spaces.Box(-1.0, 1.0, (2,), np.float64),
        "box with other bounds": gym.spaces.Box(np.array([0, -5], np.float32), np.array([1, 9], np.float32)),
        "box that cannot vary": gym.spaces.Box(np.array([0, -1], np.float32), np.array([0, 1], np.float32)),
        "box without bounds": gym.spaces.Box(-np.inf, np.inf, (2,), np.float32),
        "box of integers": gym.spaces.Box(0, 9, (3,), np.int64),
        "box of two axes": gym.spaces.Box(-1.0, 1.0, (2, 2), np.float32),
        "scalar box": gym.spaces.Box(-1.0, 1.0, (), np.float32),
        "empty box": gym.spaces.Box(-1.0, 1.0, (0,), np.float32),
        "discrete from 5": gym.spaces.Discrete(3, start=5),
        "discrete of one": gym.spaces.Discrete(1),
        "multi-discrete from 1": gym.spaces.MultiDiscrete([2, 3], start=[1, 1]),
        "multi-discrete of two axes": gym.spaces.MultiDiscrete(np.array([[2, 3], [2, 2]])),
        "multi-binary of two axes": gym.spaces.MultiBinary((2, 2)),
        "tuple": gym.spaces.Tuple((gym.spaces.Discrete(2), gym.spaces.Discrete(2))),
    }


SHARED = (
    "box of doubles",
    "box without bounds",
    "box of integers",
    "discrete from 5",
    "multi-discrete from 1",
)
"""Those that tasks of several agents are tested with: an environment of several gives arrays of one kind."""

GAMES = (*SHARED, "box of two axes", "box of three axes")
"""Those that games are tested with: their environments give arrays of one kind too."""

"""Spaces of unlike agents padded to one, as SuperSuit pads them, and values cut back to an agent's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api.batch.types import Array, Space
from sandbox.api.errors import PluginError


def spaces_by_agent(given: Space | Mapping[str, Space], agents: Sequence[str]) -> dict[str, Space]:
    """The space of every agent."""
    if isinstance(given, spaces.Space):
        return dict.fromkeys(agents, given)
    return {agent: given[agent] for agent in agents}


def padded(by_agent: Mapping[str, Space]) -> Space:
    """A space that holds every agent's values, padded.

    Raises:
        PluginError: If the spaces are neither alike, nor all Box of one type, nor all Discrete from 0.
    """
    each = list(by_agent.values())
    if all(space == each[0] for space in each):
        return each[0]
    discrete = [space for space in each if isinstance(space, spaces.Discrete)]
    if len(discrete) == len(each) and not any(space.start for space in discrete):
        return spaces.Discrete(max(int(space.n) for space in discrete))
    boxes = [space for space in each if isinstance(space, spaces.Box)]
    kinds = {(space.dtype, len(space.shape)) for space in boxes}
    if len(boxes) != len(each) or len(kinds) != 1:
        raise PluginError(
            "The agents' spaces cannot be padded to one.",
            "Give all of them Box spaces of one dtype and number of axes, or Discrete spaces from 0.",
        )
    shape = tuple(np.max([space.shape for space in boxes], axis=0).tolist())
    low = np.min([_filled(space.low, shape, min(0, space.low.min())) for space in boxes], axis=0)
    high = np.max([_filled(space.high, shape, max(1e-5, space.high.max())) for space in boxes], axis=0)
    return spaces.Box(low, high, dtype=boxes[0].dtype.type)


def unseen(space: Space) -> Any:
    """What stands for an observation that nobody makes: 0, or the first value of a space of choices."""
    return space.start if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) else 0


def cutter(space: Space, row: Space) -> Callable[[Array], Array]:
    """A function that cuts one agent's part out of a padded observation, as a copy."""
    if not isinstance(space, spaces.Box) or space.shape == row.shape:
        return np.array
    return partial(_cut, space.shape)


def _cut(shape: tuple[int, ...], values: Array) -> Array:
    return np.array(values[tuple(slice(size) for size in shape)])


def _filled(bound: Array, shape: tuple[int, ...], value: float) -> Array:
    wide = np.full(shape, value, bound.dtype)
    wide[tuple(slice(size) for size in bound.shape)] = bound
    return wide

"""The spaces that Stable-Baselines3 sees, and conversion between them and the task's own.

SB3 wants discrete values that start at zero, and it computes in 32-bit floats. Everything else is
passed through, so that a run through this adapter is the run that plain SB3 would have done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Observation, Space

SB3Observation = Array | dict[str, Array]
"""A batch of observations in SB3's form."""

ToSB3 = Callable[[Observation], SB3Observation]
ToTask = Callable[[Array], Array]


def sb3_observation_space(space: Space) -> Space:
    """The observation space in the form SB3 takes.

    Raises:
        MisfitError: If SB3 cannot observe it (Tuple, nested Dict, …).
    """
    if isinstance(space, spaces.Dict):
        if not space.spaces or any(isinstance(part, (spaces.Dict, spaces.Tuple)) for part in space.values()):
            raise MisfitError("Stable-Baselines3 takes no empty or nested Dict observations.")
        return spaces.Dict([(key, sb3_observation_space(part)) for key, part in space.spaces.items()])
    if isinstance(space, spaces.Box):
        if space.dtype.kind != "f":
            return deepcopy(space)
        with np.errstate(over="ignore"):
            return spaces.Box(space.low.astype(np.float32), space.high.astype(np.float32))
    if isinstance(space, spaces.MultiDiscrete) and len(space.shape) > 1:
        raise MisfitError(f"Stable-Baselines3 takes no MultiDiscrete observations of shape {space.shape}.")
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        return _from_zero(space)
    raise MisfitError(f"Stable-Baselines3 takes no observations of type {type(space).__name__}.")


def sb3_action_space(space: Space) -> Space:
    """The action space in the form SB3 takes.

    Raises:
        MisfitError: If SB3 cannot act in it (unbounded or integer Box, more than one dimension, …).
    """
    if isinstance(space, spaces.Box):
        if space.dtype.kind != "f" or not (np.isfinite(space.low).all() and np.isfinite(space.high).all()):
            raise MisfitError(
                f"Stable-Baselines3 needs continuous actions with finite bounds, not {space}.",
                "Give the task's action space finite bounds, such as [-1, 1].",
            )
        return deepcopy(space)
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)) and len(space.shape) > 1:
        raise MisfitError(
            f"Stable-Baselines3 takes no {type(space).__name__} actions of shape {space.shape}."
        )
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)):
        return _from_zero(space)
    raise MisfitError(f"Stable-Baselines3 takes no actions of type {type(space).__name__}.")


def observation_reader(space: Space) -> ToSB3:
    """A function that copies a batch of the task's observations into the form SB3 takes.

    The copy is needed: SB3 keeps a reference to the last observation, while vector environments may
    write the next one into the same memory.
    """
    if not isinstance(space, spaces.Dict):
        return _array_reader(space)
    readers = {key: _array_reader(part) for key, part in space.spaces.items()}

    def read(batch: Observation) -> dict[str, Array]:
        assert isinstance(batch, Mapping)
        return {key: read_part(batch[key]) for key, read_part in readers.items()}

    return read


def action_writer(space: Space) -> ToTask:
    """A function that turns a batch of SB3's actions into the task's."""
    dtype = space.dtype
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start):
        start = space.start
        return lambda actions: np.asarray(actions, dtype=dtype) + start
    return lambda actions: np.asarray(actions, dtype=dtype)


def normalisable(space: Space) -> list[str] | bool:
    """Which parts of observations can be scaled by running statistics.

    Returns:
        The keys of a Dict space, else whether the space as a whole can be.
    """
    if isinstance(space, spaces.Dict):
        return [key for key, part in space.spaces.items() if normalisable(part) is True]
    return isinstance(space, spaces.Box) and not is_image_space(space)


def _array_reader(space: Space) -> Callable[[Observation], Array]:
    if isinstance(space, spaces.Box) and space.dtype.kind == "f":
        return lambda batch: np.array(batch, dtype=np.float32)
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)) and np.any(space.start):
        start = space.start
        return lambda batch: np.array(batch) - start
    dtype = space.dtype
    return lambda batch: np.array(batch, dtype=dtype)


def _from_zero(space: Space) -> Space:
    if isinstance(space, spaces.Discrete) and space.start != 0:
        return spaces.Discrete(int(space.n))
    if isinstance(space, spaces.MultiDiscrete) and np.any(space.start):
        return spaces.MultiDiscrete(space.nvec, dtype=space.dtype.type)
    return deepcopy(space)

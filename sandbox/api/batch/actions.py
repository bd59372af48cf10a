"""Actions as a core takes them, refused where they are none of the space's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from gymnasium import spaces

from sandbox.api.batch.types import Array, Space
from sandbox.api.errors import InvalidValueError, PluginError

Reader = Callable[[object], Array]


def action_reader(space: Space, shape: tuple[int, ...]) -> Reader:
    """A function that turns a batch of actions into an array of the space's type.

    Args:
        space: Of one row.
        shape: Leading axes of a batch: ``(num_envs,)``, or ``(num_envs, k)``.

    Raises:
        PluginError: For a space that a batched core cannot have.

    The function raises `InvalidValueError` for actions of the wrong shape and for choices that the
    space does not have; numbers outside a Box are left to the core.
    """
    if not isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        raise PluginError(
            f"A batched core cannot have actions of type {type(space).__name__}.",
            "Use Box, Discrete, MultiDiscrete or MultiBinary.",
        )
    wanted = (*shape, *(space.shape or ()))
    dtype = space.dtype
    allowed = _choices(space, wanted)

    def read(actions: object) -> Array:
        array = np.asarray(actions, dtype)
        if array.shape != wanted:
            raise InvalidValueError(f"Actions have the shape {wanted}, not {array.shape}.")
        if allowed is not None and not allowed(array):
            raise InvalidValueError(f"The action {array.ravel()[:8].tolist()} is not in {space}.")
        return array

    return read


def _choices(space: Space, shape: tuple[int, ...]) -> Callable[[Array], bool] | None:
    """Whether all of an array are choices of a discrete space; None for spaces of other kinds."""
    if isinstance(space, spaces.Discrete):
        start, count = np.asarray(space.start), np.asarray(space.n)
    elif isinstance(space, spaces.MultiDiscrete):
        start, count = space.start, space.nvec
    else:
        return None
    unsigned = np.dtype(f"u{space.dtype.itemsize}")
    # One size for each entry of a batch: comparing along short rows would take ten times as long.
    sizes, from_zero = np.broadcast_to(count.astype(unsigned), shape).copy(), not start.any()

    def allowed(array: Array) -> bool:
        # Without a sign, what is below the first choice is far above the last one: one comparison.
        offsets = (array if from_zero else array - start).view(unsigned)
        return bool(np.count_nonzero(offsets >= sizes) == 0)

    return allowed

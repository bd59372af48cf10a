"""Actions as a core takes them, refused where they are none of the space's."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from sandbox.api.batch.types import Array, Space
from sandbox.api.errors import InvalidValueError, PluginError


class ActionReader:
    """Turns a batch of actions into an array of the space's type; a class, so that it can be pickled.

    Args:
        space: Of one row.
        shape: Leading axes of a batch: ``(num_envs,)``, or ``(num_envs, k)``.
        keeps_precision: Whether numbers for a Box keep the floating-point precision they are given in.

    Raises:
        PluginError: For a space that a batched core cannot have.
    """

    def __init__(self, space: Space, shape: tuple[int, ...], keeps_precision: bool = False) -> None:
        if not isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
            raise PluginError(
                f"A batched core cannot have actions of type {type(space).__name__}.",
                "Use Box, Discrete, MultiDiscrete or MultiBinary.",
            )
        self._space, self._dtype = space, space.dtype
        self._wanted = (*shape, *(space.shape or ()))
        self._keeps_precision = keeps_precision and isinstance(space, spaces.Box)
        self._allowed = ""
        self._start: Array | None = None
        self._sizes: Array | None = None
        if isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
            count = space.n if isinstance(space, spaces.Discrete) else space.nvec
            start = np.asarray(space.start)
            self._start = start if start.any() else None
            self._allowed = f"Allowed: {start} to {start + count - 1}."
            # One size for each entry of a batch: comparing along short rows would take ten times as long.
            sizes = np.asarray(count).astype(f"u{space.dtype.itemsize}")
            self._sizes = np.broadcast_to(sizes, self._wanted).copy()

    def __call__(self, actions: object) -> Array:
        """The actions as an array.

        Raises:
            InvalidValueError: For actions of the wrong shape, and for choices that the space does not have;
                numbers outside a Box are left to the core.
        """
        array = np.asarray(actions)
        if not self._keeps_precision or array.dtype.kind != "f":
            array = array.astype(self._dtype, copy=False)
        if array.shape != self._wanted:
            raise InvalidValueError(f"Actions have the shape {self._wanted}, not {array.shape}.")
        if self._sizes is not None:
            # Without a sign, what is below the first choice is far above the last one: one comparison.
            offsets = array if self._start is None else array - self._start
            if np.count_nonzero(offsets.view(self._sizes.dtype) >= self._sizes):
                raise InvalidValueError(
                    f"The action {array.ravel()[:8].tolist()} is not in {self._space}.", self._allowed
                )
        return array

"""Masks of allowed actions: their layout, and choices among what they allow.

A mask has one entry for every choice of an action space, true where it is allowed:

- Discrete: n entries; entry i is the action ``start + i``.
- MultiDiscrete: Σ nvec entries, those of the parts side by side; entry i of a part is its ``start + i``.
- MultiBinary: 2 n entries, for each bit those of 0 and 1.

Boxes have no masks. Which choice of one part is allowed cannot depend on that of another.
"""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Element, Space

Flags = NDArray[np.bool_]


def mask_size(space: Space) -> int:
    """Entries of a mask.

    Raises:
        MisfitError: If actions of the space have no masks.
    """
    return sum(_sizes(space))


def random_allowed(space: Space, mask: Flags, rng: np.random.Generator) -> Array:
    """Actions drawn uniformly among those that are allowed.

    Args:
        space: Of one row.
        mask: Shape ``(…, mask_size(space))``.
        rng: Draws one number for every entry of the mask.

    Returns:
        Shape ``(…, *space.shape)``.
    """
    allowed = np.asarray(mask, np.bool_)
    # The largest of independent uniforms over the allowed choices is uniform among them.
    return _largest(space, np.where(allowed, rng.random(allowed.shape), -1.0))


def first_allowed(space: Space, mask: Flags) -> Array:
    """The first action that is allowed; see `random_allowed`."""
    return _largest(space, np.asarray(mask, np.float64))


def is_allowed(space: Space, mask: Flags, actions: Element) -> Flags:
    """Whether each of a batch of actions is allowed.

    Args:
        space: Of one row.
        mask: Shape ``(…, mask_size(space))``.
        actions: Shape ``(…, *space.shape)``, of the space.
    """
    allowed = np.asarray(mask, np.bool_)
    choices = np.asarray(actions).reshape(*allowed.shape[:-1], -1) - _starts(space)
    offsets = np.cumsum([0, *_sizes(space)[:-1]])
    chosen = np.take_along_axis(allowed, (choices + offsets).astype(np.int64), axis=-1)
    return np.asarray(chosen.all(axis=-1), np.bool_)


def only_first(space: Space) -> Flags:
    """The mask that allows the first choice of every part: that of an agent which is absent."""
    mask = np.zeros(mask_size(space), np.bool_)
    mask[np.cumsum([0, *_sizes(space)[:-1]])] = True
    return mask


def _largest(space: Space, scores: NDArray[np.float64]) -> Array:
    """The actions whose choices have the largest scores."""
    sizes = _sizes(space)
    bounds = np.cumsum(sizes)[:-1]
    parts = [part.argmax(axis=-1) for part in np.split(scores, bounds, axis=-1)]
    choices = np.stack(parts, axis=-1) + _starts(space)
    shape = (*scores.shape[:-1], *(space.shape or ()))
    actions: Array = np.asarray(choices.reshape(shape), space.dtype)
    return actions


def _sizes(space: Space) -> list[int]:
    """Choices of every part."""
    if isinstance(space, spaces.Discrete):
        return [int(space.n)]
    if isinstance(space, spaces.MultiDiscrete):
        return [int(size) for size in space.nvec.ravel()]
    if isinstance(space, spaces.MultiBinary):
        return [2] * int(np.prod(space.shape))
    raise MisfitError(f"Actions of the type {type(space).__name__} have no masks.")


def _starts(space: Space) -> Array:
    """The first choice of every part."""
    return np.asarray(getattr(space, "start", 0)).ravel()

"""Spaces of environments made elsewhere in the forms that algorithms take.

Observations of Dict and Tuple spaces, however nested, become one Dict with keys such as ``arm_angle``.
Actions of several parts become one: whole choices a MultiDiscrete, numbers a Box.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.types import Space

AnySpace: TypeAlias = Space
Value: TypeAlias = Any
Convert: TypeAlias = Callable[[Value], Value]

HINT = "Wrap it in something that gives another space: --wrap module:function."


def observation_form(space: AnySpace, name: str) -> tuple[AnySpace, Convert]:
    """The space that algorithms observe, and a function from the environment's observations to it.

    Raises:
        MisfitError: If part of it is neither numbers nor choices.
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        leaves = list(_parts(space))
        parts = dict(leaves)
        if len(parts) < len(leaves):
            raise MisfitError(
                f"{name} observes two parts of the same name: {', '.join(k for k, _ in leaves)}.", HINT
            )
        for key, part in parts.items():
            _require_plain(part, f"{name} observes '{key}' as")
        return spaces.Dict({key: parts[key] for key in parts}), lambda value: dict(_values(space, value))
    _require_plain(space, f"{name} observes")
    if isinstance(space, spaces.Box):
        return space, lambda value: np.asarray(value, space.dtype)
    return space, lambda value: value


def action_form(space: AnySpace, name: str) -> tuple[AnySpace, Convert]:
    """The space that algorithms act in, and a function from their actions to the environment's.

    Raises:
        MisfitError: If choices and numbers are mixed, or part of it is neither.
    """
    if isinstance(space, spaces.Discrete):
        return space, int
    if isinstance(space, spaces.Box) or (
        isinstance(space, spaces.MultiDiscrete | spaces.MultiBinary) and len(space.shape) == 1
    ):
        return space, lambda action: np.asarray(action, space.dtype)
    parts = list(_parts(space)) if isinstance(space, spaces.Dict | spaces.Tuple) else [("", space)]
    flat = [_flat_part(part) for _, part in parts]
    kinds = {type(part) for part in flat}
    if kinds == {spaces.MultiDiscrete}:
        nvec = np.concatenate([part.nvec for part in flat])
        start = np.concatenate([part.start for part in flat])
        whole: AnySpace = spaces.MultiDiscrete(nvec, start=start)
    elif kinds == {spaces.Box}:
        low, high = (np.concatenate([getattr(part, end) for part in flat]) for end in ("low", "high"))
        whole = spaces.Box(low, high, dtype=np.float32)
    else:
        raise MisfitError(
            f"{name} takes actions of the type {type(space).__name__} that are neither all choices nor all "
            "numbers, which no algorithm gives.",
            HINT,
        )
    sizes = [math.prod(part.shape or (1,)) for _, part in parts]
    bounds = np.cumsum([0, *sizes])

    def convert(action: Value) -> Value:
        pieces = iter(np.asarray(action)[low:high] for low, high in pairwise(bounds))
        return _rebuilt(space, pieces)

    return whole, convert


def flat_mask(mask: Value) -> NDArray[np.bool_]:
    """A mask whose parts may come apart, as tuples or mappings, in the layout of `sandbox.api.masks`."""
    if isinstance(mask, Mapping):
        mask = tuple(mask.values())
    if isinstance(mask, tuple):
        return np.concatenate([flat_mask(part) for part in mask])
    return np.asarray(mask, np.bool_).ravel()


def _parts(space: AnySpace, above: str = "") -> Iterator[tuple[str, AnySpace]]:
    """The leaves of nested spaces with their paths, in order."""
    if isinstance(space, spaces.Dict):
        items = [(str(key), part) for key, part in space.spaces.items()]
    elif isinstance(space, spaces.Tuple):
        items = [(str(index), part) for index, part in enumerate(space.spaces)]
    else:
        yield above, space
        return
    for key, part in items:
        yield from _parts(part, _path(above, key))


def _path(above: str, key: str) -> str:
    """The name of a part; networks take no dots in names."""
    plain = key.replace(".", "_")
    return f"{above}_{plain}" if above else plain


def _values(space: AnySpace, value: Value, above: str = "") -> Iterator[tuple[str, Value]]:
    if isinstance(space, spaces.Dict):
        items = [(str(key), part, value[key]) for key, part in space.spaces.items()]
    elif isinstance(space, spaces.Tuple):
        items = [(str(index), part, value[index]) for index, part in enumerate(space.spaces)]
    else:
        yield above, np.asarray(value, space.dtype) if isinstance(space, spaces.Box) else value
        return
    for key, part, inner in items:
        yield from _values(part, inner, _path(above, key))


def _rebuilt(space: AnySpace, pieces: Iterator[Value]) -> Value:
    """An action of nested spaces from the pieces of a flat one."""
    if isinstance(space, spaces.Dict):
        return {key: _rebuilt(part, pieces) for key, part in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(_rebuilt(part, pieces) for part in space.spaces)
    piece = next(pieces)
    if isinstance(space, spaces.Discrete):
        return int(piece[0])
    return piece.reshape(space.shape).astype(space.dtype)


def _flat_part(space: AnySpace) -> Any:
    """A leaf as a MultiDiscrete or a Box of one axis; itself where it is neither."""
    if isinstance(space, spaces.Discrete):
        return spaces.MultiDiscrete([space.n], start=[space.start])
    if isinstance(space, spaces.MultiDiscrete):
        return spaces.MultiDiscrete(space.nvec.ravel(), start=space.start.ravel())
    if isinstance(space, spaces.MultiBinary):
        return spaces.MultiDiscrete(np.full(math.prod(space.shape), 2))
    if isinstance(space, spaces.Box) and space.dtype.kind == "f":
        return spaces.Box(space.low.ravel(), space.high.ravel(), dtype=space.dtype.type)
    return space


def _require_plain(space: AnySpace, what: str) -> None:
    if not isinstance(space, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
        raise MisfitError(f"{what} {type(space).__name__}, which no algorithm takes.", HINT)

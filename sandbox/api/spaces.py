"""Gymnasium spaces as strict JSON and as words.

A saved policy states the spaces it was trained on, so that it can be rebuilt, checked and described
without the environment. The documents are strict JSON (infinities are the strings ``"inf"`` and
``"-inf"``), compact for uniform bounds, and exact: ``space_from_json(space_to_json(s))`` has the same
bounds, dtypes and order of keys, bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.types import Array, Bools, DType, Json, JsonValue, Space

MAX_ELEMENTS = 100_000_000
"""Elements of one space that a document may ask for: a damaged file must not exhaust the memory."""

MAX_DEPTH = 16
"""Nesting of Dict and Tuple spaces."""


def space_to_json(space: Space) -> Json:
    """A document that `space_from_json` turns back into an equal space.

    Args:
        space: Box, Discrete, MultiDiscrete, MultiBinary, or Dict and Tuple of these.

    Returns:
        Plain dicts, lists, strings and finite numbers.

    Raises:
        MisfitError: For any other space.
    """
    if isinstance(space, spaces.Box):
        return {
            "type": "Box",
            "shape": list(space.shape),
            "dtype": space.dtype.name,
            "low": _bounds_to_json(space.low, space.bounded_below, "-inf"),
            "high": _bounds_to_json(space.high, space.bounded_above, "inf"),
        }
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "n": int(space.n), "start": int(space.start), "dtype": space.dtype.name}
    if isinstance(space, spaces.MultiDiscrete):
        return {
            "type": "MultiDiscrete",
            "nvec": space.nvec.tolist(),
            "start": space.start.tolist(),
            "dtype": space.dtype.name,
        }
    if isinstance(space, spaces.MultiBinary):
        return {"type": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.n)}
    if isinstance(space, spaces.Dict):
        # A list of pairs: the order of keys is the order in which observations are concatenated.
        return {"type": "Dict", "spaces": [[key, space_to_json(part)] for key, part in space.spaces.items()]}
    if isinstance(space, spaces.Tuple):
        return {"type": "Tuple", "spaces": [space_to_json(part) for part in space.spaces]}
    raise MisfitError(
        f"A space of type {type(space).__name__} cannot be saved.",
        "Supported: Box, Discrete, MultiDiscrete, MultiBinary, Dict and Tuple.",
    )


def space_from_json(document: object) -> Space:
    """The space that `space_to_json` described.

    Raises:
        DamagedRunError: If ``document`` is not such a description.
    """
    try:
        return _read(document, depth=0)
    except (KeyError, TypeError, ValueError, OverflowError, AssertionError) as error:
        raise DamagedRunError(f"The description of a space is damaged: {_sentence(error)}.") from error


def describe(space: Space) -> str:  # noqa: PLR0911 - one per kind of space
    """The space in words, for people, such as ``3 numbers in [-1, 1]``."""
    if isinstance(space, spaces.Box):
        return f"{_count(space.shape, _kind(space.dtype))} {_interval(space)}"
    if isinstance(space, spaces.Discrete):
        first, last = int(space.start), int(space.start + space.n - 1)
        return f"one of {last - first + 1} choices ({first} to {last})"
    if isinstance(space, spaces.MultiDiscrete):
        sizes = space.nvec.ravel().tolist()
        if len(set(sizes)) == 1:
            return f"{len(sizes)} choices among {sizes[0]} each"
        shown = ", ".join(str(size) for size in sizes[:8]) + (", …" if len(sizes) > 8 else "")
        return f"{len(sizes)} choices among {shown}"
    if isinstance(space, spaces.MultiBinary):
        return _count(space.shape, "yes-or-no value")
    if isinstance(space, spaces.Dict):
        return "{" + "; ".join(f"{key}: {describe(part)}" for key, part in space.spaces.items()) + "}"
    if isinstance(space, spaces.Tuple):
        return "(" + "; ".join(describe(part) for part in space.spaces) + ")"
    return str(space)


def _read(document: object, depth: int) -> Space:
    if depth > MAX_DEPTH:
        raise ValueError("it is nested too deeply")
    if not isinstance(document, Mapping):
        raise TypeError("it is not a mapping")
    kind = document["type"]
    if kind == "Box":
        return _read_box(document)
    if kind == "Discrete":
        return _discrete(
            _integer(document["n"]), _integer(document["start"]), _integer_dtype(document["dtype"])
        )
    if kind == "MultiDiscrete":
        dtype = _integer_dtype(document["dtype"])
        nvec, start = (_integer_array(document[key], dtype) for key in ("nvec", "start"))
        return spaces.MultiDiscrete(nvec, dtype=dtype, start=start)
    if kind == "MultiBinary":
        n = document["n"]
        return spaces.MultiBinary(list(_shape(n)) if isinstance(n, list) else _shape([n])[0])
    if kind == "Dict":
        pairs = [(key, _read(part, depth + 1)) for key, part in _sequence(document["spaces"])]
        if not all(isinstance(key, str) for key, _ in pairs) or len(dict(pairs)) != len(pairs):
            raise ValueError("its keys are not distinct strings")
        return spaces.Dict(pairs)
    if kind == "Tuple":
        return spaces.Tuple([_read(part, depth + 1) for part in _sequence(document["spaces"])])
    raise ValueError(f"unknown type {kind!r}")


def _read_box(document: Mapping[str, Any]) -> spaces.Box:
    shape = _shape(document["shape"])
    dtype = np.dtype(document["dtype"])
    if dtype.kind not in "iufb":
        raise ValueError(f"dtype {dtype} is not a number")
    low, bounded_below = _bounds_from_json(document["low"], shape, dtype)
    high, bounded_above = _bounds_from_json(document["high"], shape, dtype)
    space: spaces.Box = spaces.Box(low, high, shape, dtype.type)
    # An unbounded integer space has the limits of its dtype as bounds; only these flags tell.
    space.bounded_below, space.bounded_above = bounded_below, bounded_above
    return space


def _bounds_to_json(bounds: Array, bounded: Bools, infinity: str) -> JsonValue:
    """One number if all bounds are equal, else nested lists in the space's shape."""
    if bounds.size and (bounds == bounds.flat[0]).all() and (bounded == bounded.flat[0]).all():
        return _number(bounds.flat[0].item()) if bounded.flat[0] else infinity

    def nested(values: Any, flags: Any) -> JsonValue:
        if isinstance(values, list):
            return [nested(value, flag) for value, flag in zip(values, flags, strict=True)]
        return _number(values) if flags else infinity

    return nested(bounds.tolist(), bounded.tolist())


def _bounds_from_json(document: object, shape: tuple[int, ...], dtype: DType) -> tuple[Array, Bools]:
    """Bounds of the given shape and dtype, and which of them are finite."""
    if not isinstance(document, list):
        value, finite = _bound(document, dtype)
        return np.full(shape, value, dtype), np.full(shape, finite)
    values: list[float] = []
    flags: list[bool] = []

    def flatten(part: object, dims: tuple[int, ...]) -> None:
        if not dims:
            value, finite = _bound(part, dtype)
            values.append(value)
            flags.append(finite)
            return
        if not isinstance(part, list) or len(part) != dims[0]:
            raise ValueError(f"its bounds do not have the shape {shape}")
        for item in part:
            flatten(item, dims[1:])

    flatten(document, shape)
    return np.array(values, dtype).reshape(shape), np.array(flags, np.bool_).reshape(shape)


def _bound(value: object, dtype: DType) -> tuple[float, bool]:
    """A bound in the type of the space, and whether it is finite."""
    if isinstance(value, str) and value in ("inf", "-inf"):
        if dtype.kind == "i":
            limits = np.iinfo(dtype)
            return (limits.max if value == "inf" else limits.min), False
        return float(value), False
    if isinstance(value, bool) and dtype.kind != "b":
        raise TypeError("a bound is not a number")
    if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
        raise TypeError("a bound is not a number")
    if dtype.kind in "iu" and not isinstance(value, int):
        raise TypeError("a bound of an integer space is not an integer")
    if dtype.kind == "f" and abs(value) > float(np.finfo(dtype).max):
        raise ValueError(f"the bound {value} does not fit into {dtype.name}")
    return value, True


def _number(value: float | int | bool) -> float | int | bool | str:
    if isinstance(value, float) and math.isinf(value):
        return "inf" if value > 0 else "-inf"
    return value


def _discrete(n: int, start: int, dtype: type[np.integer]) -> Space:
    if dtype is np.int64:  # older Gymnasium versions know no other and take no such argument
        return spaces.Discrete(n, start=start)
    return spaces.Discrete(n, start=start, dtype=dtype)


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{value!r} is not an integer")
    return value


def _integer_dtype(name: Any) -> type[np.integer]:
    dtype = np.dtype(name)
    if dtype.kind not in "iu":
        raise ValueError(f"dtype {dtype} is not an integer")
    kind: type[np.integer] = dtype.type
    return kind


def _integer_array(value: object, dtype: type[np.integer]) -> Array:
    array = np.array(_sequence(value))
    if array.dtype.kind not in "iu":
        raise TypeError("it holds something else than integers")
    if (array.astype(dtype) != array).any():
        raise ValueError(f"a number does not fit into {np.dtype(dtype).name}")
    return array.astype(dtype)


def _shape(value: object) -> tuple[int, ...]:
    shape = tuple(_integer(size) for size in _sequence(value))
    if any(size < 0 for size in shape) or math.prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"the shape {shape} is impossible")
    return shape


def _sequence(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _sentence(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error).rstrip(".")


def _count(shape: tuple[int, ...], noun: str) -> str:
    if math.prod(shape) == 1:
        return f"1 {noun}"
    return f"{' × '.join(str(size) for size in shape)} {noun}s"


def _kind(dtype: DType) -> str:
    return {"f": "number", "b": "yes-or-no value"}.get(dtype.kind, "whole number")


def _interval(space: spaces.Box) -> str:
    if not space.low.size:
        return "(empty)"
    low, high = space.low.min().item(), space.high.max().item()
    below, above = bool(space.bounded_below.all()), bool(space.bounded_above.all())
    if not below and not above:
        return "of any size"
    left = f"[{low:g}" if below else "(-∞"
    right = f"{high:g}]" if above else "∞)"
    uniform = (space.low == space.low.flat[0]).all() and (space.high == space.high.flat[0]).all()
    return f"{'in' if uniform else 'within'} {left}, {right}"

"""Actions side by side: how far apart they are, which are the same, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from pydantic import JsonValue

from sandbox.api.types import Array, Space


def distance(space: Space, first: Any, second: Any) -> float:
    """How far two actions of a row are apart.

    Euclidean in the action's units for a Box. Where actions are choices, 1 for another choice; of several
    choices at once, how many differ.
    """
    a, b = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if isinstance(space, gym.spaces.Box):
        return float(np.sqrt(((a - b) ** 2).sum()))
    return float((a != b).sum())


def novelty(space: Space, action: Any, advice: Mapping[str, Any]) -> float:
    """Distance to the nearest classical action; advice that is not allowed (None) does not count."""
    return min((distance(space, action, other) for other in advice.values() if other is not None), default=0)


def allowed(space: Space, action: Any, mask: Array | None) -> bool:
    """Whether a row's mask allows an action; masks of several choices at once are not looked at."""
    if mask is None or not isinstance(space, gym.spaces.Discrete):
        return True
    place = int(action) - int(space.start)
    return 0 <= place < len(mask) and bool(mask[place])


def as_json(action: Any) -> JsonValue:
    """An action as JSON; floats keep all their digits."""
    return np.asarray(action).tolist()  # type: ignore[no-any-return]


def key(action: JsonValue) -> str:
    """Equal for equal actions."""
    return repr(action)


def alternatives(advice: Mapping[str, JsonValue]) -> dict[str, tuple[JsonValue, tuple[str, ...]]]:
    """The distinct classical actions by `key`, each with who would take it."""
    merged: dict[str, tuple[JsonValue, tuple[str, ...]]] = {}
    for name, action in advice.items():
        if action is not None:
            _, names = merged.get(key(action), (action, ()))
            merged[key(action)] = (action, (*names, name))
    return merged


def in_words(env: Any, row: int, space: Space, action: JsonValue) -> str:
    """An action in the domain's words where its environment has ``action_text``, else as numbers."""
    describe = getattr(env, "action_text", None)
    value = np.asarray(action, space.dtype)
    if callable(describe):
        return str(describe(value, row))
    if isinstance(space, gym.spaces.Discrete):
        return f"action {int(value)}"
    return ", ".join(f"{number:.3g}" for number in np.ravel(value).tolist())

"""Steps that were played, as an ensemble learns from them."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from sandbox.api.data import Transitions
from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Space
from sandbox.backends.actors.observations import flatten
from sandbox.backends.models.ensemble import Steps, joined

MAX_PARTS = 64
"""Arrays that steps are spread over before they are put together."""


def bounded_box(space: Space, name: str) -> Box:
    """The action space, if its actions have bounds.

    Raises:
        MisfitError: If they have none.
    """
    if not isinstance(space, Box) or not space.is_bounded():
        raise MisfitError(
            f"{name} needs actions with a lowest and a highest value, and those of {space} have none.",
            "Bound the task's actions, or take ppo.",
        )
    return space


class ActionScale:
    """Between actions of a bounded Box and numbers from -1 to 1."""

    def __init__(self, space: Box) -> None:
        self.space = space
        low, high = (bound.astype(np.float64).ravel() for bound in (space.low, space.high))
        self.middle, self.half = (high + low) / 2, np.maximum((high - low) / 2, 1e-12)
        self.size = len(low)

    def scaled(self, actions: Array) -> NDArray[np.float32]:
        """Shape ``(…, k)`` from flat actions of that shape."""
        return ((np.asarray(actions, np.float64) - self.middle) / self.half).astype(np.float32)

    def actions(self, scaled: Array) -> Array:
        """Actions within the space, shape ``(n, *action_shape)``."""
        flat = self.middle + self.half * np.asarray(scaled, np.float64)
        shaped = flat.reshape(len(flat), *self.space.shape).astype(self.space.dtype)
        inside: Array = np.clip(shaped, self.space.low, self.space.high)
        return inside


class Experience:
    """All steps so far.

    Args:
        observation_space: Of a row.
        scale: Of the actions.
    """

    def __init__(self, observation_space: Space, scale: ActionScale) -> None:
        self._space, self._scale = observation_space, scale
        self._parts: list[Steps] = []

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def add(self, played: Transitions) -> None:
        """Add a step of all rows."""
        rows = len(played)
        self._parts.append(
            Steps(
                np.array(flatten(self._space, played.observation)),
                self._scale.scaled(np.asarray(played.action).reshape(rows, -1)),
                played.reward.astype(np.float32),
                np.array(flatten(self._space, played.next_observation)),
                np.array(played.terminated),
            )
        )

    def all(self) -> Steps:
        """Every step, in the order in which they were played."""
        self._parts = [joined(self._parts)]
        return self._parts[0]

    def take(self, rows: NDArray[np.int64]) -> Steps:
        """Steps by their numbers."""
        if len(self._parts) > MAX_PARTS:
            self.all()
        ends = np.cumsum([len(part) for part in self._parts])
        if len(self._parts) == 1:
            return self._parts[0].take(rows)
        place = np.searchsorted(ends, rows, side="right")
        starts = ends - [len(part) for part in self._parts]
        return joined(
            [
                self._parts[number].take(rows[place == number] - starts[number])
                for number in np.unique(place).tolist()
            ]
        )

    def get_state(self) -> dict[str, Any]:
        """The steps as arrays."""
        if not self._parts:
            return {}
        steps = self.all()
        return {name: getattr(steps, name) for name in Steps.__slots__}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._parts = [Steps(**state)] if state else []

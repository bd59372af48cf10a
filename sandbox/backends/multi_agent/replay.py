"""Remembered steps of environments, all their agents in each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sandbox.api.types import Array, Bools, Json


class JointReplay:
    """The newest steps; what is older is overwritten.

    Every field is an array whose first axis is the step; fields and their shapes are those of the first
    `add`. Memory grows with what is remembered, so a long buffer costs nothing before it is filled.

    Args:
        size: Steps at most.
    """

    def __init__(self, size: int) -> None:
        self._size, self._next, self._count = size, 0, 0
        self._fields: dict[str, Array] = {}

    def __len__(self) -> int:
        return self._count

    def add(self, fields: Mapping[str, Array]) -> None:
        """Remember n steps, each field of shape ``(n, …)``."""
        number = len(next(iter(fields.values())))
        if number > self._size:
            fields = {name: values[-self._size :] for name, values in fields.items()}
            number = self._size
        places = (self._next + np.arange(number)) % self._size
        self._grow(fields, int(places.max()) + 1)
        for name, values in fields.items():
            self._fields[name][places] = values
        self._next = int((self._next + number) % self._size)
        self._count = min(self._size, self._count + number)

    def sample(self, rng: np.random.Generator, number: int) -> dict[str, Array]:
        """Steps drawn with replacement, each field of shape ``(number, …)``."""
        chosen = rng.integers(self._count, size=number)
        return {name: values[chosen] for name, values in self._fields.items()}

    def get_state(self) -> Json:
        """What is remembered."""
        fields = {name: values[: self._count].copy() for name, values in self._fields.items()}
        return {"next": self._next, "count": self._count, "fields": fields}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._next, self._count = int(state["next"]), int(state["count"])
        self._fields = {name: np.array(values) for name, values in state["fields"].items()}

    def _grow(self, fields: Mapping[str, Array], needed: int) -> None:
        for name, values in fields.items():
            held = self._fields.get(name)
            if held is None or len(held) < needed:
                room = min(self._size, max(needed, 1024, 0 if held is None else 2 * len(held)))
                grown = np.zeros((room, *values.shape[1:]), values.dtype)
                if held is not None:
                    grown[: len(held)] = held
                self._fields[name] = grown


def fields_of(
    rows: Array,
    action: Array,
    reward: Array,
    present: Bools,
    terminated: Bools,
    following: Array,
    next_mask: Bools,
) -> dict[str, Array]:
    """The fields of a buffer for learning of values.

    Args:
        rows: Flattened observations, shape ``(n, k, D)``.
        action: Numbers of actions from 0, shape ``(n, k)``.
        reward: Shape ``(n, k)``.
        present: Who took part, shape ``(n, k)``.
        terminated: Whose part ended by itself, shape ``(n, k)``.
        following: Flattened next observations, shape ``(n, k, D)``.
        next_mask: Actions that are allowed then, shape ``(n, k, m)``.
    """
    return {
        "rows": rows.astype(np.float32),
        "action": action.astype(np.int64),
        "reward": reward.astype(np.float32),
        "present": present,
        # One that was cut off would have gone on, so its value counts; one that is gone has none.
        "goes_on": present & ~terminated,
        "following": following.astype(np.float32),
        "next_mask": next_mask,
    }

"""The latest positions of self-play with what search and outcome said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.game import Symmetry

Array = NDArray[Any]


@dataclass(frozen=True)
class Samples:
    """n positions to learn from.

    Attributes:
        planes: What the player to move saw, shape ``(n, *observation_shape)``, float32.
        policies: The improved policy, shape ``(n, actions)``, float32.
        legal: Allowed actions, shape ``(n, actions)``.
        values: Target of the value, -1 to 1, shape ``(n,)``, float32.
    """

    planes: Array
    policies: Array
    legal: Array
    values: Array


class Replay:
    """A ring of positions.

    Planes of zeros and ones are kept as bytes; if a game shows other numbers, all are kept as they are.

    Args:
        capacity: Positions kept.
        shape: Of the planes.
        actions: Number of actions.
        symmetries: Images under which a position may be drawn, the identity not counted.
    """

    def __init__(
        self, capacity: int, shape: tuple[int, int, int], actions: int, symmetries: Sequence[Symmetry]
    ) -> None:
        self._capacity, self._shape = capacity, shape
        self._symmetries = list(symmetries)
        self._planes: Array = np.zeros((0, *shape), np.uint8)
        self._policies: Array = np.zeros((0, actions), np.float32)
        self._legal: Array = np.zeros((0, actions), np.bool_)
        self._values: Array = np.zeros(0, np.float32)
        self._next = 0
        self.added = 0

    def __len__(self) -> int:
        return len(self._values)

    def add(self, samples: Samples) -> None:
        """Add positions; the oldest make room."""
        if self._planes.dtype == np.uint8 and not np.isin(samples.planes, (0.0, 1.0)).all():
            self._planes = self._planes.astype(np.float32)
        self.added += len(samples.values)
        fields = ("_planes", "_policies", "_legal", "_values")
        given = (samples.planes, samples.policies, samples.legal, samples.values)
        free = min(self._capacity - len(self), len(samples.values))
        for name, values in zip(fields, given, strict=True):
            old = getattr(self, name)
            setattr(self, name, np.concatenate([old, values[:free].astype(old.dtype)]))
        rest = len(samples.values) - free
        places = (self._next + np.arange(rest)) % self._capacity
        for name, values in zip(fields, given, strict=True):
            ring = getattr(self, name)
            ring[places] = values[free:].astype(ring.dtype)
        self._next = (self._next + rest) % self._capacity

    def draw(self, count: int, rng: np.random.Generator) -> Samples:
        """Positions drawn uniformly with replacement, each in a random image."""
        rows = rng.integers(len(self), size=count)
        planes, policies = self._planes[rows].astype(np.float32), self._policies[rows]
        legal, values = self._legal[rows], self._values[rows]
        if self._symmetries:
            images = rng.integers(len(self._symmetries) + 1, size=count)
            for index, symmetry in enumerate(self._symmetries):
                of = np.flatnonzero(images == index)
                flat = planes[of].reshape(len(of), self._shape[0], self._shape[1] * self._shape[2])
                planes[of] = flat[:, :, symmetry.cells].reshape(len(of), *self._shape)
                policies[of] = policies[of][:, symmetry.actions]
                legal[of] = legal[of][:, symmetry.actions]
        return Samples(planes, policies, legal, values)

    def get_state(self) -> dict[str, Any]:
        """All of it."""
        return {
            "planes": self._planes,
            "policies": self._policies,
            "legal": self._legal,
            "values": self._values,
            "next": self._next,
            "added": self.added,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self._planes, self._policies = np.array(state["planes"]), np.array(state["policies"])
        self._legal, self._values = np.array(state["legal"]), np.array(state["values"])
        self._next, self.added = int(state["next"]), int(state["added"])

"""Observations as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

DECIMALS = 6
"""Observations that agree to so many decimals are the same state."""


def keys(observation: Any) -> Floats:
    """Observations as flat rows of numbers, rounded; parts of a Dict in the order of their names.

    Args:
        observation: Array of shape ``(rows, *observation_shape)``, or a mapping of such arrays.

    Returns:
        Shape ``(rows, D)``.
    """
    if isinstance(observation, Mapping):
        return np.concatenate([keys(observation[name]) for name in sorted(observation)], axis=1)
    rows = np.asarray(observation, np.float64)
    return np.round(rows.reshape(len(rows), -1), DECIMALS) + 0.0  # -0.0 and 0.0 have unlike bytes


def grown(table: NDArray[Any], rows: int, fill: Any) -> NDArray[Any]:
    """The table with at least so many rows; it doubles, so that adding rows one by one takes linear time.

    Args:
        table: Shape ``(n, …)``.
        rows: Rows that are needed.
        fill: Content of new rows.
    """
    if rows <= len(table):
        return table
    larger = np.full((max(rows, 2 * len(table), 64), *table.shape[1:]), fill, table.dtype)
    larger[: len(table)] = table
    return larger


class StateTable:
    """Numbers states in the order in which they are first seen.

    Args:
        known: Keys of the states that are there from the start, shape ``(S, D)``.
        most: States above which `index` refuses.
    """

    def __init__(self, known: Floats | None = None, most: int = 100_000_000) -> None:
        self._most = most
        self._keys = np.empty((0, 0)) if known is None else np.array(known, np.float64)
        self._index = {row.tobytes(): number for number, row in enumerate(self._keys)}

    def __len__(self) -> int:
        return len(self._index)

    def index(self, rows: Floats) -> Indices:
        """Numbers of states, new ones included.

        Raises:
            MisfitError: If there are more states than are allowed.
        """
        numbers = np.empty(len(rows), np.int64)
        for place, row in enumerate(rows):
            content = row.tobytes()
            number = self._index.get(content)
            if number is None:
                number = self._add(content, row)
            numbers[place] = number
        return numbers

    def find(self, rows: Floats) -> Indices:
        """Numbers of known states; the nearest known one stands in for a state that was never seen."""
        numbers = [self._index.get(row.tobytes(), -1) for row in rows]
        nearest = [
            int(np.square(self.array() - row).sum(axis=1).argmin()) if number < 0 else number
            for row, number in zip(rows, numbers, strict=True)
        ]
        return np.array(nearest, np.int64)

    def array(self) -> Floats:
        """The keys, shape ``(S, D)``."""
        return self._keys[: len(self)]

    def _add(self, content: bytes, row: Floats) -> int:
        number = len(self)
        if number >= self._most:
            raise MisfitError(
                f"More than {self._most:,} different observations were seen: too many for a table.",
                "Take an algorithm that generalises, such as dqn or ppo, or raise max_states.",
            )
        if not number:
            self._keys = np.empty((0, len(row)))
        self._keys = grown(self._keys, number + 1, 0.0)
        self._keys[number] = row
        self._index[content] = number
        return number

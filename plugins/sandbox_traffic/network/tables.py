"""Index tables that gather values of lanes into groups, padded so that signals of all sizes fit one array."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class WeightedGroups:
    """Groups of indices with a weight for each member, padded to the same length with weight zero.

    Attributes:
        index: Shape ``(groups, max_members)``.
        weight: Shape ``(groups, max_members)``.
    """

    index: NDArray[np.intp]
    weight: NDArray[np.float64]

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted sum of each group over the last axis of ``values``, shape ``(…, groups)``.

        Not a matrix product, whose rounding would depend on the number of simulations.
        """
        total: NDArray[np.float64] = (values.take(self.index, axis=-1) * self.weight).sum(axis=-1)
        return total


def shared_groups(groups: Sequence[Collection[str]], names: Sequence[str]) -> WeightedGroups:
    """Groups of some of ``names``; a member of several groups counts in equal parts in each."""
    memberships: dict[str, int] = {}
    for group in groups:
        for name in group:
            memberships[name] = memberships.get(name, 0) + 1
    index = pad([positions(tuple(group), names) for group in groups], 0)
    weight = np.zeros(index.shape)
    for row, group in enumerate(groups):
        weight[row, : len(group)] = [1.0 / memberships[name] for name in group]
    return WeightedGroups(index, weight)


def positions(wanted: Sequence[str], names: Sequence[str]) -> NDArray[np.intp]:
    """Index of each of the ``wanted`` names among ``names``."""
    index = {name: position for position, name in enumerate(names)}
    return np.array([index[name] for name in wanted], dtype=np.intp)


def pad(rows: Sequence[NDArray[np.intp]], filler: int) -> NDArray[np.intp]:
    """Rows of indices as one table, shape ``(rows, longest row)``, padded with ``filler``."""
    table = np.full((len(rows), max(map(len, rows), default=0)), filler, dtype=np.intp)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table


def take_padded(values: NDArray[np.float64], table: NDArray[np.intp]) -> NDArray[np.float64]:
    """Values at the indices of ``table``, shape ``(…, *table.shape)``; zero at the index past the end.

    Args:
        values: Shape ``(…, n)``.
        table: Indices from 0 to n; n is the filler of `pad`.
    """
    zero = np.zeros((*values.shape[:-1], 1))
    padded: NDArray[np.float64] = np.concatenate((values, zero), axis=-1).take(table, axis=-1)
    return padded

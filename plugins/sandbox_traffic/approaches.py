"""The lanes around a network's signals, gathered into one approach for each incoming lane."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network import VEHICLE_SPACE, Network
from sandbox_traffic.simulator import Snapshot


@dataclass(frozen=True, slots=True)
class View:
    """Where a signal's surroundings are found.

    Attributes:
        rows: Its approaches among those of all signals; one for each incoming lane, in their order.
        outgoing: Its outgoing lanes among the lanes of a `Snapshot`.
    """

    rows: slice
    outgoing: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Parts:
    """Weighted groups of places, padded to the same length with weight zero.

    Attributes:
        places: Shape ``(groups, most members)``.
        weights: Likewise.
    """

    places: NDArray[np.intp]
    weights: NDArray[np.float64]

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted sum of each group over ``values``' last axis, shape ``(…, groups)``.

        Not a matrix product: its rounding would depend on how many simulations are gathered at once.
        """
        total: NDArray[np.float64] = (values.take(self.places, axis=-1) * self.weights).sum(axis=-1)
        return total


@dataclass(frozen=True, slots=True)
class Layout:
    """What is read from the simulator and how it is gathered into approaches.

    An approach is an incoming lane and the lanes that feed it within the detection range. A lane
    that feeds several approaches counts for each in equal parts, so nobody is counted twice.

    Attributes:
        lanes: Lanes that are read.
        edges: Edges on which vehicles may wait to enter.
        loops: The incoming lane of each approach, which has a loop.
        approach: The lanes of each approach.
        entry: The edges on which vehicles for it may wait to enter.
        capacity: Vehicles that fit on each approach.
        incoming: The incoming lane of each approach among ``lanes``.
        limits: Speed limit of each lane, m/s.
        views: Each signal's part.
        rows: Approaches of each signal, shape ``(signals, most approaches)``; where a signal has fewer,
            the number of approaches, which is where `by_signal` puts a zero.
        exits: Outgoing lanes of each signal likewise.
        spaces: ``capacity`` of each signal's approaches, padded with ones.
    """

    lanes: tuple[str, ...]
    edges: tuple[str, ...]
    loops: tuple[str, ...]
    approach: Parts
    entry: Parts
    capacity: NDArray[np.float64]
    incoming: NDArray[np.intp]
    limits: NDArray[np.float64]
    views: tuple[View, ...]
    rows: NDArray[np.intp]
    exits: NDArray[np.intp]
    spaces: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Approaches:
    """The approaches of all signals at one time; arrays of shape ``(…, approaches)``.

    Attributes:
        count: Vehicles.
        queue: Vehicles slower than 0.1 m/s.
        waiting: Sum of present waiting times, s.
        slowness: Vehicles, each lane's weighted by 1 − mean speed/limit.
        outside: Vehicles that wait to enter.
        gap: Time since a vehicle was on the loop, s.
        passed: Vehicles that have crossed the loop since the episode began.
        incoming: Vehicles on the incoming lane alone.
    """

    count: NDArray[np.float64]
    queue: NDArray[np.float64]
    waiting: NDArray[np.float64]
    slowness: NDArray[np.float64]
    outside: NDArray[np.float64]
    gap: NDArray[np.float64]
    passed: NDArray[np.float64]
    incoming: NDArray[np.float64]


APPROACH_FIELDS = ("count", "queue", "waiting", "slowness", "outside", "gap", "passed", "incoming")
"""What is gathered, in the order of `gather_table`."""


def gather(snapshot: Snapshot, layout: Layout) -> Approaches:
    """Gather the lanes and edges of one simulation, or of several, into approaches."""
    return Approaches(*gather_table(snapshot, layout)[..., :-1])


def gather_table(snapshot: Snapshot, layout: Layout) -> NDArray[np.float64]:
    """The same as one array, shape ``(8, …, approaches + 1)``; the last of each row is a zero."""
    slow = snapshot.count * np.maximum(1.0 - snapshot.speed / layout.limits, 0.0)
    lanes = np.stack((snapshot.count, snapshot.halting, snapshot.waiting, slow))
    table = np.zeros((len(APPROACH_FIELDS), *snapshot.gap.shape[:-1], snapshot.gap.shape[-1] + 1))
    table[:4, ..., :-1] = layout.approach.sums(lanes)
    table[4, ..., :-1] = layout.entry.sums(snapshot.outside)
    table[5, ..., :-1] = snapshot.gap
    table[6, ..., :-1] = snapshot.passed
    table[7, ..., :-1] = snapshot.count.take(layout.incoming, axis=-1)
    return table


def make_layout(network: Network, distance: float) -> Layout:
    """What to read for the signals of ``network``, lanes followed upstream to ``distance`` m."""
    incoming = [lane for signal in network.signals for lane in signal.incoming]
    outgoing = [lane for signal in network.signals for lane in signal.outgoing]
    near = [network.approach(lane, distance) for lane in incoming]
    far = [{network.lanes[name].edge for name in network.approach(lane, float("inf"))} for lane in incoming]
    lanes = tuple(dict.fromkeys([*(name for names in near for name in names), *outgoing]))
    edges = tuple(sorted(set().union(*far)))
    approach = _parts(near, lanes)
    views, start = [], 0
    for signal in network.signals:
        rows = slice(start, start + len(signal.incoming))
        views.append(View(rows, _places(signal.outgoing, lanes)))
        start = rows.stop
    space = np.array([network.lanes[name].length for name in lanes]) / VEHICLE_SPACE
    capacity = np.maximum(approach.sums(space), 1.0)
    table = _padded([np.arange(view.rows.start, view.rows.stop) for view in views], len(incoming))
    return Layout(
        lanes=lanes,
        edges=edges,
        loops=tuple(incoming),
        approach=approach,
        entry=_parts(far, edges),
        capacity=capacity,
        incoming=_places(incoming, lanes),
        limits=np.array([network.lanes[name].speed for name in lanes]),
        views=tuple(views),
        rows=table,
        exits=_padded([view.outgoing for view in views], len(lanes)),
        spaces=np.maximum(by_signal(capacity, table), 1.0),
    )


def by_signal(values: NDArray[np.float64], places: NDArray[np.intp]) -> NDArray[np.float64]:
    """Values of each signal's ``places``, shape ``(…, signals, most places)``, padded with zeros."""
    zero = np.zeros((*values.shape[:-1], 1))
    padded: NDArray[np.float64] = np.concatenate((values, zero), axis=-1).take(places, axis=-1)
    return padded


def _padded(groups: Sequence[NDArray[np.intp]], filler: int) -> NDArray[np.intp]:
    table = np.full((len(groups), max(map(len, groups), default=0)), filler, dtype=np.intp)
    for row, group in enumerate(groups):
        table[row, : len(group)] = group
    return table


def _places(names: Sequence[str], among: Sequence[str]) -> NDArray[np.intp]:
    at = {name: index for index, name in enumerate(among)}
    return np.array([at[name] for name in names], dtype=np.intp)


def _parts(groups: Sequence[Collection[str]], among: Sequence[str]) -> Parts:
    """The members of each group; a member of several is shared equally."""
    shared: dict[str, int] = {}
    for names in groups:
        for name in names:
            shared[name] = shared.get(name, 0) + 1
    places = _padded([_places(tuple(names), among) for names in groups], 0)
    weights = np.zeros(places.shape)
    for row, names in enumerate(groups):
        weights[row, : len(names)] = [1.0 / shared[name] for name in names]
    return Parts(places, weights)

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
class Layout:
    """What is read from the simulator and how it is gathered into approaches.

    An approach is an incoming lane and the lanes that feed it within the detection range. A lane
    that feeds several approaches counts for each in equal parts, so nobody is counted twice.

    Attributes:
        lanes: Lanes that are read.
        edges: Edges on which vehicles may wait to enter.
        loops: The incoming lane of each approach, which has a loop.
        approach: Shape ``(approaches, lanes)``, parts of lanes.
        entry: Shape ``(approaches, edges)``, parts of edges.
        capacity: Vehicles that fit on each approach.
        incoming: The incoming lane of each approach among ``lanes``.
        limits: Speed limit of each lane, m/s.
        views: Each signal's part.
    """

    lanes: tuple[str, ...]
    edges: tuple[str, ...]
    loops: tuple[str, ...]
    approach: NDArray[np.float64]
    entry: NDArray[np.float64]
    capacity: NDArray[np.float64]
    incoming: NDArray[np.intp]
    limits: NDArray[np.float64]
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Approaches:
    """The approaches of all signals at one time; arrays of shape ``(approaches,)``.

    Attributes:
        count: Vehicles.
        queue: Vehicles slower than 0.1 m/s.
        waiting: Sum of present waiting times, s.
        slowness: Vehicles, each lane's weighted by 1 − mean speed/limit.
        outside: Vehicles that wait to enter.
        gap: Time since a vehicle was on the loop, s.
        incoming: Vehicles on the incoming lane alone.
    """

    count: NDArray[np.float64]
    queue: NDArray[np.float64]
    waiting: NDArray[np.float64]
    slowness: NDArray[np.float64]
    outside: NDArray[np.float64]
    gap: NDArray[np.float64]
    incoming: NDArray[np.float64]


def gather(snapshot: Snapshot, layout: Layout) -> Approaches:
    """Gather a snapshot's lanes and edges into approaches."""
    slow = snapshot.count * np.maximum(1.0 - snapshot.speed / layout.limits, 0.0)
    lanes = np.stack((snapshot.count, snapshot.halting, snapshot.waiting, slow), axis=1)
    count, queue, waiting, slowness = (layout.approach @ lanes).T
    return Approaches(
        count=count,
        queue=queue,
        waiting=waiting,
        slowness=slowness,
        outside=layout.entry @ snapshot.outside,
        gap=snapshot.gap,
        incoming=snapshot.count[layout.incoming],
    )


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
    return Layout(
        lanes=lanes,
        edges=edges,
        loops=tuple(incoming),
        approach=approach,
        entry=_parts(far, edges),
        capacity=np.maximum(approach @ space, 1.0),
        incoming=_places(incoming, lanes),
        limits=np.array([network.lanes[name].speed for name in lanes]),
        views=tuple(views),
    )


def _places(names: Sequence[str], among: Sequence[str]) -> NDArray[np.intp]:
    at = {name: index for index, name in enumerate(among)}
    return np.array([at[name] for name in names], dtype=np.intp)


def _parts(groups: Sequence[Collection[str]], among: Sequence[str]) -> NDArray[np.float64]:
    """Membership of ``among`` in the groups, shape ``(groups, among)``, shared equally."""
    parts = np.zeros((len(groups), len(among)))
    for row, names in enumerate(groups):
        parts[row, _places(tuple(names), among)] = 1.0
    shared: NDArray[np.float64] = np.maximum(parts.sum(axis=0), 1.0)
    return np.divide(parts, shared)

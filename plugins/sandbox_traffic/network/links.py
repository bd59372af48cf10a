"""Links between signals: how long vehicles take from one to the next."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network.roads import RoadNetwork
from sandbox_traffic.network.signal_network import SignalNetwork


@dataclass(frozen=True, slots=True)
class Link:
    """The way from a signal to an approach of the next one.

    Attributes:
        source: Signal upstream, by number.
        target: Signal downstream.
        approach: Approach of the signal downstream.
        seconds: Travel time at the speed limit, s.
        leaving: Phase of the signal upstream with the largest share of movements towards the approach.
        arriving: First phase downstream that serves the approach.
    """

    source: int
    target: int
    approach: int
    seconds: float
    leaving: int
    arriving: int


def signal_links(network: SignalNetwork) -> tuple[Link, ...]:
    """All links between the signals of a network."""
    links = []
    for target, signal in enumerate(network.signals):
        for approach, lane in enumerate(signal.incoming):
            source = int(network.upstream_signal[target, approach])
            served = np.flatnonzero(signal.serves[:, approach])
            if source == len(network.signals) or not len(served):
                continue
            exits = frozenset(network.roads.lanes[name].edge for name in network.signals[source].outgoing)
            green = network.upstream_green[target, approach]
            links.append(
                Link(
                    source,
                    target,
                    approach,
                    travel_time(network.roads, lane, exits),
                    int(np.argmax(green)),
                    int(served[0]),
                )
            )
    return tuple(links)


def travel_time(roads: RoadNetwork, lane: str, exits: frozenset[str]) -> float:
    """Shortest time from the start of one of the edges ``exits`` to the end of ``lane``, at the limit, s."""
    queue = [(roads.lanes[lane].length / roads.lanes[lane].speed, lane)]
    visited: set[str] = set()
    while queue:
        seconds, name = heapq.heappop(queue)
        if roads.lanes[name].edge in exits:
            return seconds
        if name in visited:
            continue
        visited.add(name)
        for feeder in roads.upstream.get(name, ()):
            road = roads.lanes[feeder]
            heapq.heappush(queue, (seconds + road.length / road.speed, feeder))
    return 0.0


def heaviest_tree(links: Sequence[Link], flows: Sequence[float], signals: int) -> list[Link]:
    """The links of largest flow that connect signals without a circle (Kruskal 1956).

    Args:
        links: The links.
        flows: Flow on each of them.
        signals: Number of signals.
    """
    group = list(range(signals))

    def root(signal: int) -> int:
        while group[signal] != signal:
            signal = group[signal]
        return signal

    tree = []
    for number in sorted(range(len(links)), key=lambda number: -flows[number]):
        first, second = root(links[number].source), root(links[number].target)
        if first != second:
            group[first] = second
            tree.append(links[number])
    return tree


def offsets(
    tree: Sequence[Link], slots: Sequence[NDArray[np.float64]], cycle: float, pace: float = 1.0
) -> list[float]:
    """Start of each signal's cycle, s, so that the green towards each link's end meets who leaves its start.

    Args:
        tree: Links without a circle.
        slots: Times of each signal's phases, s, shape ``(phases,)`` each.
        cycle: The common cycle, s.
        pace: Speed of platoons as a share of the limit.
    """
    starts = [np.concatenate(([0.0], np.cumsum(times)[:-1])) for times in slots]
    result: list[float | None] = [None] * len(slots)
    for first in range(len(slots)):
        if result[first] is not None:
            continue
        result[first], queue = 0.0, [first]
        while queue:
            signal = queue.pop()
            for link in tree:
                here, there = (link.source, link.target), (link.target, link.source)
                if signal not in here or result[there[here.index(signal)]] is not None:
                    continue
                lag = (
                    starts[link.source][link.leaving]
                    + link.seconds / pace
                    - starts[link.target][link.arriving]
                )
                other = there[here.index(signal)]
                known = result[signal] or 0.0
                result[other] = (known + (lag if signal == link.source else -lag)) % cycle
                queue.append(other)
    return [value or 0.0 for value in result]

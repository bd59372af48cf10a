"""Makes the state of the twin as episodes begin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_traffic.twin.arrays import (
    CAR,
    CLOCK,
    ENTRY,
    LOOP,
    NOBODY,
    NOTE,
    QUEUE,
    SIGNAL,
    TRACK,
    Net,
    Signals,
    State,
)  # fmt: skip
from sandbox_traffic.twin.demand import Departures

NOTES = 8
"""Notes that there is room for, for each vehicle of an episode."""

_COUNTER = 5
"""Stream of random numbers that begins a row's own generator."""


def begin_state(
    net: Net,
    signals: Signals,
    loops: int,
    demands: Sequence[Departures],
    seeds: Sequence[int],
    begins: Sequence[float],
) -> State:
    """The state as the episodes begin, with empty roads.

    Args:
        net, signals: The scenario.
        loops: Number of induction loops.
        demands: Vehicles of each row's episode.
        seeds: Of the episodes.
        begins: Start of each, s.
    """
    rows, number = len(demands), len(signals.phases)
    now = np.array(begins, np.float64)[:, None]
    cars = np.zeros((rows, max(1, *(len(demand.depart) for demand in demands))), CAR)
    cars["depart"], cars["departed"], cars["arrived"] = np.inf, -1.0, -1.0
    cars["ahead"] = cars["behind"] = cars["lets"] = cars["beside"] = NOBODY
    for row, demand in enumerate(demands):
        part = cars[row, : len(demand.depart)]
        part["depart"], part["factor"], part["profile"] = demand.depart, demand.factor, demand.profile
        part["place"], part["last"], part["origin"] = demand.first, demand.last, demand.origin
    lanes = np.zeros((rows, len(net.lanes)), TRACK)
    lanes["head"] = lanes["tail"] = lanes["leaver"] = NOBODY
    edges = np.zeros((rows, len(net.edges)), QUEUE)
    edges["first"] = edges["last"] = NOBODY
    detectors = np.zeros((rows, loops), LOOP)
    detectors["left"] = now
    shown = np.zeros((rows, number), SIGNAL)
    shown["shown"] = signals.phase_state[:, 0]
    links = np.zeros((rows, len(net.links)), ENTRY)
    links["first"] = NOBODY
    clock = np.zeros((rows, 1), CLOCK)
    clock["now"], clock["asks"] = now, NOBODY
    clock["counter"] = np.array([counter_of(seed) for seed in seeds], np.uint64)[:, None]
    return State(
        cars=cars,
        lanes=lanes,
        edges=edges,
        loops=detectors,
        signals=shown,
        green_since=np.tile(now[:, :, None], (1, number, signals.rings.shape[2])),
        links=links,
        notes=np.zeros(NOTES * cars.shape[1], NOTE),
        clock=clock,
    )


def counter_of(seed: int, redrawn: int = 0) -> int:
    """Where the random numbers of a row begin."""
    return int(np.random.default_rng([seed, _COUNTER, redrawn]).integers(2**63))


def copied(state: State) -> State:
    """A copy that nothing else changes."""
    return State(
        cars=state.cars.copy(),
        lanes=state.lanes.copy(),
        edges=state.edges.copy(),
        loops=state.loops.copy(),
        signals=state.signals.copy(),
        green_since=state.green_since.copy(),
        links=state.links.copy(),
        notes=np.zeros_like(state.notes),
        clock=state.clock.copy(),
    )

"""Makes and begins the state of the twin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_traffic.twin.arrays import NOBODY, OUTSIDE, State, World
from sandbox_traffic.twin.demand import Departures

_COUNTER = 5
"""Stream of random numbers that begins a row's own generator."""


def begin_state(
    world: World, demands: Sequence[Departures], seeds: Sequence[int], begins: Sequence[float]
) -> State:
    """The state as the episodes begin, with empty roads.

    Args:
        world: The scenario.
        demands: Vehicles of each row's episode.
        seeds: Of the episodes.
        begins: Start of each, s.
    """
    rows, cars = len(demands), max(1, *(len(demand.depart) for demand in demands))
    lanes, edges, loops = len(world.roads.length), len(world.roads.lanes), len(world.loop_place)
    signals, rings = len(world.signals.phases), world.signals.rings.shape[2]
    depart, factor = np.full((rows, cars), np.inf), np.ones((rows, cars))
    route, profile = np.zeros((2, rows, cars), np.int32)
    for row, demand in enumerate(demands):
        size = len(demand.depart)
        depart[row, :size], factor[row, :size] = demand.depart, demand.factor
        route[row, :size], profile[row, :size] = demand.route, demand.profile
    now = np.array(begins, np.float64)
    clock = np.zeros((rows, 3))
    clock[:, 0] = now
    counter = np.array([counter_of(seed) for seed in seeds], np.uint64)

    def zeros(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.zeros((rows, *shape))

    def nobody(size: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
        return np.full((rows, size), NOBODY, np.int32)

    return State(
        depart=depart,
        route=route,
        profile=profile,
        factor=factor,
        where=np.full((rows, cars), OUTSIDE, np.int8),
        lane=np.zeros((rows, cars), np.int32),
        place=np.zeros((rows, cars), np.int32),
        position=zeros(cars),
        speed=zeros(cars),
        plan=zeros(cars),
        odometer=zeros(cars),
        wait=zeros(cars),
        ahead=nobody(cars),
        behind=nobody(cars),
        wish=zeros(cars),
        keep=zeros(cars),
        departed=np.full((rows, cars), -1.0),
        arrived=np.full((rows, cars), -1.0),
        waited=zeros(cars),
        lost=zeros(cars),
        head=nobody(lanes),
        tail=nobody(lanes),
        leaver=nobody(lanes),
        left_at=zeros(lanes),
        first_out=nobody(edges),
        last_out=nobody(edges),
        outside=zeros(edges),
        loop_on=np.zeros((rows, loops), np.bool_),
        loop_left=np.repeat(now[:, None], loops, axis=1),
        passed=zeros(loops),
        phase=np.zeros((rows, signals), np.int64),
        shown=np.repeat(world.signals.phase_state[None, :, 0], rows, axis=0),
        requested=zeros(signals),
        switch=np.zeros((rows, signals), np.int32),
        switches=np.zeros((rows, signals), np.int32),
        green_since=np.tile(now[:, None, None], (1, signals, rings)),
        held=np.zeros((rows, signals), np.bool_),
        clock=clock,
        counter=counter,
    )


def counter_of(seed: int, redrawn: int = 0) -> int:
    """Where the random numbers of a row begin."""
    return int(np.random.default_rng([seed, _COUNTER, redrawn]).integers(2**63))


def copied(state: State) -> State:
    """A copy that nothing else changes."""
    return State(*(array.copy() for array in state))

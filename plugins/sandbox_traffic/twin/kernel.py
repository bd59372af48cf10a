"""A decision of all rows in one call, and the values that are read afterwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.twin.arrays import NOBODY, Floats, State, World
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.junction import HALTING
from sandbox_traffic.twin.signals import FOLLOWING, NOW, request
from sandbox_traffic.twin.step import second


@njit
def advance(
    world: World, routes: object, state: State, phases: NDArray[np.int64], until: Floats, values: Floats
) -> None:
    """Request phases in every row, simulate, and read the values.

    Args:
        world: What never changes.
        routes: `sandbox_traffic.twin.arrays.Routes`.
        state: Changed in place.
        phases: Phase for each signal, shape ``(rows, signals)``.
        until: Time to simulate to, s, shape ``(rows,)``.
        values: Written, in the order of `sandbox_traffic.sumo.interface.SimulationSpec.layout`.
    """
    for row in range(len(until)):
        if state.clock[row, FOLLOWING] == 0.0:
            for signal in range(phases.shape[1]):
                request(world, state, row, signal, phases[row, signal])
        while state.clock[row, NOW] < until[row]:
            second(world, routes, state, row)
        read(world, state, row, values[row])


@njit
def read(world: World, state: State, row: int, out: Floats) -> None:
    """Read the values of a row."""
    lanes, edges, loops = len(world.read), len(world.edges), len(world.loop_place)
    for place in range(lanes):
        count = halting = waiting = total = 0.0
        car = state.head[row, world.read[place]]
        while car != NOBODY:
            speed = state.speed[row, car]
            count, total = count + 1.0, total + speed
            if speed < HALTING:
                halting, waiting = halting + 1.0, waiting + state.wait[row, car]
            car = state.behind[row, car]
        out[place], out[lanes + place], out[2 * lanes + place] = count, halting, waiting
        out[3 * lanes + place] = total / count / world.limits[place] if count > 0.0 else 0.0
    start = 4 * lanes
    for place in range(edges):
        out[start + place] = state.outside[row, world.edges[place]]
    start += edges
    for loop in range(loops):
        since = state.clock[row, NOW] - state.loop_left[row, loop]
        out[start + loop] = 0.0 if state.loop_on[row, loop] else since
        out[start + loops + loop] = state.passed[row, loop]
    start += 2 * loops
    for signal in range(state.phase.shape[1]):
        following = state.clock[row, FOLLOWING] > 0.0
        out[start + signal] = state.phase[row, signal] if following else -1.0

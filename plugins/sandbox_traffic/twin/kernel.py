"""A decision of all rows in one call, and the values that are read afterwards."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.twin.arrays import (
    NOBODY,
    PROGRAMS,
    REQUESTS,
    Floats,
    Net,
    Readings,
    Row,
    Signals,
    State,
    Steps,
)  # fmt: skip
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.junction import HALTING
from sandbox_traffic.twin.signals import request, show
from sandbox_traffic.twin.step import second


@njit
def advance(
    net: Net,
    signals: Signals,
    steps: Steps,
    state: State,
    phases: NDArray[np.int64],
    until: Floats,
    readings: Readings,
    values: Floats,
) -> None:
    """Request phases in every row, simulate, and read the row's values while they are in the cache.

    Args:
        net, signals, steps: What never changes.
        state: Changed in place.
        phases: Phase for each signal that is controlled, shape ``(rows, signals)``.
        until: Time to simulate to, s, shape ``(rows,)``.
        readings, values: See `read`.
    """
    for number in range(len(until)):
        if state.clock[number, 0].mode == REQUESTS:
            for signal in range(phases.shape[1]):
                request(signals, state, number, signal, phases[number, signal])
        row = Row(
            state.cars[number], state.lanes[number], state.edges[number], state.loops[number],
            state.links[number], state.notes, state.clock[number],
        )  # fmt: skip
        while row.clock[0].now < until[number]:
            show(net, signals, state, number)
            second(net, row, steps)
        _read_row(readings, state, number, values[number])


@njit
def show_all(net: Net, signals: Signals, state: State) -> None:
    """Let the signals of every row show what is due now."""
    for row in range(len(state.clock)):
        show(net, signals, state, row)


@njit
def read(readings: Readings, state: State, values: Floats) -> None:
    """Read the values of every row.

    Args:
        readings: What is read.
        state: The state.
        values: Written, in the order of `sandbox_traffic.sumo.interface.SimulationSpec.layout`.
    """
    for row in range(len(values)):
        _read_row(readings, state, row, values[row])


@njit
def _read_row(readings: Readings, state: State, row: int, out: Floats) -> None:
    """Read the values of one row."""
    _read_lanes(readings, state, row, out)
    start = 4 * len(readings.lanes)
    for place in range(len(readings.edges)):
        out[start + place] = state.edges[row, readings.edges[place]].count
    start += len(readings.edges)
    loops = state.loops.shape[1]
    for loop in range(loops):
        since = state.clock[row, 0].now - state.loops[row, loop].left
        out[start + loop] = 0.0 if state.loops[row, loop].on else since
        out[start + loops + loop] = state.loops[row, loop].passed
    start += 2 * loops
    for signal in range(len(out) - 1 - start):
        follows = state.clock[row, 0].mode == PROGRAMS
        out[start + signal] = state.signals[row, signal].phase if follows else -1.0


@njit
def _read_lanes(readings: Readings, state: State, row: int, out: Floats) -> None:
    """Vehicles, standing vehicles, their waiting times, and the mean speed on each lane."""
    lanes = len(readings.lanes)
    for place in range(lanes):
        count = halting = waiting = total = 0.0
        car = state.lanes[row, readings.lanes[place]].head
        while car != NOBODY:
            speed = state.cars[row, car].speed
            count, total = count + 1.0, total + speed
            if speed < HALTING:
                halting, waiting = halting + 1.0, waiting + state.cars[row, car].wait
            car = state.cars[row, car].behind
        out[place], out[lanes + place], out[2 * lanes + place] = count, halting, waiting
        out[3 * lanes + place] = total / count / readings.limits[place] if count > 0.0 else 0.0

"""Compiled dynamics of many lanes of traffic at once.

A lane is a row of vehicles in the order of driving: vehicle i follows vehicle i + 1. On a ring the last one
follows vehicle 0, one lap ahead; on an open road it is a leader whose speeds are given.

All vehicles of a row are updated together from the state before the step, as SUMO does by default: the new
speed is max(0, v + dv/dt · dt), and the vehicle moves by new speed · dt.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox_mixed.car_following import Idm, idm_acceleration
from sandbox_mixed.energy import fuel_rate
from sandbox_mixed.jit import njit
from sandbox_mixed.safety import GapFilter, safe_speed

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

HUMAN, COMMANDED, FILTERED = 0, 1, 2
"""Who drives automated vehicles: the human model, commands, or commands after the gap filter."""

SPEED, SPREAD, EFFORT, JERKINESS, INTERVENED, CORRECTION, GAP, ANY_GAP, FUEL, DISTANCE = range(10)
"""Columns of the tally of a call, sums over its steps but for the gaps, which are least values:

- SPEED: mean speed of all vehicles but a leader, m/s; SPREAD: standard deviation of their speeds, m/s;
- EFFORT: mean |acceleration| of automated vehicles, m/s²; JERKINESS: mean square of it;
- INTERVENED: share of automated vehicles that the filter slowed down; CORRECTION: by how much, m/s²;
- GAP, ANY_GAP: least gap of an automated vehicle, and of any vehicle, m;
- FUEL: of all vehicles but a leader, g; DISTANCE: way of all of them, m.
"""

COLUMNS = 10

OWN_EFFORT, OWN_JERKINESS, OWN_CORRECTION = range(3)
"""Columns of the accounts of each automated vehicle, sums over the steps of a call: |acceleration|, m/s², its
square, and by how much the filter slowed it down, m/s²."""

OWN_COLUMNS = 3

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


class Lanes(NamedTuple):
    """The state of many lanes.

    Attributes:
        position: Of front bumpers, m, shape ``(rows, n)``; on a ring it counts on over laps.
        speed: m/s, shape ``(rows, n)``.
        acceleration: Of the last step, m/s², shape ``(rows, n)``.
        length: Of the ring, m, shape ``(rows,)``; not used on an open road.
        counter: State of each row's generator (SplitMix64), shape ``(rows,)``, uint64.
        collided: Whether vehicles of a row have touched, shape ``(rows,)``; such a row stands still.
    """

    position: Floats
    speed: Floats
    acceleration: Floats
    length: Floats
    counter: NDArray[np.uint64]
    collided: NDArray[np.bool_]


@njit
def uniform(counter: NDArray[np.uint64], row: int) -> float:
    """The next number in (0, 1] of a row: SplitMix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    counter[row] += _GOLDEN
    bits = counter[row]
    bits = (bits ^ (bits >> _30)) * _MIX_1
    bits = (bits ^ (bits >> _27)) * _MIX_2
    bits = bits ^ (bits >> _31)
    return (float(bits >> _11) + 1.0) * _UNIT


@njit
def draw_normals(counter: NDArray[np.uint64], row: int, out: Floats) -> None:
    """Standard normal numbers from a row's generator (Box & Muller 1958), shape ``(n,)``."""
    for i in range(0, len(out), 2):
        radius = math.sqrt(-2.0 * math.log(uniform(counter, row)))
        angle = 2.0 * math.pi * uniform(counter, row)
        out[i] = radius * math.cos(angle)
        if i + 1 < len(out):
            out[i + 1] = radius * math.sin(angle)


@njit
def advance(
    lanes: Lanes,
    driver: Idm,
    limits: GapFilter,
    dt: float,
    steps: int,
    slots: Integers,
    commands: Floats,
    control: int,
    leader: Floats,
    tally: Floats,
    by_vehicle: Floats,
) -> None:
    """Simulate some steps of all rows under the same commands.

    Args:
        lanes: The state, changed in place.
        driver: All human drivers.
        limits: Of the gap filter.
        dt: Step, s.
        steps: How many.
        slots: For every vehicle its column in ``commands``, -1 for a human driver; shape ``(n,)``.
        commands: Accelerations of automated vehicles, m/s², shape ``(rows, k)``.
        control: `HUMAN`, `COMMANDED` or `FILTERED`.
        leader: Speeds of the last vehicle on an open road, m/s, shape ``(rows, steps)``; shape ``(rows, 0)``
            for a ring.
        tally: Set to what happened, shape ``(rows, COLUMNS)``; see there.
        by_vehicle: Set to what each automated vehicle did, shape ``(rows, k, OWN_COLUMNS)``.
    """
    rows, n = lanes.position.shape
    normals = np.empty(n)
    fresh = np.empty(n)
    for row in range(rows):
        tally[row] = 0.0
        by_vehicle[row] = 0.0
        tally[row, GAP] = tally[row, ANY_GAP] = np.inf
        for step in range(steps):
            if lanes.collided[row]:
                break
            draw_normals(lanes.counter, row, normals)
            _new_speeds(
                lanes,
                row,
                driver,
                limits,
                dt,
                slots,
                commands,
                control,
                leader,
                step,
                normals,
                fresh,
                tally,
                by_vehicle,
            )
            for i in range(n):
                lanes.acceleration[row, i] = (fresh[i] - lanes.speed[row, i]) / dt
                lanes.speed[row, i] = fresh[i]
                lanes.position[row, i] += fresh[i] * dt
            _observe(lanes, row, driver, dt, slots, leader.shape[1] > 0, tally)


@njit
def gap_ahead(lanes: Lanes, row: int, i: int, vehicle_length: float) -> float:
    """The gap before vehicle i, m; that of the last one is across the end of the ring."""
    ahead: float = lanes.position[row, 0] + lanes.length[row]
    if i + 1 < lanes.position.shape[1]:
        ahead = lanes.position[row, i + 1]
    gap: float = ahead - lanes.position[row, i] - vehicle_length
    return gap


@njit
def _new_speeds(
    lanes: Lanes,
    row: int,
    driver: Idm,
    limits: GapFilter,
    dt: float,
    slots: Integers,
    commands: Floats,
    control: int,
    leader: Floats,
    step: int,
    normals: Floats,
    fresh: Floats,
    tally: Floats,
    by_vehicle: Floats,
) -> None:
    """Speeds after the step, and what the gap filter did."""
    n = lanes.position.shape[1]
    followers = n
    if leader.shape[1] > 0:
        followers = n - 1
        fresh[n - 1] = leader[row, step]
    share = 1.0 / max(commands.shape[1], 1)
    noise = driver.noise * math.sqrt(dt)
    for i in range(followers):
        speed = lanes.speed[row, i]
        ahead = lanes.speed[row, i + 1 if i + 1 < n else 0]
        gap = gap_ahead(lanes, row, i, driver.length)
        if slots[i] < 0 or control == HUMAN:
            change = idm_acceleration(speed, ahead, gap, driver) + noise * normals[i]
            fresh[i] = max(0.0, speed + max(change, -driver.emergency) * dt)
            continue
        wanted = min(max(0.0, speed + commands[row, slots[i]] * dt), driver.desired_speed)
        fresh[i] = wanted
        if control == FILTERED:
            permitted = safe_speed(speed, ahead, gap, dt, limits)
            if permitted < wanted:
                fresh[i] = permitted
                tally[row, INTERVENED] += share
                tally[row, CORRECTION] += share * (wanted - permitted) / dt
                by_vehicle[row, slots[i], OWN_CORRECTION] += (wanted - permitted) / dt
        change = (fresh[i] - speed) / dt
        tally[row, EFFORT] += share * abs(change)
        tally[row, JERKINESS] += share * change * change
        by_vehicle[row, slots[i], OWN_EFFORT] += abs(change)
        by_vehicle[row, slots[i], OWN_JERKINESS] += change * change


@njit
def _observe(
    lanes: Lanes, row: int, driver: Idm, dt: float, slots: Integers, led: bool, tally: Floats
) -> None:
    """Add the state after a step to the tally, and see whether vehicles touch."""
    n = lanes.position.shape[1]
    followers = n - 1 if led else n
    mean = square = 0.0
    for i in range(followers):
        speed = lanes.speed[row, i]
        mean += speed / followers
        square += speed * speed / followers
        tally[row, FUEL] += fuel_rate(speed, lanes.acceleration[row, i]) * dt
        tally[row, DISTANCE] += speed * dt
        gap = gap_ahead(lanes, row, i, driver.length)
        tally[row, ANY_GAP] = min(tally[row, ANY_GAP], gap)
        if slots[i] >= 0:
            tally[row, GAP] = min(tally[row, GAP], gap)
        if gap < 0.0:
            lanes.collided[row] = True
    tally[row, SPEED] += mean
    tally[row, SPREAD] += math.sqrt(max(square - mean * mean, 0.0))

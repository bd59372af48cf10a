"""Vehicles of a lane as a chain from its front to its back."""

from __future__ import annotations

import numpy as np

from sandbox_traffic.twin.arrays import NOBODY, Row
from sandbox_traffic.twin.jit import inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@inlined
def uniform(row: Row) -> float:
    """The next number in [0, 1) of a row: SplitMix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    row.clock[0].counter += _GOLDEN
    bits = row.clock[0].counter
    bits = (bits ^ (bits >> _30)) * _MIX_1
    bits = (bits ^ (bits >> _27)) * _MIX_2
    bits = bits ^ (bits >> _31)
    return float(bits >> _11) * _UNIT


@inlined
def put(row: Row, car: int, lane: int) -> None:
    """Put a vehicle on a lane, where its position belongs."""
    before = row.lanes[lane].tail
    after = NOBODY
    while before != NOBODY and row.cars[before].position < row.cars[car].position:
        after, before = before, row.cars[before].ahead
    row.cars[car].ahead, row.cars[car].behind = before, after
    if before == NOBODY:
        row.lanes[lane].head = car
    else:
        row.cars[before].behind = car
    if after == NOBODY:
        row.lanes[lane].tail = car
    else:
        row.cars[after].ahead = car
    row.cars[car].lane = lane


@inlined
def take(row: Row, car: int) -> None:
    """Take a vehicle off its lane."""
    lane = row.cars[car].lane
    before, after = row.cars[car].ahead, row.cars[car].behind
    if before == NOBODY:
        row.lanes[lane].head = after
    else:
        row.cars[before].behind = after
    if after == NOBODY:
        row.lanes[lane].tail = before
    else:
        row.cars[after].ahead = before
    row.cars[car].ahead = row.cars[car].behind = NOBODY

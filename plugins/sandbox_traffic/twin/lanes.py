"""Vehicles of a lane as a chain from its front to its back."""

from __future__ import annotations

import numpy as np

from sandbox_traffic.twin.arrays import NOBODY, State
from sandbox_traffic.twin.jit import njit

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_UNIT = 2.0**-53


@njit
def uniform(state: State, row: int) -> float:
    """The next number in [0, 1) of a row: SplitMix64 (Steele, Lea & Flood 2014, OOPSLA)."""
    state.counter[row] += _GOLDEN
    bits = state.counter[row]
    bits = (bits ^ (bits >> _30)) * _MIX_1
    bits = (bits ^ (bits >> _27)) * _MIX_2
    bits = bits ^ (bits >> _31)
    return float(bits >> _11) * _UNIT


@njit
def put(state: State, row: int, car: int, lane: int) -> None:
    """Put a vehicle on a lane, where its position belongs."""
    before = state.tail[row, lane]
    after = NOBODY
    while before != NOBODY and state.position[row, before] < state.position[row, car]:
        after, before = before, state.ahead[row, before]
    state.ahead[row, car], state.behind[row, car] = before, after
    if before == NOBODY:
        state.head[row, lane] = car
    else:
        state.behind[row, before] = car
    if after == NOBODY:
        state.tail[row, lane] = car
    else:
        state.ahead[row, after] = car
    state.lane[row, car] = lane


@njit
def take(state: State, row: int, car: int) -> None:
    """Take a vehicle off its lane."""
    lane = state.lane[row, car]
    before, after = state.ahead[row, car], state.behind[row, car]
    if before == NOBODY:
        state.head[row, lane] = after
    else:
        state.behind[row, before] = after
    if after == NOBODY:
        state.tail[row, lane] = before
    else:
        state.ahead[row, after] = before
    state.ahead[row, car] = state.behind[row, car] = NOBODY

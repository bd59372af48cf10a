"""Observations of signals, each a concatenation of named blocks.

A block has one number per ring, phase, approach, exit, movement or crossing. Where signals differ in size,
their observations are padded with zeros at the end, for a policy that all signals share.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sandbox.api import ObservationField
from sandbox_traffic.network.roads import VEHICLE_SPACE
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.network.signals import Signal
from sandbox_traffic.reward import OUTSIDE_SCALE
from sandbox_traffic.state import Array, NetworkState

MAX_GREEN_TIME = 60.0
"""Green times are observed up to this length, s."""

LOOP_DECAY = 5.0
"""A vehicle that was on a loop t seconds ago is observed as exp(−t/LOOP_DECAY), s."""

WAITING_SCALE = 60.0
"""A sum of waiting times w on an approach is observed as w/(w + WAITING_SCALE), s."""

RESCO_VEHICLES = 28.0
"""RESCO's divisor of vehicle counts, the vehicles that fit on 200 m."""

RESCO_WAITING = 28.0
"""RESCO's divisor of waiting times, s."""

MAX_VALUE = 100.0
"""Bound of observations that have no natural one; waiting times are cut off there."""

Per = Literal["ring", "phase", "approach", "exit", "movement", "crossing"]


@dataclass(frozen=True, slots=True)
class Block:
    """One part of an observation.

    Attributes:
        per: What the block has one number for.
        values: Function of the state, of shape ``(num_envs, signals, numbers)``.
        unit: What an observed 1 stands for.
        low, high: Bounds of the values.
    """

    per: Per
    values: Callable[[NetworkState], Array]
    unit: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Observation:
    """A concatenation of blocks.

    Attributes:
        name: Name in configurations.
        blocks: Its parts, in order.
        source: Paper or library that it comes from.
    """

    name: str
    blocks: tuple[Block, ...]
    source: str = ""


def _block(
    per: Per, unit: str = "1", low: float = 0.0, high: float = 1.0
) -> Callable[[Callable[[NetworkState], Array]], Block]:
    """Make a block of a function of the state."""
    return lambda values: Block(per, values, unit, low, high)


@_block("phase")
def phase(state: NetworkState) -> Array:
    """1 for the phase that is green or being changed to, else 0."""
    return state.phase_one_hot.astype(np.float64)


@_block("ring")
def may_switch(state: NetworkState) -> Array:
    """1 where the minimum green is over, else 0."""
    return state.may_switch.astype(np.float64)


@_block("ring", "60 s")
def green_time(state: NetworkState) -> Array:
    """Time for which the ring has been green/60 s, at most 1."""
    return np.minimum(np.maximum(state.green_time / MAX_GREEN_TIME, 0.0), 1.0)


@_block("approach", "capacity")
def occupied(state: NetworkState) -> Array:
    """Share of the capacity that is occupied."""
    return np.minimum(state.count / state.network.capacity, 1.0)


@_block("approach", "capacity")
def standing(state: NetworkState) -> Array:
    """Share of the capacity that stands still."""
    return np.minimum(state.queue / state.network.capacity, 1.0)


@_block("approach")
def outside(state: NetworkState) -> Array:
    """n/(n + 10) for n vehicles that wait to enter."""
    return state.outside / (state.outside + OUTSIDE_SCALE)


@_block("approach")
def arriving(state: NetworkState) -> Array:
    """exp(−t/5) for t s since a vehicle was on the loop."""
    return np.exp(-state.gap / LOOP_DECAY)


@_block("approach", "capacity")
def slow(state: NetworkState) -> Array:
    """Share of the capacity, vehicles weighted by 1 − speed/allowed speed."""
    return np.minimum(state.slowness / state.network.capacity, 1.0)


@_block("approach")
def waiting(state: NetworkState) -> Array:
    """w/(w + 60) for w s, the sum of present waiting times."""
    return state.waiting / (state.waiting + WAITING_SCALE)


@_block("crossing")
def pedestrians(state: NetworkState) -> Array:
    """n/(n + 10) for n pedestrians who stand before the crossing."""
    return state.pedestrians / (state.pedestrians + OUTSIDE_SCALE)


@_block("crossing")
def pedestrian_time(state: NetworkState) -> Array:
    """w/(w + 60) for w s, the sum of their present waiting times."""
    return state.pedestrian_time / (state.pedestrian_time + WAITING_SCALE)


@_block("exit", "capacity")
def exit_standing(state: NetworkState) -> Array:
    """Share of the outgoing lane that stands still."""
    return np.minimum(state.outgoing_queue * VEHICLE_SPACE / state.network.exit_length, 1.0)


@_block("approach")
def upstream_green(state: NetworkState) -> Array:
    """1 where the signal upstream has green towards the approach, else 0."""
    return state.upstream_green


@_block("approach", "capacity")
def lane_density(state: NetworkState) -> Array:
    """Share of the incoming lane alone that is occupied."""
    return np.minimum(state.incoming * VEHICLE_SPACE / state.network.lane_length, 1.0)


@_block("approach", "capacity")
def lane_queue(state: NetworkState) -> Array:
    """Share of the incoming lane alone that stands still."""
    return np.minimum(state.incoming_queue * VEHICLE_SPACE / state.network.lane_length, 1.0)


@_block("approach", "28 vehicles", high=MAX_VALUE)
def moving_vehicles(state: NetworkState) -> Array:
    """Moving vehicles/28."""
    return (state.count - state.queue) / RESCO_VEHICLES


@_block("approach", "28 s", high=MAX_VALUE)
def total_waiting(state: NetworkState) -> Array:
    """Sum of present waiting times/28 s."""
    return np.minimum(state.waiting / RESCO_WAITING, MAX_VALUE)


@_block("approach", "28 vehicles", high=MAX_VALUE)
def standing_vehicles(state: NetworkState) -> Array:
    """Standing vehicles/28."""
    return state.queue / RESCO_VEHICLES


@_block("approach", "28 vehicles", high=MAX_VALUE)
def total_speed(state: NetworkState) -> Array:
    """Sum of the vehicles' speed/limit/28."""
    return (state.count - state.slowness) / RESCO_VEHICLES


@_block("movement", "28 vehicles", low=-MAX_VALUE, high=MAX_VALUE)
def pressure(state: NetworkState) -> Array:
    """(Vehicles on the approach − vehicles on the exit)/28."""
    return state.movement_pressure / RESCO_VEHICLES


@_block("approach", "28 vehicles", high=MAX_VALUE)
def wave(state: NetworkState) -> Array:
    """Vehicles standing or approaching/28."""
    return state.count / RESCO_VEHICLES


APPROACHES = (
    phase, may_switch, green_time, occupied, standing, outside, arriving, slow, waiting, pedestrians,
    pedestrian_time,
)  # fmt: skip

OBSERVATIONS = {
    observation.name: observation
    for observation in (
        Observation("approaches", APPROACHES),
        Observation("sumo-rl", (phase, may_switch, lane_density, lane_queue), "sumo-rl 1.4.5, its default"),
        Observation(
            "drq",
            (phase, moving_vehicles, total_waiting, standing_vehicles, total_speed),
            "Ault and Sharon 2021 (RESCO), drq_norm",
        ),
        Observation("pressure", (phase, pressure), "Chen et al. 2020 (MPLight)"),
        Observation("wave", (phase, wave), "Ault and Sharon 2021 (RESCO), wave"),
        Observation(
            "neighbours",
            (*APPROACHES, exit_standing, upstream_green),
            "after Ma and Wu 2020 (FMA2C): the state of the signals around",
        ),
    )
}
"""Observations by the name that configurations use."""


class Observer:
    """Concatenates the blocks of an observation for all signals.

    Args:
        network: The network.
        observation: The observation to make.

    Attributes:
        sizes: Length of each signal's observation.
        width: Largest of the sizes.
        blocks: The blocks.
        starts: Column at which each block begins, where all blocks of all signals are laid side by side.
        columns: Number of these columns; the one behind them holds zeros.
        table: Columns of each signal's observation, shape ``(signals, width)``.
        same_size: Whether these are all columns in order.
    """

    def __init__(self, network: SignalNetwork, observation: Observation) -> None:
        self.blocks, self._network = observation.blocks, network
        signals = range(len(network.signals))
        counts = [_counts(network, block.per) for block in self.blocks]
        starts = np.cumsum([0, *(max(row) for row in counts)]).tolist()
        zero = starts[-1]  # column of zeros behind the blocks
        self.starts, self.columns = starts[:-1], zero
        columns = [
            [
                start + place
                for start, row in zip(starts, counts, strict=False)
                for place in range(row[signal])
            ]
            for signal in signals
        ]
        self.sizes = [len(row) for row in columns]
        self.width = max(self.sizes)
        self.table: NDArray[np.intp] = np.full((len(columns), self.width), zero, dtype=np.intp)
        for signal, row in enumerate(columns):
            self.table[signal, : len(row)] = row
        self._counts = counts
        self.same_size = self.width == zero and bool((self.table == np.arange(zero)).all())
        self._bounds = [self._block_bounds([row[signal] for row in counts]) for signal in signals]

    def _block_bounds(self, counts: list[int]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        low, high = ([getattr(block, side) for block in self.blocks] for side in ("low", "high"))
        return np.repeat(low, counts).astype(np.float32), np.repeat(high, counts).astype(np.float32)

    def bounds(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Bounds of signal ``index``'s observation, shape ``(sizes[index],)`` each."""
        return self._bounds[index]

    def fields(self, index: int) -> list[ObservationField]:
        """What the numbers of signal ``index``'s observation are: a field a block."""
        signal = self._network.signals[index]
        return [
            ObservationField(
                block.values.__name__.replace("_", " "),
                block.unit,
                f"{str(block.values.__doc__).rstrip('.')}; {_BY[block.per]}",
                _entries(signal, block.per, counts[index]),
            )
            for block, counts in zip(self.blocks, self._counts, strict=True)
            if counts[index]
        ]

    def observe(self, state: NetworkState) -> NDArray[np.float32]:
        """Observations of all signals, shape ``(num_envs, signals, width)``."""
        parts = [block.values(state) for block in self.blocks]
        if self.same_size:
            return np.concatenate(parts, axis=-1, dtype=np.float32)
        parts.append(np.zeros((*parts[0].shape[:2], 1)))
        full = np.concatenate(parts, axis=-1, dtype=np.float32)
        return np.take_along_axis(full, self.table[None], axis=2)


_BY: dict[Per, str] = {
    "ring": "by ring",
    "phase": "by phase and SUMO's state of it",
    "approach": "by incoming lane",
    "exit": "by outgoing lane",
    "movement": "by movement",
    "crossing": "by crossing",
}
"""What the numbers of a block are told apart by."""


def _entries(signal: Signal, per: Per, count: int) -> tuple[str, ...]:
    """What a block's numbers belong to: SUMO's ids of lanes, and numbers as the signal counts from 0."""
    match per:
        case "approach":
            return tuple(signal.incoming)
        case "exit":
            return tuple(signal.outgoing)
        case "movement":
            return tuple(
                f"{signal.incoming[start]} to {signal.outgoing[end]}"
                for start, end in signal.movements.tolist()
            )
        case "phase":
            return tuple(f"{place} {state}" for place, state in enumerate(signal.phases))
        case _:
            return tuple(f"{per} {place}" for place in range(count)) if count > 1 else ()


def _counts(network: SignalNetwork, per: Per) -> list[int]:
    """How many numbers a block has for each signal."""
    match per:
        case "ring":
            return [signal.plan.rings.shape[1] for signal in network.signals]
        case "phase":
            return [len(signal.phases) for signal in network.signals]
        case "approach":
            return [len(signal.incoming) for signal in network.signals]
        case "exit":
            return [len(signal.outgoing) for signal in network.signals]
        case "movement":
            return [len(signal.movements) for signal in network.signals]
        case "crossing":
            return [len(signal.crossings) for signal in network.signals]

"""What signals see: named observations, each a row of blocks.

A block has one number a signal, phase, approach or exit. The observation of a signal is the
concatenation of its blocks; where signals differ in size, all are padded with zeros at the end for a
policy that they share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.control import Ground
from sandbox_traffic.network import VEHICLE_SPACE
from sandbox_traffic.reward import FEW
from sandbox_traffic.scene import Array, Scene

LONG_GREEN = 60.0
"""Greens are observed up to this length, s."""

LOOP_MEMORY = 5.0
"""A vehicle that was on a loop t seconds ago is observed as exp(−t/LOOP_MEMORY), s."""

LONG_WAIT = 60.0
"""A sum of waiting times w on an approach is observed as w/(w + LONG_WAIT), s."""

RESCO_VEHICLES = 28.0
"""RESCO divides vehicle counts by this, the vehicles that fit on 200 m."""

RESCO_WAIT = 28.0
"""And waiting times by this, s."""

LARGE = 100.0
"""Bound of observations that have no natural one; waiting times are cut off there."""

Per = Literal["signal", "phase", "approach", "exit", "movement"]


@dataclass(frozen=True, slots=True)
class Block:
    """One part of an observation.

    Attributes:
        name: What it is called in the documentation.
        per: What there is one number of.
        values: From a scene, shape ``(copies, signals, most)``.
        meaning: Definition, unit and range.
        low, high: Bounds of the values.
    """

    name: str
    per: Per
    values: Callable[[Scene], Array]
    meaning: str
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True, slots=True)
class Observation:
    """A choice of blocks.

    Attributes:
        name: What configurations call it.
        blocks: Its parts, in order.
        source: Where it comes from.
    """

    name: str
    blocks: tuple[Block, ...]
    source: str = ""


def _phase(scene: Scene) -> Any:
    return scene.one_hot


def _may_switch(scene: Scene) -> Any:
    return scene.may_switch[..., None]


def _green(scene: Scene) -> Any:
    return np.minimum(np.maximum(scene.green / LONG_GREEN, 0.0), 1.0)[..., None]


def _occupied(scene: Scene) -> Any:
    return np.minimum(scene.count / scene.capacity, 1.0)


def _standing(scene: Scene) -> Any:
    return np.minimum(scene.queue / scene.capacity, 1.0)


def _slow(scene: Scene) -> Any:
    return np.minimum(scene.slowness / scene.capacity, 1.0)


def _waited(scene: Scene) -> Any:
    return scene.waiting / (scene.waiting + LONG_WAIT)


def _outside(scene: Scene) -> Any:
    return scene.outside / (scene.outside + FEW)


def _arriving(scene: Scene) -> Any:
    return np.exp(-scene.gap / LOOP_MEMORY)


def _density(scene: Scene) -> Any:
    return np.minimum(scene.incoming * VEHICLE_SPACE / scene.lane_length, 1.0)


def _lane_queue(scene: Scene) -> Any:
    return np.minimum(scene.lane_queue * VEHICLE_SPACE / scene.lane_length, 1.0)


def _approaching(scene: Scene) -> Any:
    return (scene.count - scene.queue) / RESCO_VEHICLES


def _total_wait(scene: Scene) -> Any:
    return np.minimum(scene.waiting / RESCO_WAIT, LARGE)


def _queued(scene: Scene) -> Any:
    return scene.queue / RESCO_VEHICLES


def _total_speed(scene: Scene) -> Any:
    return (scene.count - scene.slowness) / RESCO_VEHICLES


def _pressure(scene: Scene) -> Any:
    return scene.movement_pressure / RESCO_VEHICLES


def _wave(scene: Scene) -> Any:
    return scene.count / RESCO_VEHICLES


def _exit_standing(scene: Scene) -> Any:
    return np.minimum(scene.exit_queue * VEHICLE_SPACE / scene.exit_length, 1.0)


def _released(scene: Scene) -> Any:
    return scene.released


PHASE = Block("phase", "phase", _phase, "one-hot of the phase that is green or being changed to")
MAY_SWITCH = Block("may switch", "signal", _may_switch, "1 where the shortest green is over")
GREEN = Block("green", "signal", _green, "how long it has been green, 1 from 60 s on")
OCCUPIED = Block("occupied", "approach", _occupied, "share of the approach's capacity that is occupied")
STANDING = Block("standing", "approach", _standing, "share of the capacity that stands still")
SLOW = Block("slow", "approach", _slow, "share of the capacity, vehicles weighted by 1 − speed/limit")
WAITED = Block("waited", "approach", _waited, "w/(w + 60) for w s, the sum of present waiting times")
OUTSIDE = Block("outside", "approach", _outside, "n/(n + 10) for n vehicles waiting to enter")
ARRIVING = Block("arriving", "approach", _arriving, "exp(−t/5) for t s since a vehicle was on the loop")

DENSITY = Block("density", "approach", _density, "occupied share of the incoming lane alone")
LANE_QUEUE = Block("queue", "approach", _lane_queue, "standing share of the incoming lane alone")
APPROACHING = Block("approaching", "approach", _approaching, "moving vehicles/28", 0.0, LARGE)
TOTAL_WAIT = Block("total wait", "approach", _total_wait, "sum of present waiting times/28 s", 0.0, LARGE)
QUEUED = Block("queued", "approach", _queued, "standing vehicles/28", 0.0, LARGE)
TOTAL_SPEED = Block("total speed", "approach", _total_speed, "Σ speed/limit/28", 0.0, LARGE)
PRESSURE = Block(
    "pressure", "movement", _pressure, "(vehicles on the approach − on the exit)/28", -LARGE, LARGE
)
WAVE = Block("wave", "approach", _wave, "vehicles standing or approaching/28", 0.0, LARGE)
EXIT_STANDING = Block("exit", "exit", _exit_standing, "standing share of each outgoing lane")
RELEASED = Block(
    "released", "approach", _released, "1 where the signal upstream shows green towards the approach"
)

OBSERVATIONS = {
    made.name: made
    for made in (
        Observation(
            "approaches", (PHASE, MAY_SWITCH, GREEN, OCCUPIED, STANDING, OUTSIDE, ARRIVING, SLOW, WAITED)
        ),
        Observation("sumo-rl", (PHASE, MAY_SWITCH, DENSITY, LANE_QUEUE), "sumo-rl 1.4.5, its default"),
        Observation(
            "drq",
            (PHASE, APPROACHING, TOTAL_WAIT, QUEUED, TOTAL_SPEED),
            "Ault and Sharon 2021 (RESCO), drq_norm",
        ),
        Observation("pressure", (PHASE, PRESSURE), "Chen et al. 2020 (MPLight)"),
        Observation("wave", (PHASE, WAVE), "Ault and Sharon 2021 (RESCO), wave"),
        Observation(
            "neighbours",
            (
                *(PHASE, MAY_SWITCH, GREEN, OCCUPIED, STANDING, OUTSIDE, ARRIVING, SLOW, WAITED),
                *(EXIT_STANDING, RELEASED),
            ),
            "after Ma and Wu 2020 (FMA2C): what the signals around are doing",
        ),
    )
}


class Observer:
    """Gathers the blocks of an observation into arrays for learners.

    Args:
        ground: The network.
        observation: What is seen.

    Attributes:
        sizes: Length of each signal's observation.
        width: The largest of them.
        low, high: Bounds of every entry, shape ``(width,)``.
    """

    def __init__(self, ground: Ground, observation: Observation) -> None:
        self._blocks = observation.blocks
        counts = [_counts(ground, block.per) for block in self._blocks]
        starts = np.cumsum([0, *(max(row) for row in counts)])
        zero = int(starts[-1])
        columns = [
            [
                int(start) + place
                for start, row in zip(starts, counts, strict=False)
                for place in range(row[at])
            ]
            for at in range(len(ground.signals))
        ]
        self.sizes = [len(row) for row in columns]
        self.width = max(self.sizes)
        self._table: NDArray[np.intp] = np.full((len(columns), self.width), zero, dtype=np.intp)
        for at, row in enumerate(columns):
            self._table[at, : len(row)] = row
        self._regular = bool((self._table == np.arange(zero)).all()) if self.width == zero else False
        self._bounds = [
            [
                np.repeat([getattr(block, side) for block in self._blocks], [row[at] for row in counts])
                for at in range(len(columns))
            ]
            for side in ("low", "high")
        ]

    def bounds(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Bounds of signal ``index``'s observation, shape ``(sizes[index],)`` each."""
        low, high = (side[index].astype(np.float32) for side in self._bounds)
        return low, high

    def observe(self, scene: Scene) -> NDArray[np.float32]:
        """Observations of all signals, shape ``(copies, signals, width)``."""
        parts: Sequence[Array] = [block.values(scene) for block in self._blocks]
        if self._regular:
            return np.concatenate(parts, axis=-1, dtype=np.float32)
        parts = [*parts, np.zeros((*parts[0].shape[:2], 1))]
        full = np.concatenate(parts, axis=-1, dtype=np.float32)
        return np.take_along_axis(full, self._table[None], axis=2)


def _counts(ground: Ground, per: Per) -> list[int]:
    match per:
        case "signal":
            return [1] * len(ground.signals)
        case "phase":
            return [len(signal.greens) for signal in ground.signals]
        case "approach":
            return [len(signal.incoming) for signal in ground.signals]
        case "exit":
            return [len(signal.outgoing) for signal in ground.signals]
        case "movement":
            return [len(signal.movements) for signal in ground.signals]

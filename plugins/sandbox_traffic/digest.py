"""Observations, rewards, masks and sums for metrics in compiled code, with the same bits as in Python.

On small networks NumPy's time goes by the number of calls, and a decision takes a hundred of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from enum import IntEnum
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import RewardSpec
from sandbox_traffic import observations as blocks
from sandbox_traffic import reward as rewards
from sandbox_traffic.dynamics import PhaseClock
from sandbox_traffic.metrics import SUMS
from sandbox_traffic.network.roads import VEHICLE_SPACE
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.observations import Observation, Observer
from sandbox_traffic.state import APPROACH_FIELDS, NetworkState
from sandbox_traffic.sumo.compiled import library
from sandbox_traffic.sumo.interface import Snapshot

BLOCKS = (
    blocks.phase, blocks.may_switch, blocks.green_time, blocks.occupied, blocks.standing, blocks.outside,
    blocks.arriving, blocks.slow, blocks.waiting, blocks.pedestrians, blocks.pedestrian_time,
    blocks.exit_standing, blocks.upstream_green, blocks.lane_density, blocks.lane_queue,
    blocks.moving_vehicles, blocks.total_waiting, blocks.standing_vehicles, blocks.total_speed,
    blocks.pressure, blocks.wave,
)  # fmt: skip
"""Blocks of observations in the order of their numbers in ``native/digest.cpp``."""

TERMS = (
    rewards.queue, rewards.outside, rewards.waiting, rewards.waiting_difference, rewards.pressure,
    rewards.delay, rewards.mean_speed, rewards.throughput, rewards.emergency_braking, rewards.spillback,
    rewards.pedestrians, rewards.co2, rewards.fuel,
)  # fmt: skip
"""Reward terms, likewise."""

SIZES = (
    "envs", "signals", "lanes", "edges", "loops", "crossings", "emitting", "size", "approaches", "exits",
    "movements", "phases", "rings", "walks", "members", "entries", "blocks", "columns", "width", "same_size",
)  # fmt: skip
CONSTANTS = {
    "vehicle_space": VEHICLE_SPACE, "outside_scale": rewards.OUTSIDE_SCALE, "loop_decay": blocks.LOOP_DECAY,
    "waiting_scale": blocks.WAITING_SCALE, "max_green_time": blocks.MAX_GREEN_TIME,
    "resco_vehicles": blocks.RESCO_VEHICLES, "resco_waiting": blocks.RESCO_WAITING,
    "max_value": blocks.MAX_VALUE,
}  # fmt: skip
ARRAYS = (
    "lane_index", "lane_weight", "edge_index", "edge_weight", "incoming", "approach_table", "exit_table",
    "crossing_table", "movement_approach", "movement_exit", "upstream_signal", "capacity", "lane_length",
    "exit_length", "upstream_green", "ring_phases", "min_green", "max_green", "phase_exists", "block_kinds",
    "block_starts", "column_table", "weights", "values", "now", "phase", "green_since", "arriving",
    "observation", "mask", "terms", "total", "sums", "seconds", "approach_values", "before_waiting",
    "before_passed", "before_braking", "before_now", "before_phase",
)  # fmt: skip


class Moment(IntEnum):
    """When values are digested: after an interval, as episodes begin, or once more at the same time."""

    INTERVAL = 0
    BEGIN = 1
    AGAIN = 2


class _Struct(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_int64) for name in SIZES),
        *((name, ctypes.c_double) for name in ("interval", *CONSTANTS)),
        *((name, ctypes.c_void_p) for name in ARRAYS),
    )


class Digest:
    """Makes observations, rewards and masks of the values read from SUMO.

    Args:
        path: The library.
        network: The network.
        observer: Lays out the observation.
        reward: The reward; its terms must be `TERMS`.
        values: The values, shape ``(num_envs, network.spec.size)``; read anew at every `update`.

    Attributes:
        observation: Shape ``(num_envs, signals, width)``.
        mask: Phases that may be requested, shape ``(num_envs, signals, max_phases)``.
        terms: Reward terms of the last interval, shape ``(terms, num_envs, signals)``.
        total: Rewards, shape ``(num_envs, signals)``.
        phase: The phase that is green or being changed to, shape ``(num_envs, signals)``.
        sums: Sums for `SignalMetrics`, shape ``(5, num_envs, signals)``.
        seconds: Length of the episodes so far, s, shape ``(num_envs, 1)``.
        approaches: As `NetworkState` has them.
    """

    def __init__(
        self,
        path: Path,
        network: SignalNetwork,
        observer: Observer,
        reward: RewardSpec,
        values: NDArray[np.float64],
    ) -> None:
        envs, signals = len(values), len(network.signals)
        spec = network.spec
        kinds = [block.values for block in observer.blocks]
        known = [block.values for block in BLOCKS]
        self._update = _load(path).digest_update
        self._names = [term.name for term in reward.terms]
        self._network, self._values, self._parts = network, values, spec.parts
        self.observation = np.zeros((envs, signals, observer.width), dtype=np.float32)
        self.mask = np.zeros((envs, signals, network.max_phases), dtype=np.bool_)
        self.terms = np.zeros((len(TERMS), envs, signals))
        self.total = np.zeros((envs, signals))
        self.sums = np.zeros((len(SUMS), envs, signals))
        self.seconds = np.zeros((envs, 1))
        self.approaches = np.zeros((len(APPROACH_FIELDS), envs, signals, network.approach_table.shape[1]))
        self.now, self.phase = np.zeros(envs), np.zeros((envs, signals), dtype=np.int64)
        self._green_since = np.zeros((envs, signals, network.max_rings))
        loops = len(spec.loops)
        start = sum(spec.layout[:5])
        self._gap = values[:, start : start + loops]
        self._arriving = np.zeros((envs, loops))
        self._observes_arriving = blocks.arriving.values in kinds
        lanes, edges = network.approach_lanes, network.approach_edges
        sizes = (
            envs, signals, len(spec.lanes), len(spec.edges), loops, len(spec.crossings), spec.layout[9],
            spec.size, network.approach_table.shape[1], network.exit_table.shape[1],
            network.movement_approach.shape[1], network.max_phases, network.max_rings,
            network.crossing_table.shape[1], lanes.index.shape[1], edges.index.shape[1], len(kinds),
            observer.columns, observer.width, observer.same_size,
        )  # fmt: skip
        arrays = (
            lanes.index, lanes.weight, edges.index, edges.weight, network.incoming, network.approach_table,
            network.exit_table, network.crossing_table, network.movement_approach, network.movement_exit,
            network.upstream_signal, network.capacity, network.lane_length, network.exit_length,
            network.upstream_green, network.rings, network.min_green, network.max_green,
            network.phase_exists, np.array([known.index(kind) for kind in kinds]),
            np.array(observer.starts), observer.table, np.array([term.weight for term in reward.terms]),
        )  # fmt: skip
        given = [np.ascontiguousarray(array) for array in arrays]
        state = [
            values, self.now, self.phase, self._green_since, self._arriving, self.observation, self.mask,
            self.terms, self.total, self.sums, self.seconds, self.approaches,
            *np.zeros((2, envs, signals)), *np.zeros((2, envs)), np.zeros((envs, signals), dtype=np.int64),
        ]  # fmt: skip
        self._kept = [*given, *state]  # the struct holds addresses alone
        self._struct = _Struct(
            *map(int, sizes),
            float(network.config.decision_interval),
            *CONSTANTS.values(),
            *(array.ctypes.data for array in self._kept),
        )
        self._pointer = ctypes.byref(self._struct)

    def update(self, now: Sequence[int], clocks: Sequence[Sequence[PhaseClock]], moment: Moment) -> None:
        """Digest the present values.

        Args:
            now: Time of each simulation, s.
            clocks: Phase clocks of each simulation's signals.
            moment: When this is.
        """
        phase, since, width = self.phase, self._green_since, self._green_since.shape[2]
        for env, row in enumerate(clocks):
            for signal, clock in enumerate(row):
                phase[env, signal] = clock.phase
                green = clock.green_since
                since[env, signal] = (
                    green if len(green) == width else (*green, *green[-1:] * (width - len(green)))
                )
        self._run(np.array(now, dtype=np.float64), moment)

    def take(
        self,
        now: NDArray[np.float64],
        phase: NDArray[np.int64],
        green_since: NDArray[np.float64],
        moment: Moment,
    ) -> None:
        """As `update`, with phases and the times of their green as arrays; see `NetworkState`."""
        self.phase[:], self._green_since[:] = phase, green_since
        self._run(now, moment)

    def _run(self, now: NDArray[np.float64], moment: Moment) -> None:
        self.now[:] = now
        if self._observes_arriving:
            np.divide(self._gap, -blocks.LOOP_DECAY, out=self._arriving)
            np.exp(self._arriving, out=self._arriving)
        self._update(self._pointer, moment)

    def state(self) -> NetworkState:
        """The state that was digested last, with copies of all arrays."""
        return NetworkState(
            self._network,
            Snapshot.split(self._values.copy(), self._parts),
            self.now.copy(),
            self.phase.copy(),
            self._green_since.copy(),
            self.approaches.copy(),
            self.mask.copy(),
        )

    def rewards_of(self, env: int) -> list[tuple[float, dict[str, float]]]:
        """Reward of each signal of one simulation, and its terms by name."""
        terms = self.terms[:, env].T.tolist()
        return [
            (total, dict(zip(self._names, row, strict=True)))
            for total, row in zip(self.total[env].tolist(), terms, strict=True)
        ]

    def reward_terms(self) -> dict[str, NDArray[np.float64]]:
        """Reward terms of the last interval by name, shape ``(num_envs, signals)`` each."""
        return dict(zip(self._names, self.terms.copy(), strict=True))


def make_digest(
    network: SignalNetwork,
    observer: Observer,
    observation: Observation,
    reward: RewardSpec,
    values: NDArray[np.float64],
) -> Digest | None:
    """A digest where there is compiled code for what is asked; None otherwise."""
    known = all(any(block is each for each in BLOCKS) for block in observation.blocks)
    if not known or tuple(term.fn for term in reward.terms) != TERMS:
        return None
    path = library("digest")
    try:
        return Digest(path, network, observer, reward, values) if path else None
    except OSError:  # it cannot be loaded here
        return None


@cache
def _load(path: Path) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(path))
    loaded.digest_update.restype = None
    loaded.digest_update.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return loaded

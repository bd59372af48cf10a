"""Observation classes written for sumo-rl, on environments of this plugin.

    from sandbox_traffic.sumo_rl import SumoRLObservation
    env = SumoRLObservation(sandbox.make("traffic/cologne1"), MyObservationFunction)

A class like sumo-rl's ``ObservationFunction`` is constructed with a traffic signal and called for every
observation. Here it is given an object with the interface of sumo-rl's ``TrafficSignal`` that reads the
state of this plugin; sumo-rl itself need not be installed. Classes that access single vehicles through
``ts.sumo`` cannot be used, because SUMO runs in another process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.network.roads import VEHICLE_SPACE
from sandbox_traffic.network.signals import Signal
from sandbox_traffic.state import Array
from sandbox_traffic.sumo.interface import Snapshot


class TrafficSignalView:
    """The attributes and methods of sumo-rl's ``TrafficSignal`` that observations use.

    Lanes are in sumo-rl's order, each incoming lane once. Densities and queues are shares of a lane
    (7.5 m a vehicle), at most 1.

    Args:
        batch: The batch of one simulation.
        index: Number of the signal.
    """

    def __init__(self, batch: SignalBatch, index: int = 0) -> None:
        self._batch, self._index = batch, index
        network, config = batch.network, batch.network.config
        signal = network.signals[index]
        self.id = signal.id
        self.num_green_phases = len(signal.phases)
        self.lanes = list(signal.incoming)
        self.out_lanes = list(signal.outgoing)
        lanes = network.roads.lanes
        self.lanes_length = {lane: lanes[lane].length for lane in (*self.lanes, *self.out_lanes)}
        self.min_green, self.yellow_time = config.min_green, _yellow(signal)
        self.max_green, self.delta_time = config.max_green, config.decision_interval
        self._column = {lane: column for column, lane in enumerate(network.spec.lanes)}

    @property
    def green_phase(self) -> int:
        """The phase that is green or being changed to."""
        return int(self._batch.state.phase[0, self._index])

    @property
    def time_since_last_phase_change(self) -> int:
        """Time since the change was requested, yellow included, s."""
        return int(self._batch.state.green_time[0, self._index].min()) + self.yellow_time

    def get_lanes_density(self) -> list[float]:
        """Occupied share of each incoming lane."""
        return self._shares(self._snapshot.count, self.lanes)

    def get_out_lanes_density(self) -> list[float]:
        """Occupied share of each outgoing lane."""
        return self._shares(self._snapshot.count, self.out_lanes)

    def get_lanes_queue(self) -> list[float]:
        """Standing share of each incoming lane."""
        return self._shares(self._snapshot.halting, self.lanes)

    def get_total_queued(self) -> int:
        """Standing vehicles on the incoming lanes."""
        return int(self._values(self._snapshot.halting, self.lanes).sum())

    def get_accumulated_waiting_time_per_lane(self) -> list[float]:
        """Sum of present waiting times on each incoming lane, s (sumo-rl adds earlier stops)."""
        return [float(value) for value in self._values(self._snapshot.waiting, self.lanes)]

    def get_average_speed(self) -> float:
        """Mean speed on the incoming lanes as a share of the limit; 1 where all are empty."""
        count = self._values(self._snapshot.count, self.lanes)
        if not count.sum():
            return 1.0
        pace = self._values(self._snapshot.pace, self.lanes)
        return float(np.minimum((count * pace).sum() / count.sum(), 1.0))

    def get_pressure(self) -> int:
        """Vehicles on outgoing lanes minus vehicles on incoming lanes, with the sign of sumo-rl."""
        count = self._snapshot.count
        return int(self._values(count, self.out_lanes).sum() - self._values(count, self.lanes).sum())

    @property
    def _snapshot(self) -> Snapshot:
        return self._batch.state.snapshot

    def _values(self, values: Array, lanes: list[str]) -> Array:
        return values[0, [self._column[lane] for lane in lanes]]

    def _shares(self, values: Array, lanes: list[str]) -> list[float]:
        lengths = np.array([self.lanes_length[lane] for lane in lanes])
        shares = self._values(values, lanes) * VEHICLE_SPACE / lengths
        return [float(share) for share in np.minimum(shares, 1.0)]


def _yellow(signal: Signal) -> int:
    """Longest time between two phases of a signal, s."""
    return int(signal.plan.longest_clearance)


class SumoRLObservation(gym.ObservationWrapper[Any, Any, Any]):
    """Replaces the observation by that of a sumo-rl observation class.

    Args:
        env: An environment of ``traffic/signal``, wrapped or not.
        observation_class: Class as sumo-rl takes it: ``observation_class(ts)`` has ``observation_space()``
            and is called without arguments.
    """

    def __init__(self, env: gym.Env[Any, Any], observation_class: Callable[[Any], Any]) -> None:
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, SignalEnv):
            raise TypeError("SumoRLObservation takes an environment of the task traffic/signal")
        self._function = observation_class(TrafficSignalView(inner.batch))
        self.observation_space = self._function.observation_space()

    def observation(self, observation: Any) -> Any:
        """The observation of the class."""
        return self._function()

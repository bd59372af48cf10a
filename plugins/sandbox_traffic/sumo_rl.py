"""Observation classes that were written for sumo-rl, on environments of this plugin.

    from sandbox_traffic.sumo_rl import SumoRLObservation
    env = SumoRLObservation(sandbox.make("traffic/cologne1"), MyObservationFunction)

A class like sumo-rl's ``ObservationFunction`` is made with a traffic signal and called for every
observation. It gets one that looks like sumo-rl's `TrafficSignal` and is read from what this plugin
reads anyway; sumo-rl itself need not be installed. Classes that reach for single vehicles through
``ts.sumo`` cannot be used: SUMO runs in another process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np

from sandbox_traffic.control import SignalControl
from sandbox_traffic.env import SignalEnv
from sandbox_traffic.network import VEHICLE_SPACE


class TrafficSignalView:
    """The attributes and methods of sumo-rl's ``TrafficSignal`` that observations use.

    Lanes are in sumo-rl's order, each incoming lane once. Densities and queues are shares of a lane
    (7.5 m a vehicle), at most 1.
    """

    def __init__(self, control: SignalControl, index: int = 0) -> None:
        self._control, self._index = control, index
        signal, config = control.signals[index], control.config
        self.id = signal.id
        self.num_green_phases = len(signal.greens)
        self.lanes = list(signal.incoming)
        self.out_lanes = list(signal.outgoing)
        self.lanes_length = {
            lane: control.network.lanes[lane].length for lane in (*self.lanes, *self.out_lanes)
        }
        self.min_green, self.yellow_time = config.min_green, config.yellow
        self.max_green, self.delta_time = config.max_green, config.decision_interval

    @property
    def green_phase(self) -> int:
        """The phase that is green or being changed to."""
        return self._control.clocks[self._index].phase

    @property
    def time_since_last_phase_change(self) -> int:
        """Time since the change was asked for, the yellow included, s."""
        clock = self._control.clocks[self._index]
        return self._control.now - clock.green_since + self.yellow_time

    def get_lanes_density(self) -> list[float]:
        """Occupied share of each incoming lane."""
        return self._shares(self._control.snapshot.count, self.lanes)

    def get_out_lanes_density(self) -> list[float]:
        """Occupied share of each outgoing lane."""
        return self._shares(self._control.snapshot.count, self.out_lanes)

    def get_lanes_queue(self) -> list[float]:
        """Standing share of each incoming lane."""
        return self._shares(self._control.snapshot.halting, self.lanes)

    def get_total_queued(self) -> int:
        """Standing vehicles on the incoming lanes."""
        return int(self._values(self._control.snapshot.halting, self.lanes).sum())

    def get_accumulated_waiting_time_per_lane(self) -> list[float]:
        """Sum of present waiting times on each incoming lane, s (sumo-rl adds earlier stops)."""
        return [float(value) for value in self._values(self._control.snapshot.waiting, self.lanes)]

    def get_average_speed(self) -> float:
        """Mean speed on the incoming lanes as a share of the limit; 1 where they are empty."""
        count = self._values(self._control.snapshot.count, self.lanes)
        if not count.sum():
            return 1.0
        limits = np.array([self._control.network.lanes[lane].speed for lane in self.lanes])
        shares = self._values(self._control.snapshot.speed, self.lanes) / limits
        return float(np.minimum((count * shares).sum() / count.sum(), 1.0))

    def get_pressure(self) -> int:
        """Vehicles on the outgoing less vehicles on the incoming lanes, as sumo-rl has it."""
        count = self._control.snapshot.count
        return int(self._values(count, self.out_lanes).sum() - self._values(count, self.lanes).sum())

    def _values(self, values: Any, lanes: list[str]) -> Any:
        at = self._control.layout.lanes
        return np.array([values[at.index(lane)] for lane in lanes])

    def _shares(self, values: Any, lanes: list[str]) -> list[float]:
        lengths = np.array([self.lanes_length[lane] for lane in lanes])
        shares = self._values(values, lanes) * VEHICLE_SPACE / lengths
        return [float(share) for share in np.minimum(shares, 1.0)]


class SumoRLObservation(gym.ObservationWrapper[Any, Any, Any]):
    """Shows what a sumo-rl observation class makes of the signal.

    Args:
        env: An environment of ``traffic/signal``, wrapped or not.
        observation_class: As sumo-rl takes it: ``observation_class(ts)`` has ``observation_space()`` and is
            called without arguments.
    """

    def __init__(self, env: gym.Env[Any, Any], observation_class: Callable[[Any], Any]) -> None:
        super().__init__(env)
        inner = env.unwrapped
        if not isinstance(inner, SignalEnv):
            raise TypeError("SumoRLObservation takes an environment of the task traffic/signal")
        self._function = observation_class(TrafficSignalView(inner.control))
        self.observation_space = self._function.observation_space()

    def observation(self, observation: Any) -> Any:
        """The class's own observation in place of ours."""
        return self._function()

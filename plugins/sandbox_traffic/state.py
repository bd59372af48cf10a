"""The state of a network's signals: the one view that learners, baselines and pictures read.

`NetworkState` holds arrays over simulations and signals, for observations and rewards. `SignalState` is its
slice for one signal of one simulation, without padding, for rules that are written signal by signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.dynamics import PhaseClock, allowed_phases, may_switch
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.network.signals import Signal
from sandbox_traffic.network.tables import take_padded
from sandbox_traffic.sumo.interface import Snapshot

Array = NDArray[np.float64]

APPROACH_FIELDS = ("count", "queue", "waiting", "slowness", "outside", "gap", "passed", "incoming")
"""Fields of approaches, in the order of ``NetworkState.approaches``."""


@dataclass(frozen=True, eq=False)
class NetworkState:
    """Simulations of one network at one time.

    Arrays begin with the axes ``(num_envs, signals)``. Where signals differ in the number of their phases,
    approaches, exits or movements, the last axis is padded with zeros.

    Attributes:
        network: The network.
        snapshot: The values that were read from SUMO.
        now: Simulated time, s, shape ``(num_envs,)``.
        phase: The phase that is green or being changed to, shape ``(num_envs, signals)``.
        green_since: Time at which the green of each ring starts, s, shape ``(num_envs, signals, max_rings)``.
        approaches: `APPROACH_FIELDS` of all approaches, shape ``(8, num_envs, signals, max_approaches)``.
        allowed: `action_mask` where it has been computed already, else None.
    """

    network: SignalNetwork
    snapshot: Snapshot
    now: Array
    phase: NDArray[np.int64]
    green_since: Array
    approaches: Array
    allowed: NDArray[np.bool_] | None = None

    @cached_property
    def count(self) -> Array:
        """Vehicles on each approach."""
        return self.approaches[0, ...]

    @cached_property
    def queue(self) -> Array:
        """Standing vehicles on each approach, slower than 0.1 m/s."""
        return self.approaches[1, ...]

    @cached_property
    def waiting(self) -> Array:
        """Sum of the present waiting times on each approach, s."""
        return self.approaches[2, ...]

    @cached_property
    def slowness(self) -> Array:
        """Vehicles on each approach, those of each lane weighted by 1 − mean share of the allowed speed."""
        return self.approaches[3, ...]

    @cached_property
    def outside(self) -> Array:
        """Vehicles that wait to enter the network, on the edges of each approach."""
        return self.approaches[4, ...]

    @cached_property
    def gap(self) -> Array:
        """Time since a vehicle was on the loop of each approach, s."""
        return self.approaches[5, ...]

    @cached_property
    def passed(self) -> Array:
        """Vehicles that have crossed the loop of each approach since the episode began."""
        return self.approaches[6, ...]

    @cached_property
    def incoming(self) -> Array:
        """Vehicles on the incoming lane of each approach alone."""
        return self.approaches[7, ...]

    @cached_property
    def totals(self) -> dict[str, Array]:
        """Each field summed over the approaches of a signal, shape ``(num_envs, signals)``."""
        return dict(zip(APPROACH_FIELDS, self.approaches.sum(axis=-1), strict=True))

    @cached_property
    def outgoing(self) -> Array:
        """Vehicles on each outgoing lane, shape ``(num_envs, signals, max_exits)``."""
        return take_padded(self.snapshot.count, self.network.exit_table)

    @cached_property
    def outgoing_queue(self) -> Array:
        """Standing vehicles on each outgoing lane, shape ``(num_envs, signals, max_exits)``."""
        return take_padded(self.snapshot.halting, self.network.exit_table)

    @cached_property
    def incoming_queue(self) -> Array:
        """Standing vehicles on the incoming lane of each approach alone."""
        halting = self.snapshot.halting.take(self.network.incoming, axis=-1)
        return take_padded(halting, self.network.approach_table)

    @cached_property
    def pedestrians(self) -> Array:
        """Pedestrians who stand before each crossing, shape ``(num_envs, signals, max_crossings)``."""
        return take_padded(self.snapshot.pedestrians, self.network.crossing_table)

    @cached_property
    def pedestrian_time(self) -> Array:
        """Sum of their present waiting times, s, shape ``(num_envs, signals, max_crossings)``."""
        return take_padded(self.snapshot.pedestrian_time, self.network.crossing_table)

    @cached_property
    def movement_pressure(self) -> Array:
        """Vehicles on the approach of each movement minus vehicles on its exit.

        Shape ``(num_envs, signals, max_movements)``.
        """
        network = self.network
        row = np.arange(len(network.signals))[:, None]
        pressure: Array = (
            self.count[:, row, network.movement_approach] - self.outgoing[:, row, network.movement_exit]
        )
        return pressure

    @cached_property
    def upstream_green(self) -> Array:
        """1 where the signal upstream of an approach has green towards it."""
        network = self.network
        no_signal = np.zeros_like(self.phase[:, :1])
        upstream_phase = np.concatenate((self.phase, no_signal), axis=1)[:, network.upstream_signal]
        signal, approach = np.indices(network.upstream_signal.shape)
        green: Array = network.upstream_green[signal, approach, upstream_phase]
        return green

    @cached_property
    def phase_one_hot(self) -> NDArray[np.bool_]:
        """The phase that is green or being changed to, shape ``(num_envs, signals, max_phases)``."""
        one_hot: NDArray[np.bool_] = self.phase[..., None] == np.arange(self.network.max_phases)
        return one_hot

    @property
    def green_time(self) -> Array:
        """Time for which each ring has been green, s; negative while it is being changed.

        Shape ``(num_envs, signals, max_rings)``.
        """
        return self.now[:, None, None] - self.green_since

    @cached_property
    def may_switch(self) -> NDArray[np.bool_]:
        """Whether each ring's minimum green is over, shape ``(num_envs, signals, max_rings)``."""
        return may_switch(self.now[:, None], self.green_since, self.phase, self.network.min_green)

    @cached_property
    def action_mask(self) -> NDArray[np.bool_]:
        """Phases that may be requested, shape ``(num_envs, signals, max_phases)``, padded with false."""
        network = self.network
        if self.allowed is not None:
            return self.allowed
        return allowed_phases(
            self.now[:, None],
            network.config.decision_interval,
            self.green_since,
            self.phase,
            network.rings,
            (network.min_green, network.max_green),
            network.phase_exists,
        )

    def emitted(self, rate: Array) -> Array:
        """Emission rates of lanes summed over each signal's approaches, shape ``(num_envs, signals)``.

        Args:
            rate: Shape ``(num_envs, lanes)``, or without lanes where emissions are not computed.
        """
        network = self.network
        if not rate.shape[-1]:
            return np.zeros(self.phase.shape)
        total: Array = take_padded(network.approach_lanes.sums(rate), network.approach_table).sum(axis=-1)
        return total

    def waiting_vehicles(self, env: int) -> tuple[float, float]:
        """Vehicles that stand, and vehicles that wait to enter, in the whole of one simulation."""
        exists = self.network.approach_exists
        return float(self.queue[env][exists].sum()), float(self.outside[env][exists].sum())

    def signal(self, env: int, index: int) -> SignalState:
        """The state of signal ``index`` in simulation ``env``."""
        return SignalState(self, env, index)


def read_state(
    network: SignalNetwork, values: Array, now: Sequence[int], clocks: Sequence[Sequence[PhaseClock]]
) -> NetworkState:
    """The state of several simulations.

    Args:
        network: The network.
        values: Values read from SUMO, shape ``(num_envs, network.spec.size)``; they are copied.
        now: Time of each simulation, s.
        clocks: Phase clocks of each simulation's signals.
    """
    phase = np.array([[clock.phase for clock in row] for row in clocks])
    return make_state(network, values, np.array(now, dtype=np.float64), phase, _green_since(network, clocks))


def make_state(
    network: SignalNetwork, values: Array, now: Array, phase: NDArray[np.int64], green_since: Array
) -> NetworkState:
    """The state of several simulations, with copies of all arrays; see `NetworkState`."""
    snapshot = Snapshot.from_values(values.copy(), network.spec)
    approaches = gather_approaches(snapshot, network).take(network.approach_table, axis=-1)
    return NetworkState(network, snapshot, now.copy(), phase.copy(), green_since.copy(), approaches)


def _green_since(network: SignalNetwork, clocks: Sequence[Sequence[PhaseClock]]) -> Array:
    """Time at which the green of each ring starts; signals with fewer rings repeat their last one."""
    width = network.max_rings
    rows = [
        [(*clock.green_since, *clock.green_since[-1:] * (width - len(clock.green_since))) for clock in row]
        for row in clocks
    ]
    return np.array(rows, dtype=np.float64)


def gather_approaches(snapshot: Snapshot, network: SignalNetwork) -> Array:
    """Gather the values of lanes, edges and loops into approaches.

    One array for all fields: on small networks, NumPy's time goes by the number of calls.

    Returns:
        `APPROACH_FIELDS`, shape ``(8, …, approaches + 1)``; the last column is zero, for `take`.
    """
    slowness = snapshot.count * np.maximum(1.0 - snapshot.pace, 0.0)
    lanes = np.stack((snapshot.count, snapshot.halting, snapshot.waiting, slowness))
    loops = snapshot.gap.shape
    table = np.zeros((len(APPROACH_FIELDS), *loops[:-1], loops[-1] + 1))
    table[:4, ..., :-1] = network.approach_lanes.sums(lanes)
    table[4, ..., :-1] = network.approach_edges.sums(snapshot.outside)
    table[5, ..., :-1] = snapshot.gap
    table[6, ..., :-1] = snapshot.passed
    table[7, ..., :-1] = snapshot.count.take(network.incoming, axis=-1)
    return table


class SignalState:
    """One signal of one simulation.

    Attributes:
        signal: The signal.
        now: Simulated time, s.
        phase: The phase that is green or being changed to.
        green_since: Time at which its green starts, s; the later one of two rings.
    """

    def __init__(self, state: NetworkState, env: int, index: int) -> None:
        self._state = state
        self._place = (env, index)
        self.signal: Signal = state.network.signals[index]
        self.now = float(state.now[env])
        self.phase = int(state.phase[env, index])
        self.green_since = float(state.green_since[env, index].max())

    @property
    def action_mask(self) -> NDArray[np.bool_]:
        """Phases that may be requested, shape ``(phases,)``."""
        mask: NDArray[np.bool_] = self._state.action_mask[self._place][: len(self.signal.phases)]
        return mask

    @property
    def serves_now(self) -> NDArray[np.bool_]:
        """Approaches with green in the present phase, shape ``(approaches,)``."""
        serves: NDArray[np.bool_] = self.signal.serves[self.phase] > 0
        return serves

    @property
    def pedestrians(self) -> Array:
        """Pedestrians who stand before each crossing, shape ``(crossings,)``."""
        row: Array = self._state.pedestrians[self._place][: len(self.signal.crossings)]
        return row

    @property
    def called_phases(self) -> NDArray[np.bool_]:
        """Phases that give green to somebody who has none now, shape ``(phases,)``.

        Vehicles on a lane call for each of its movements that is red; pedestrians who stand before a
        crossing call for it.
        """
        signal = self.signal
        vehicles = (signal.calls[self.phase] & (self.count > 0)).any(axis=1)
        red = signal.walks[self.phase] == 0
        called: NDArray[np.bool_] = vehicles | (signal.walks @ (red * self.pedestrians) > 0)
        return called

    @property
    def count(self) -> Array:
        """Vehicles on each approach, shape ``(approaches,)``."""
        return self._approaches(self._state.count)

    @property
    def queue(self) -> Array:
        """Standing vehicles on each approach, shape ``(approaches,)``."""
        return self._approaches(self._state.queue)

    @property
    def waiting(self) -> Array:
        """Sum of the present waiting times on each approach, s, shape ``(approaches,)``."""
        return self._approaches(self._state.waiting)

    @property
    def slowness(self) -> Array:
        """Vehicles on each approach weighted by 1 − speed/allowed speed, shape ``(approaches,)``."""
        return self._approaches(self._state.slowness)

    @property
    def outside(self) -> Array:
        """Vehicles that wait to enter, on the edges of each approach, shape ``(approaches,)``."""
        return self._approaches(self._state.outside)

    @property
    def gap(self) -> Array:
        """Time since a vehicle was on the loop of each approach, s, shape ``(approaches,)``."""
        return self._approaches(self._state.gap)

    @property
    def passed(self) -> Array:
        """Vehicles that have crossed each loop since the episode began, shape ``(approaches,)``."""
        return self._approaches(self._state.passed)

    @property
    def movement_pressure(self) -> Array:
        """Vehicles on the approach of each movement minus those on its exit, shape ``(movements,)``."""
        pressure: Array = self._state.movement_pressure[self._place][: len(self.signal.movements)]
        return pressure

    def _approaches(self, values: Any) -> Array:
        row: Array = values[self._place][: len(self.signal.incoming)]
        return row

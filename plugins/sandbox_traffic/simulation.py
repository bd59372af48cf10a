"""One SUMO simulation whose signals follow requested phases, one episode and one decision at a time."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.dynamics import PhaseClock
from sandbox_traffic.episodes import plan_episode
from sandbox_traffic.metrics import episode_metrics
from sandbox_traffic.network.generated import write_demand
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.sumo.files import TemporaryFolder
from sandbox_traffic.sumo.interface import (
    NO_VEHICLES,
    Simulation,
    Snapshot,
    SumoProgram,
    Switch,
    Vehicles,
)
from sandbox_traffic.sumo.remote import EpisodeProcess, RemoteSimulation
from sandbox_traffic.sumo.trips import Trips

KEPT_DEMANDS = 16
"""Routes files of generated demand that are kept: all controllers play the same few test episodes."""


@dataclass(frozen=True)
class Held:
    """A moment of an episode, kept as a process that waits; see `SignalSimulation.hold`."""

    source: EpisodeProcess
    clocks: tuple[PhaseClock, ...]
    values: NDArray[np.float64]
    begin: int
    now: int
    jam: int

    def release(self) -> None:
        """End the process."""
        self.source.end()


class SignalSimulation:
    """SUMO, the rules of its signals, and the demand of its episodes.

    Resetting and stepping come in parts, so that several simulations can run at the same time: the
    ``_async`` methods send requests to SUMO's process, the others wait for the answers.

    Args:
        network: The network.
        values: Where the values read from SUMO are put, shape ``(network.spec.size,)``.

    Attributes:
        network: The network.
        clocks: Phase and timing of each signal.
        held: For each signal, whether its latest request was not allowed.
        following: Whether SUMO runs programs of the signals, so that requests change nothing.
        values: The latest values read from SUMO.
        begin: Start of the episode, s.
        now: Simulated time, s.
        trips: The episode's trips once it has ended, else None.
        metrics: The episode's metrics once it has ended, else None.
    """

    def __init__(self, network: SignalNetwork, values: NDArray[np.float64]) -> None:
        self.network = network
        self.clocks = tuple(PhaseClock(signal.plan) for signal in network.signals)
        self.held = [False] * len(network.signals)
        self.following = False
        self.values = values
        self.begin = self.now = network.config.begin
        self.trips: Trips | None = None
        self.metrics: dict[str, float] | None = None
        self._config = network.config
        self._shown = Snapshot.from_values(values, network.spec).shown
        self._jam = 0
        self._started = False
        self._sumo: Simulation | None = None
        self._folder: TemporaryFolder | None = None
        self._written: dict[int, Path] = {}  # by seed, which decides the scale as well; the latest last

    @property
    def end(self) -> int:
        """Time at which the episode ends, s."""
        return self.begin + self._jam + self._config.duration

    @property
    def running(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self._started and self.metrics is None

    @property
    def descriptor(self) -> int:
        """File descriptor on which the episode's process answers."""
        assert isinstance(self._sumo, RemoteSimulation)
        return self._sumo.descriptor

    def reset_async(self, seed: int) -> None:
        """Request the episode that belongs to ``seed``."""
        if self._sumo is None:
            self._sumo = RemoteSimulation(self.network.spec)
        self._started, self.metrics, self.trips = False, None, None
        self.held, self.following = [False] * len(self.clocks), False
        plan = plan_episode(self._config, self.network, seed)
        self.begin, self._jam = plan.begin, plan.jam
        self._sumo.begin(self.begin, plan.sumo_seed, *self._demand(seed, plan.scale))
        self.now = self.begin
        for clock in self.clocks:
            clock.start(self.now)
        if plan.jam:
            self._advance_jam(self._sumo, plan.held)

    def _advance_jam(self, sumo: Simulation, held: Sequence[int]) -> None:
        """Hold one phase of every signal before the episode begins."""
        until = self.begin + self._jam
        switches: list[Switch] = []
        for clock, signal, phase in zip(self.clocks, self.network.signals, held, strict=True):
            clock.start(self.begin, phase)
            switches += [(time, signal.id, state) for time, state in clock.due(until)]
        sumo.advance(switches, until)
        self.now = until

    def reset_wait(self) -> None:
        """Wait until the episode has begun."""
        sumo = self._simulator()
        if self._jam:
            sumo.values(self.values)  # at the start; those after the jam follow
        sumo.values(self.values)
        self._started = True

    def follow_async(self, programs: Sequence[SumoProgram | None]) -> None:
        """Leave all signals to programs that SUMO runs, until the episode ends.

        Args:
            programs: A program for each signal, None for the network's own.
        """
        self._simulator().follow(programs)
        self.following = True
        for clock in self.clocks:
            clock.pending.clear()

    def follow_wait(self) -> None:
        """Wait until the programs have taken over."""
        self._simulator().values(self.values)
        self._follow_clocks()

    def step_async(self, phases: Sequence[int]) -> None:
        """Request a phase for every signal, and one decision interval of SUMO."""
        if not self.running:
            raise RuntimeError("no episode is running: call reset() first")
        now, interval = self.now, self._config.decision_interval
        until = min(now + interval, self.end)
        switches: list[Switch] = []
        if not self.following:
            for index, (clock, phase) in enumerate(zip(self.clocks, phases, strict=True)):
                self.held[index] = not clock.request(int(phase), now, interval)
                if clock.pending:
                    signal = self.network.signals[index]
                    switches += [(time, signal.id, state) for time, state in clock.due(until)]
            switches.sort(key=lambda switch: switch[0])
        self._simulator().advance(switches, until)
        self.now = until

    def step_wait(self) -> None:
        """Wait until the interval has passed; at the end of the episode, request its trips."""
        self._simulator().values(self.values)
        if self.following:
            self._follow_clocks()
        if self.now >= self.end:
            self._simulator().finish()

    def finish_wait(self) -> None:
        """At the end of the episode, wait for its trips and set `metrics`."""
        if self.now >= self.end:
            self.trips = self._simulator().trips()
            self.metrics = episode_metrics(self.trips, self.begin, self.end)

    def redraw(self, seed: int) -> None:
        """Draw the drivers again who depart from now on; see `Simulation.redraw`."""
        simulator = self._simulator()
        simulator.redraw(seed)
        simulator.values(self.values)

    def hold(self) -> Held:
        """Keep the present moment for `go_on`; the episode must not be played to its end afterwards."""
        assert isinstance(self._sumo, RemoteSimulation)
        return Held(self._sumo.hold(), self._clocks(), self.values.copy(), self.begin, self.now, self._jam)

    def go_on(self, held: Held) -> None:
        """Go on from a moment that was kept."""
        assert isinstance(self._sumo, RemoteSimulation)
        self._sumo.go_on(held.source)
        self.clocks, self.held = held.clocks, [False] * len(held.clocks)
        self.clocks = self._clocks()  # those that are kept must not run
        self.values[:] = held.values
        self.begin, self.now, self._jam = held.begin, held.now, held.jam
        self._started, self.following, self.metrics, self.trips = True, False, None, None

    def _clocks(self) -> tuple[PhaseClock, ...]:
        """Copies of the clocks; their plans never change."""
        return tuple(deepcopy(clock, {id(clock.plan): clock.plan}) for clock in self.clocks)

    def vehicles(self) -> Vehicles:
        """All vehicles and pedestrians now; none once the episode has ended."""
        return self._simulator().vehicles() if self.running else NO_VEHICLES

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time of the episode's process so far, s: inside SUMO's steps, and in total."""
        if not self.running:
            raise RuntimeError("no episode is running: call reset() first")
        return self._simulator().processor_seconds()

    def close(self) -> None:
        """Free the simulator and remove temporary files; `reset_async` starts it again."""
        if self._sumo is not None:
            self._sumo.close()
            self._sumo = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None
        self._started = False

    def _follow_clocks(self) -> None:
        """Let the clocks show what SUMO's programs show."""
        for clock, phase in zip(self.clocks, self._shown.tolist(), strict=True):
            clock.follow(int(phase), self.now)

    def _simulator(self) -> Simulation:
        if self._sumo is None:
            raise RuntimeError("no episode is running: call reset() first")
        return self._sumo

    def _demand(self, seed: int, scale: float) -> tuple[str, float]:
        """Routes files of the episode that belongs to ``seed``, and SUMO's factor on their vehicles."""
        routes = self.network.demand.routes
        if routes:
            return ",".join(map(str, routes)), scale
        if self._folder is None:
            self._folder, self._written = TemporaryFolder(), {}
        path = self._written.pop(seed, None)
        if path is None or not path.is_file():
            path = self._folder.path / f"demand-{seed}.rou.xml"
            write_demand(path, self._config, seed, scale)
        self._written[seed] = path
        if len(self._written) > KEPT_DEMANDS:
            self._written.pop(next(iter(self._written))).unlink(missing_ok=True)
        return str(path), 1.0

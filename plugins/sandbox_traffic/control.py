"""Signals, simulator and rules together: one network, controlled one decision at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic import generator, grids
from sandbox_traffic.approaches import Approaches, Layout, gather, make_layout
from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.files import Scratch, check_routes, resolve
from sandbox_traffic.metrics import episode_metrics
from sandbox_traffic.network import Network, Signal, read_network
from sandbox_traffic.phases import PhaseClock, allowed_phases
from sandbox_traffic.simulator import (
    NOBODY,
    Simulation,
    SimulationSpec,
    Snapshot,
    Vehicles,
    open_simulation,
)
from sandbox_traffic.surroundings import Surroundings, look_around
from sandbox_traffic.trips import Trips
from sandbox_traffic.walkers import sample_walkers


@dataclass(frozen=True, slots=True)
class Ground:
    """What all copies of an environment share.

    Attributes:
        config: The parameters.
        network: The network as read from its file.
        routes: Its demand, None where each episode's is generated.
        layout: What is read from the simulator, and how it is gathered into approaches.
        spec: The same for the simulator.
        surroundings: Lanes and neighbours of each signal.
    """

    config: SignalConfig
    network: Network
    routes: Path | None
    layout: Layout
    spec: SimulationSpec
    surroundings: Surroundings

    @property
    def signals(self) -> tuple[Signal, ...]:
        """The signals to control, in the order of actions and observations."""
        return self.network.signals

    @property
    def most_phases(self) -> int:
        """The largest number of green phases of a signal."""
        return max(len(signal.greens) for signal in self.signals)


def survey(config: SignalConfig) -> Ground:
    """Read and check what a configuration names.

    Raises:
        BrokenFileError: If the network or the routes cannot be read; names file and line.
        InvalidValueError: If there is nothing to control, or nobody departs.
    """
    network, routes = _files(config)
    if not network.signals:
        raise InvalidValueError(
            f"The network {network.path} has no signal with two or more green phases, so nothing to control."
        )
    layout = make_layout(network, config.detection_range)
    spec = SimulationSpec(
        net=str(network.path),
        lanes=layout.lanes,
        loops=tuple(network.loops(layout.loops)),
        edges=layout.edges,
        jitter=0 if routes is None else config.depart_jitter,
        blockers=config.junction_blockers,
    )
    return Ground(config, network, routes, layout, spec, look_around(network, layout))


class SignalControl:
    """One simulation of a network whose signals are controlled.

    `reset` and `step` come in two halves, so that several simulations can work at the same time.

    Args:
        config: The parameters.
        ground: The same, surveyed, where several copies share it.

    Attributes:
        config: The parameters.
        ground: What copies share.
        signals: The signals to control, in the order of actions and observations.
        clocks: Phase and timing of each signal.
        layout: What is read from the simulator, and how it is gathered into approaches.
        held: For each signal, whether its latest request was refused.
        values: What was last read, a vector; `snapshot` and `approaches` are made of it.
        metrics: Metrics of the episode once it has ended, else None.
        trips: Its trips likewise.
        begin: Start of the episode, s.
        now: Simulated time, s.
        begun: Whether an episode has begun.
    """

    def __init__(self, config: SignalConfig, ground: Ground | None = None) -> None:
        self.config = config
        self.ground = ground or survey(config)
        self.network: Network = self.ground.network
        self.signals: tuple[Signal, ...] = self.ground.signals
        self.layout = self.ground.layout
        self.clocks = tuple(
            PhaseClock(signal.greens, config.min_green, config.yellow, config.all_red, config.max_green)
            for signal in self.signals
        )
        self.held = [False] * len(self.signals)
        self.values: NDArray[np.float64] = np.zeros(self.ground.spec.size)
        self.metrics: dict[str, float] | None = None
        self.trips: Trips | None = None
        self.begin = self.now = config.begin
        self.begun = False
        self._hold = 0
        self._snapshot: Snapshot | None = None
        self._approaches: Approaches | None = None
        self._simulation: Simulation | None = None
        self._folder: Scratch | None = None

    @property
    def end(self) -> int:
        """Time at which the episode ends, s."""
        return self.begin + self._hold + self.config.duration

    @property
    def running(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self.begun and self.metrics is None

    @property
    def snapshot(self) -> Snapshot:
        """The latest values read from the simulator."""
        if not self.begun:
            raise RuntimeError("no episode has begun: call reset() first")
        if self._snapshot is None:
            self._snapshot = Snapshot.of(self.values, self.ground.spec)
        return self._snapshot

    @property
    def approaches(self) -> Approaches:
        """The same, gathered into approaches."""
        if self._approaches is None:
            self._approaches = gather(self.snapshot, self.layout)
        return self._approaches

    def reset(self, seed: int) -> None:
        """Begin the episode that belongs to ``seed``."""
        self.begin_reset(seed)
        self.end_reset()

    def begin_reset(self, seed: int) -> None:
        """Ask the simulator for a new episode."""
        if self._simulation is None:
            self._simulation = open_simulation(self.ground.spec)
        self.begun, self.metrics, self.trips = False, None, None
        self.held = [False] * len(self.signals)
        # A stream of its own, so that a spread of zero leaves the seed's episode as it is.
        rng = np.random.default_rng([seed, 1])
        demand = self.config.demand * (1 + self.config.demand_spread * rng.uniform(-1, 1))
        interval = self.config.decision_interval
        self.begin = self.config.begin + interval * int(rng.integers(self.config.window // interval + 1))
        self._simulation.begin(self.begin, seed, *self._demand(seed, demand))
        self.now = self.begin
        for clock in self.clocks:
            clock.start(self.now)
        self._hold = int(rng.integers(self.config.jam + 1)) * int(rng.integers(2))
        if self._hold:
            self._begin_in_a_jam(rng)

    def end_reset(self) -> None:
        """Wait until it has begun."""
        if self._hold:
            self._take_values()  # of the beginning; those after the jam follow
        self._take_values()
        self.begun = True

    def _begin_in_a_jam(self, rng: np.random.Generator) -> None:
        """Hold one phase of every signal for a while before anyone controls them."""
        assert self._simulation is not None
        start, until = self.begin, self.begin + self._hold
        switches = []
        for clock, signal in zip(self.clocks, self.signals, strict=True):
            clock.start(start, int(rng.integers(len(clock.greens))))
            switches += [(time, signal.id, state) for time, state in clock.due(until)]
        self._simulation.advance(switches, until)
        self.now = until

    def step(self, phases: Sequence[int]) -> None:
        """Request a phase for every signal and simulate one decision interval.

        At the end of the episode the simulator is stopped and `metrics` are set.
        """
        self.begin_step(phases)
        self.end_step()
        self.end_episode()

    def begin_step(self, phases: Sequence[int]) -> None:
        """Request a phase for every signal and ask the simulator to go on."""
        if self._simulation is None or not self.running:
            raise RuntimeError("no episode is under way: call reset() first")
        now, interval = self.now, self.config.decision_interval
        until = min(now + interval, self.end)
        switches = []
        for index, (clock, phase) in enumerate(zip(self.clocks, phases, strict=True)):
            self.held[index] = not clock.request(int(phase), now, interval)
            if clock.pending:
                switches += [(time, self.signals[index].id, state) for time, state in clock.due(until)]
        switches.sort(key=lambda switch: switch[0])
        self._simulation.advance(switches, until)
        self.now = until

    def end_step(self) -> None:
        """Wait until the interval has passed; at the end of the episode, ask for its trips."""
        self._take_values()
        if self.now >= self.end and self._simulation is not None:
            self._simulation.finish()

    def end_episode(self) -> None:
        """At the end of the episode, wait for its trips and set `metrics`."""
        if self.now >= self.end and self._simulation is not None:
            self.trips = self._simulation.trips()
            self.metrics = episode_metrics(self.trips, self.begin, self.end)

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Phases that signal ``index`` may be asked for now, shape ``(phases,)``."""
        return np.array(self.clocks[index].allowed(self.now, self.config.decision_interval))

    def masks(self) -> NDArray[np.bool_]:
        """The same of all signals, shape ``(signals, most phases)``, padded with false."""
        width = self.ground.most_phases
        return allowed_phases(self.clocks, self.now, self.config.decision_interval, width)

    def vehicles(self) -> Vehicles:
        """Everyone on the road now; nobody once the episode has ended."""
        if self._simulation is None or not self.running:
            return NOBODY
        return self._simulation.vehicles()

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time of the episode's simulation so far: inside SUMO's steps, and in all, s."""
        if self._simulation is None or not self.running:
            raise RuntimeError("no episode is under way: call reset() first")
        return self._simulation.processor_seconds()

    def close(self) -> None:
        """Free the simulator and remove temporary files; another reset starts anew."""
        if self._simulation is not None:
            self._simulation.close()
            self._simulation = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None
        self.begun = False

    def _take_values(self) -> None:
        assert self._simulation is not None
        self._simulation.values(self.values)
        self._snapshot = self._approaches = None

    def _demand(self, seed: int, demand: float) -> tuple[str, float]:
        """Routes file of the episode that belongs to ``seed``, and SUMO's factor on its vehicles."""
        if self.ground.routes is not None:
            return str(self.ground.routes), demand
        if self._folder is None:
            self._folder = Scratch()
        path = self._folder.path / "demand.rou.xml"
        rng = np.random.default_rng(seed)
        span, hourly = self.config.window + self.config.duration, self.config.pedestrians
        # A stream of its own: without pedestrians the demand stays as it is.
        steps = np.random.default_rng([seed, 3])
        grid = grids.parse(self.config.net.removeprefix(GENERATED))
        if grid is None:
            departures = generator.sample_departures(rng, span, demand)
            kinds = self._kinds(seed, len(departures))
            walking = sample_walkers(steps, span, hourly, generator.junction_arms())
            generator.write_routes(path, departures, self.config.begin, kinds, walking)
        else:
            vehicles = grids.sample_routes(grid, rng, span, self.config.level, demand)
            kinds = self._kinds(seed, len(vehicles))
            walking = grids.sample_walkers(grid, steps, span, hourly)
            generator.write_vehicles(path, vehicles, self.config.begin, kinds, walking)
        return str(path), 1.0

    def _kinds(self, seed: int, number: int) -> list[str]:
        # Likewise: whatever the kinds, the same vehicles drive at the same times.
        rng = np.random.default_rng([seed, 2])
        config = self.config
        shares = {"emergency": config.emergency, "bus": config.buses, "bicycle": config.bicycles}
        return generator.draw_kinds(rng, number, shares)


def _files(config: SignalConfig) -> tuple[Network, Path | None]:
    """The network and the routes file, None for generated demand."""
    if config.net.startswith(GENERATED):
        name, walks = config.net.removeprefix(GENERATED), config.pedestrians > 0
        grid = grids.parse(name)
        if grid is not None:
            network = read_network(generator.network_file(grid.name, grids.sources(grid, walks)))
        elif name == "single-intersection":
            network = read_network(generator.single_intersection_network(walks))
        else:
            raise InvalidValueError(
                f"'{config.net}' is not a network that can be generated.",
                "Known: generated:single-intersection, generated:arterial-N with N from 2 to 20, and "
                "generated:grid-RxC with R rows and C columns, 1 to 20 each.",
            )
    else:
        network = read_network(resolve(config.net))
    if config.routes.startswith(GENERATED):
        return network, None
    routes = resolve(config.routes)
    check_routes(routes, config.begin, config.begin + config.window + config.duration)
    return network, routes

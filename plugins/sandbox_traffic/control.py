"""Signals, simulator and rules together: what both environments and all baselines stand on."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic import generator
from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.files import check_routes, resolve
from sandbox_traffic.metrics import episode_metrics
from sandbox_traffic.network import VEHICLE_SPACE, Network, Signal, read_network
from sandbox_traffic.phases import PhaseClock
from sandbox_traffic.reward import Transition
from sandbox_traffic.simulator import Simulation, SimulationSpec, Snapshot, close_simulation, open_simulation

FEW = 10.0
"""Vehicles outside are observed as n/(n + FEW)."""


@dataclass(frozen=True, slots=True)
class View:
    """Where a signal's surroundings are found in the arrays of a `Snapshot`.

    An approach is an incoming lane and the lanes that feed it within the detection range. A lane
    that feeds several approaches counts for each in equal parts, so nobody is counted twice.

    Attributes:
        approach: Shape ``(approaches, lanes)``, parts of lanes.
        entry: Shape ``(approaches, edges)``, parts of edges on which vehicles wait to enter.
        capacity: Vehicles that fit on each approach.
        incoming: Index of each incoming lane.
        outgoing: Index of each outgoing lane.
        loops: Index of each incoming lane's loop.
    """

    approach: NDArray[np.float64]
    entry: NDArray[np.float64]
    capacity: NDArray[np.float64]
    incoming: NDArray[np.intp]
    outgoing: NDArray[np.intp]
    loops: NDArray[np.intp]


class SignalControl:
    """A network whose signals are controlled, one decision at a time.

    Attributes:
        config: The parameters.
        network: The network as read from its file.
        signals: The signals to control, in the order of actions and observations.
        clocks: Phase and timing of each signal.
        snapshot: The latest values read from the simulator.
        held: For each signal, whether its latest request was refused.
        metrics: Metrics of the episode once it has ended, else None.
    """

    def __init__(self, config: SignalConfig) -> None:
        self.config = config
        self.network, self._routes = _files(config)
        self.signals: tuple[Signal, ...] = self.network.signals
        if not self.signals:
            raise InvalidValueError(
                f"The network {self.network.path} has no signal with two or more green phases, "
                "so nothing to control."
            )
        self._lanes, self._edges, loops, self.views = _views(self.network, config.detection_range)
        self._limits = np.array([self.network.lanes[lane].speed for lane in self._lanes])
        self._spec = SimulationSpec(
            net=str(self.network.path),
            begin=config.begin,
            lanes=self._lanes,
            loops=tuple(self.network.loops(loops)),
            edges=self._edges,
            scale=1.0 if self._routes is None else config.demand,
            jitter=0 if self._routes is None else config.depart_jitter,
        )
        self.clocks = tuple(
            PhaseClock(signal.greens, config.min_green, config.yellow, config.all_red, config.max_green)
            for signal in self.signals
        )
        self.held = [False] * len(self.signals)
        self.metrics: dict[str, float] | None = None
        self.snapshot: Snapshot | None = None
        self._previous: Snapshot | None = None
        self._simulation: Simulation | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def end(self) -> int:
        """Time at which the episode ends, s."""
        return self.config.begin + self.config.duration

    @property
    def now(self) -> int:
        """Simulated time, s."""
        return self.config.begin if self.snapshot is None else self.snapshot.time

    @property
    def running(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self.snapshot is not None and self.metrics is None

    def reset(self, seed: int) -> None:
        """Begin the episode that belongs to ``seed``."""
        if self._simulation is None:
            self._simulation = open_simulation(self._spec)
        self.metrics = None
        self.held = [False] * len(self.signals)
        self.snapshot = self._previous = self._simulation.start(seed, self._demand(seed))
        for clock in self.clocks:
            clock.start(self.config.begin)

    def step(self, phases: Sequence[int]) -> None:
        """Request a phase for every signal and simulate one decision interval.

        At the end of the episode the simulator is stopped and `metrics` are set.
        """
        assert self._simulation is not None
        assert self.snapshot is not None
        now = self.now
        until = min(now + self.config.decision_interval, self.end)
        switches = []
        for index, (clock, phase) in enumerate(zip(self.clocks, phases, strict=True)):
            self.held[index] = not clock.request(int(phase), now, self.config.decision_interval)
            switches += [(time, self.signals[index].id, state) for time, state in clock.due(until)]
        switches.sort(key=lambda switch: switch[0])
        self._previous, self.snapshot = self.snapshot, self._simulation.advance(switches, until)
        if until >= self.end:
            self.metrics = episode_metrics(self._simulation.finish(), self.config.begin, self.end)

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Phases that signal ``index`` may be asked for now, shape ``(phases,)``."""
        return np.array(self.clocks[index].allowed(self.now, self.config.decision_interval))

    def observation_size(self, index: int) -> int:
        """Length of signal ``index``'s observation."""
        return len(self.signals[index].greens) + 1 + 3 * len(self.views[index].capacity)

    def observe(self, index: int) -> NDArray[np.float32]:
        """What signal ``index`` sees, each in [0, 1].

        Phase one-hot (shape ``(phases,)``), whether it may switch (1), then for each approach the
        share of its capacity that is occupied, the share that stands, and n/(n + 10) for n vehicles
        waiting outside.
        """
        assert self.snapshot is not None
        view, clock = self.views[index], self.clocks[index]
        phase = np.zeros(len(clock.greens))
        phase[clock.phase] = 1.0
        outside = view.entry @ self.snapshot.outside
        parts = (
            phase,
            [float(clock.may_switch(self.now))],
            np.minimum(view.approach @ self.snapshot.count / view.capacity, 1.0),
            np.minimum(view.approach @ self.snapshot.halting / view.capacity, 1.0),
            outside / (outside + FEW),
        )
        return np.concatenate(parts).astype(np.float32)

    def transition(self, index: int) -> Transition:
        """What the reward of signal ``index`` is computed from."""
        assert self.snapshot is not None
        assert self._previous is not None
        view, after = self.views[index], self.snapshot
        slow = after.count * np.maximum(1.0 - after.speed / self._limits, 0.0)
        return Transition(
            queue=view.approach @ after.halting,
            outside=view.entry @ after.outside,
            waiting=view.approach @ after.waiting,
            slowness=view.approach @ slow,
            previous_waiting=view.approach @ self._previous.waiting,
            incoming=after.count[view.incoming],
            outgoing=after.count[view.outgoing],
        )

    def close(self) -> None:
        """Free the simulator and remove temporary files; another reset starts anew."""
        if self._simulation is not None:
            close_simulation(self._simulation)
            self._simulation = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self.snapshot = self._previous = None

    def _demand(self, seed: int) -> str:
        """Routes file of the episode that belongs to ``seed``."""
        if self._routes is not None:
            return str(self._routes)
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="sandbox-traffic-")
        path = Path(self._folder.name, "demand.rou.xml")
        rng = np.random.default_rng(seed)
        departures = generator.sample_departures(rng, self.config.duration, self.config.demand)
        generator.write_routes(path, departures, self.config.begin)
        return str(path)


def _files(config: SignalConfig) -> tuple[Network, Path | None]:
    """The network and the routes file, None for generated demand."""
    if config.net.startswith(GENERATED):
        name = config.net.removeprefix(GENERATED)
        if name != "single-intersection":
            raise InvalidValueError(
                f"'{config.net}' is not a network that can be generated.",
                "Known: generated:single-intersection.",
            )
        network = read_network(generator.single_intersection_network())
    else:
        network = read_network(resolve(config.net))
    if config.routes.startswith(GENERATED):
        return network, None
    routes = resolve(config.routes)
    check_routes(routes, config.begin, config.begin + config.duration)
    return network, routes


def _views(
    network: Network, distance: float
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[View, ...]]:
    """Lanes, entry edges and loops to read, and each signal's view of them."""
    incoming = [lane for signal in network.signals for lane in signal.incoming]
    near = {lane: network.approach(lane, distance) for lane in incoming}
    far = {
        lane: {network.lanes[name].edge for name in network.approach(lane, float("inf"))} for lane in incoming
    }
    outgoing = [lane for signal in network.signals for lane in signal.outgoing]
    lanes = tuple(dict.fromkeys([*(name for lane in incoming for name in near[lane]), *outgoing]))
    edges = tuple(sorted(set().union(*far.values())))
    loops = tuple(dict.fromkeys(incoming))
    lane_at = {name: index for index, name in enumerate(lanes)}
    edge_at = {name: index for index, name in enumerate(edges)}
    part = np.zeros((len(loops), len(lanes)))
    entry = np.zeros((len(loops), len(edges)))
    for row, lane in enumerate(loops):
        part[row, [lane_at[name] for name in near[lane]]] = 1.0
        entry[row, [edge_at[name] for name in far[lane]]] = 1.0
    part /= np.maximum(part.sum(axis=0), 1.0)
    entry /= np.maximum(entry.sum(axis=0), 1.0)
    space = np.array([network.lanes[name].length for name in lanes]) / VEHICLE_SPACE
    views = []
    for signal in network.signals:
        rows = np.array([loops.index(lane) for lane in signal.incoming], dtype=np.intp)
        views.append(
            View(
                approach=part[rows],
                entry=entry[rows],
                capacity=np.maximum(part[rows] @ space, 1.0),
                incoming=np.array([lane_at[lane] for lane in signal.incoming], dtype=np.intp),
                outgoing=np.array([lane_at[lane] for lane in signal.outgoing], dtype=np.intp),
                loops=rows,
            )
        )
    return lanes, edges, loops, tuple(views)

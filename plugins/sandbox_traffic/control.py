"""Signals, simulator and rules together: what both environments and all baselines stand on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic import generator
from sandbox_traffic.approaches import Approaches, gather, make_layout
from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.files import Scratch, check_routes, resolve
from sandbox_traffic.metrics import episode_metrics
from sandbox_traffic.network import Network, Signal, read_network
from sandbox_traffic.phases import PhaseClock
from sandbox_traffic.reward import FEW, Transition
from sandbox_traffic.simulator import Simulation, SimulationSpec, Snapshot, open_simulation

LOOP_MEMORY = 5.0
"""A vehicle that was on a loop t seconds ago is observed as exp(−t/LOOP_MEMORY), s."""

LONG_GREEN = 60.0
"""Greens are observed up to this length, s."""


class SignalControl:
    """A network whose signals are controlled, one decision at a time.

    Attributes:
        config: The parameters.
        network: The network as read from its file.
        signals: The signals to control, in the order of actions and observations.
        clocks: Phase and timing of each signal.
        layout: What is read from the simulator, and how it is gathered into approaches.
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
        self.layout = make_layout(self.network, config.detection_range)
        self._spec = SimulationSpec(
            net=str(self.network.path),
            begin=config.begin,
            lanes=self.layout.lanes,
            loops=tuple(self.network.loops(self.layout.loops)),
            edges=self.layout.edges,
            jitter=0 if self._routes is None else config.depart_jitter,
        )
        self.clocks = tuple(
            PhaseClock(signal.greens, config.min_green, config.yellow, config.all_red, config.max_green)
            for signal in self.signals
        )
        self.held = [False] * len(self.signals)
        self.metrics: dict[str, float] | None = None
        self._snapshot: Snapshot | None = None
        self._approaches: Approaches | None = None
        self._before: Approaches | None = None
        self._simulation: Simulation | None = None
        self._folder: Scratch | None = None

    @property
    def end(self) -> int:
        """Time at which the episode ends, s."""
        return self.config.begin + self.config.duration

    @property
    def snapshot(self) -> Snapshot:
        """The latest values read from the simulator."""
        if self._snapshot is None:
            raise RuntimeError("no episode has begun: call reset() first")
        return self._snapshot

    @property
    def approaches(self) -> Approaches:
        """The same, gathered into approaches."""
        if self._approaches is None:
            raise RuntimeError("no episode has begun: call reset() first")
        return self._approaches

    @property
    def now(self) -> int:
        """Simulated time, s."""
        return self.config.begin if self._snapshot is None else self._snapshot.time

    @property
    def running(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self._snapshot is not None and self.metrics is None

    def reset(self, seed: int) -> None:
        """Begin the episode that belongs to ``seed``."""
        if self._simulation is None:
            self._simulation = open_simulation(self._spec)
        self.metrics = None
        self.held = [False] * len(self.signals)
        # A stream of its own, so that a spread of zero leaves the seed's episode as it is.
        spread = self.config.demand_spread * np.random.default_rng([seed, 1]).uniform(-1, 1)
        demand = self.config.demand * (1 + spread)
        self._snapshot = self._simulation.start(seed, *self._demand(seed, demand))
        self._approaches = self._before = gather(self._snapshot, self.layout)
        for clock in self.clocks:
            clock.start(self.config.begin)

    def step(self, phases: Sequence[int]) -> None:
        """Request a phase for every signal and simulate one decision interval.

        At the end of the episode the simulator is stopped and `metrics` are set.
        """
        if self._simulation is None or not self.running:
            raise RuntimeError("no episode is under way: call reset() first")
        now = self.now
        until = min(now + self.config.decision_interval, self.end)
        switches = []
        for index, (clock, phase) in enumerate(zip(self.clocks, phases, strict=True)):
            self.held[index] = not clock.request(int(phase), now, self.config.decision_interval)
            switches += [(time, self.signals[index].id, state) for time, state in clock.due(until)]
        switches.sort(key=lambda switch: switch[0])
        self._snapshot = self._simulation.advance(switches, until)
        self._before, self._approaches = self._approaches, gather(self._snapshot, self.layout)
        if until >= self.end:
            self.metrics = episode_metrics(self._simulation.finish(), self.config.begin, self.end)

    def mask(self, index: int) -> NDArray[np.bool_]:
        """Phases that signal ``index`` may be asked for now, shape ``(phases,)``."""
        return np.array(self.clocks[index].allowed(self.now, self.config.decision_interval))

    def observation_size(self, index: int) -> int:
        """Length of signal ``index``'s observation."""
        signal = self.signals[index]
        return len(signal.greens) + 2 + 4 * len(signal.incoming)

    def observe(self, index: int) -> NDArray[np.float32]:
        """What signal ``index`` sees, each in [0, 1].

        Phase one-hot (shape ``(phases,)``), whether it may switch (1), how long it has been green as
        a share of `LONG_GREEN`, at most 1 (1), then for each approach the
        share of its capacity that is occupied, the share that stands, n/(n + 10) for n vehicles
        waiting outside, and exp(−t/5) for t seconds since a vehicle was on its loop.
        """
        here, clock, rows = self.approaches, self.clocks[index], self.layout.views[index].rows
        phase = np.zeros(len(clock.greens))
        phase[clock.phase] = 1.0
        outside, capacity = here.outside[rows], self.layout.capacity[rows]
        parts = (
            phase,
            [float(clock.may_switch(self.now)), np.clip((self.now - clock.green_since) / LONG_GREEN, 0, 1)],
            np.minimum(here.count[rows] / capacity, 1.0),
            np.minimum(here.queue[rows] / capacity, 1.0),
            outside / (outside + FEW),
            np.exp(-here.gap[rows] / LOOP_MEMORY),
        )
        return np.concatenate(parts).astype(np.float32)

    def transition(self, index: int) -> Transition:
        """What the reward of signal ``index`` is computed from."""
        here, view = self.approaches, self.layout.views[index]
        before = self._before or here
        return Transition(
            queue=here.queue[view.rows],
            outside=here.outside[view.rows],
            waiting=here.waiting[view.rows],
            slowness=here.slowness[view.rows],
            previous_waiting=before.waiting[view.rows],
            incoming=here.incoming[view.rows],
            outgoing=self.snapshot.count[view.outgoing],
        )

    def close(self) -> None:
        """Free the simulator and remove temporary files; another reset starts anew."""
        if self._simulation is not None:
            self._simulation.close()
            self._simulation = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None
        self._snapshot = self._approaches = self._before = None

    def _demand(self, seed: int, demand: float) -> tuple[str, float]:
        """Routes file of the episode that belongs to ``seed``, and SUMO's factor on its vehicles."""
        if self._routes is not None:
            return str(self._routes), demand
        if self._folder is None:
            self._folder = Scratch()
        path = self._folder.path / "demand.rou.xml"
        rng = np.random.default_rng(seed)
        departures = generator.sample_departures(rng, self.config.duration, demand)
        generator.write_routes(path, departures, self.config.begin)
        return str(path), 1.0


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

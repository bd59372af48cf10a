"""The twin as a batch: the interface of `sandbox_traffic.batch.SignalBatch` without SUMO."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError, RewardSpec
from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.digest import Moment
from sandbox_traffic.episodes import plan_episode
from sandbox_traffic.metrics import episode_metrics
from sandbox_traffic.network.signal_network import SignalNetwork
from sandbox_traffic.state import NetworkState, make_state
from sandbox_traffic.sumo.interface import NO_VEHICLES, Vehicles
from sandbox_traffic.sumo.trips import Trips
from sandbox_traffic.sumo_programs import OWN
from sandbox_traffic.twin.arrays import DRIVING, NOTHING, OUTSIDE, PROGRAMS, REQUESTS, State
from sandbox_traffic.twin.demand import Demand
from sandbox_traffic.twin.geometry import on_shape
from sandbox_traffic.twin.kernel import advance, read, show_all
from sandbox_traffic.twin.roads import WAY_OUT, read_roads
from sandbox_traffic.twin.state import begin_state, copied, counter_of
from sandbox_traffic.twin.world import (
    is_fixed,
    make_net,
    make_readings,
    make_signals,
    name_states,
    others,
    refuse,
    signal_names,
)  # fmt: skip

_REDRAWN = 6
"""Stream of random numbers of drivers that are drawn again."""


@dataclass(frozen=True)
class TwinClock:
    """Phase and timing of a signal, as `sandbox_traffic.dynamics.PhaseClock` has them."""

    phase: int
    green_since: tuple[float, ...]
    shown: str


@dataclass(frozen=True)
class TwinHeld:
    """A moment of all rows."""

    state: State
    values: NDArray[np.float64]
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]
    seeds: list[int]
    actions: list[NDArray[np.int64]]
    redrawn: list[tuple[int, int]]

    def release(self) -> None:
        """Nothing but memory keeps it."""


class TwinRow:
    """One row of a `TwinBatch`, as `sandbox_traffic.simulation.SignalSimulation` shows a simulation.

    Args:
        batch: The batch.
        row: Its number.

    Attributes:
        network: The network.
        trips: The episode's trips once it has ended, else None.
        metrics: The episode's metrics once it has ended, else None.
    """

    def __init__(self, batch: TwinBatch, row: int) -> None:
        self.network = batch.network
        self.trips: Trips | None = None
        self.metrics: dict[str, float] | None = None
        self._batch, self._row = batch, row

    @property
    def begin(self) -> int:
        """Start of the episode, s."""
        return int(self._batch.begins[self._row])

    @property
    def end(self) -> int:
        """Time at which it ends, s."""
        return int(self._batch.ends[self._row])

    @property
    def now(self) -> int:
        """Simulated time, s."""
        return int(self._batch.now[self._row])

    @property
    def running(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self._batch.cars is not None and self.metrics is None

    @property
    def held(self) -> list[bool]:
        """For each signal, whether its latest request was not allowed."""
        held: list[bool] = self._batch.held()[self._row].tolist()
        return held

    @property
    def clocks(self) -> tuple[TwinClock, ...]:
        """Phase and timing of each signal."""
        cars, states = self._batch.require(), self._batch.states
        return tuple(
            TwinClock(
                int(cars.signals["phase"][self._row, signal]),
                tuple(cars.green_since[self._row, signal].tolist()),
                states[signal][int(cars.signals["shown"][self._row, signal])],
            )
            for signal in range(len(self.network.signals))
        )

    def vehicles(self) -> Vehicles:
        """All vehicles now; none once the episode has ended."""
        return self._batch.vehicles(self._row) if self.running else NO_VEHICLES

    def finish(self) -> None:
        """Set `trips` and `metrics`."""
        self.trips = self._batch.trips_of(self._row)
        self.metrics = episode_metrics(self.trips, self.begin, self.end)

    def close(self) -> None:
        """Nothing to free."""


class TwinBatch(SignalBatch):
    """Rows of the twin that begin their episodes together.

    Args:
        config: The parameters.
        reward: The reward of every signal.
        num_envs: Number of rows.
        network: The network of ``config``, if it has been loaded.

    Attributes:
        simulations: The rows.
        cars: All that changes; None before the first episode.
        begins, ends: Of the episodes, s, shape ``(num_envs,)``.

    Raises:
        InvalidValueError: For what the twin cannot represent.
    """

    simulations: list[TwinRow]  # type: ignore[assignment]

    def __init__(
        self,
        config: SignalConfig,
        reward: RewardSpec,
        num_envs: int = 1,
        network: SignalNetwork | None = None,
    ) -> None:
        super().__init__(config, reward, num_envs, network)
        refuse(self.network)
        roadmap = read_roads(self.network.roads.path, signal_names(self.network))
        files = self.network.demand
        self._map = roadmap
        self._demand = Demand(self.network.config, files.routes, files.additional, roadmap)
        self._signals = make_signals(self.network, others(self.network))
        self._net = make_net(self.network, roadmap, self._demand, self._signals)
        self._readings = make_readings(self.network, roadmap)
        self.cars: State | None = None
        self.begins = np.zeros(num_envs, np.int64)
        self.ends = np.zeros(num_envs, np.int64)
        self._until = np.zeros(num_envs)

    def _make_simulations(self) -> list[TwinRow]:  # type: ignore[override]
        return [TwinRow(self, row) for row in range(len(self._values))]

    def require(self) -> State:
        """All that changes.

        Raises:
            RuntimeError: If no episode has begun.
        """
        if self.cars is None:
            raise RuntimeError("no episode has begun: call reset() first")
        return self.cars

    @property
    def now(self) -> NDArray[np.int64]:
        """Simulated time of each row, s."""
        if self.cars is None:
            return self.begins
        return self.cars.clock["now"][:, 0].astype(np.int64)

    @property
    def state(self) -> NetworkState:
        """All rows at the present time."""
        cars = self.require()
        if self._state is None and self._digest is not None:
            self._state = self._digest.state()
        elif self._state is None:
            signals = len(self.network.signals)
            self._state = make_state(
                self.network, self._values, cars.clock["now"][:, 0], cars.signals["phase"][:, :signals],
                cars.green_since[:, :signals],
            )  # fmt: skip
        return self._state

    @property
    def sockets(self) -> list[int]:
        """None: rows answer at once."""
        return []

    def reset_async(self, seeds: Sequence[int]) -> None:
        """Begin the episodes of these seeds."""
        self.seeds, self.actions = [int(seed) for seed in seeds], []
        self.program, self.program_from, self.redrawn = "", 0, []
        config = self.network.config
        plans = [plan_episode(config, self.network, seed) for seed in self.seeds]
        jams = np.array([plan.jam for plan in plans], np.int64)
        self.begins[:] = [plan.begin for plan in plans]
        self.ends[:] = self.begins + jams + config.duration
        from_files = bool(self.network.demand.routes)
        demands = [
            self._demand.draw(plan.sumo_seed if from_files else seed, plan.scale, plan.begin, end)
            for plan, seed, end in zip(plans, self.seeds, self.ends.tolist(), strict=True)
        ]
        loops = len(self.network.spec.loops)
        self.cars = begin_state(self._net, self._signals, loops, demands, self.seeds, self.begins.tolist())
        if jams.any():
            self._advance_jams(jams, [plan.held for plan in plans])
        read(self._readings, self.cars, self._values)
        for simulation in self.simulations:
            simulation.trips = simulation.metrics = None

    def _advance_jams(self, jams: NDArray[np.int64], phases: Sequence[Sequence[int]]) -> None:
        """Hold one phase of every signal before the episode begins, where there is a jam."""
        cars = self.require()
        hold = np.zeros((len(jams), len(self.network.signals)), np.int64)
        for row, held in enumerate(phases):
            if held:
                signals = np.arange(len(held))
                hold[row] = held
                cars.signals["phase"][row, : len(held)] = held
                cars.signals["shown"][row, : len(held)] = self._signals.phase_state[signals, held]
        cars.clock["mode"] = NOTHING
        self._advance(hold, (self.begins + jams).astype(np.float64))
        cars.clock["mode"] = REQUESTS

    def reset_wait(self) -> None:
        """The episodes have begun."""
        self._look(Moment.BEGIN)

    def follow(self, program: str) -> None:
        """Leave all signals to the network's own programs for the rest of the episode.

        Raises:
            InvalidValueError: For any other program, and for those of other types than fixed times.
        """
        programs = [signal.program for signal in self.network.signals]
        if program != OWN or not all(map(is_fixed, programs)):
            raise InvalidValueError("The twin runs no programs but those of fixed times.", WAY_OUT)
        self.program, self.program_from = program, len(self.actions)
        cars = self.require()
        cars.clock["mode"] = PROGRAMS
        show_all(self._net, self._signals, cars)
        read(self._readings, cars, self._values)
        self._look(Moment.AGAIN)

    def step_async(self, phases: NDArray[np.int64]) -> None:
        """Request phases, and let one decision interval pass.

        Raises:
            RuntimeError: If no episode is running.
            IndexError: For a phase that a signal does not have.
        """
        if not self.running:
            raise RuntimeError("no episode is running: call reset() first")
        if not self.program:
            counts = self._signals.phases[: phases.shape[1]]
            if (phases < 0).any() or (phases >= counts).any():
                raise IndexError(
                    f"phases {phases.ravel()[:8].tolist()} of signals that have {counts.tolist()}"
                )
        cars = self.require()
        until = np.minimum(cars.clock["now"][:, 0] + self.network.config.decision_interval, self.ends)
        requested = np.ascontiguousarray(phases, np.int64)
        self._advance(requested, until)
        self._requested = requested

    def _advance(self, phases: NDArray[np.int64], until: NDArray[np.float64]) -> None:
        advance(
            self._net, self._signals, self._demand.book.steps, self.require(), phases, until,
            self._readings, self._values,
        )  # fmt: skip

    def step_wait(self) -> NDArray[np.bool_]:
        """Look at what has happened; see `SignalBatch.step`."""
        ended = self.now >= self.ends
        for row in np.flatnonzero(ended).tolist():
            self.simulations[row].finish()
        self._look()
        self.actions.append(self._requested)
        return ended

    def redraw(self, seed: int) -> None:
        """Draw again all drivers who have not departed, and what drivers do by chance from now on.

        Raises:
            RuntimeError: If no episode is running.
        """
        if not self.running:
            raise RuntimeError("no episode is running: call reset() first")
        cars = self.require()
        for row in range(len(self.seeds)):
            rng = np.random.default_rng([seed + row, _REDRAWN])
            fresh = self._demand.factors(cars.cars["profile"][row], rng)
            outside = cars.cars["where"][row] == OUTSIDE
            cars.cars["factor"][row, outside] = fresh[outside]
            cars.clock["counter"][row] = counter_of(seed + row, 1)
        self.redrawn.append((len(self.actions), int(seed)))

    def hold(self) -> TwinHeld:  # type: ignore[override]
        """Keep the present moment for `go_on`."""
        return TwinHeld(
            copied(self.require()), self._values.copy(), self.begins.copy(), self.ends.copy(),
            list(self.seeds), list(self.actions), list(self.redrawn),
        )  # fmt: skip

    def go_on(self, held: TwinHeld) -> None:  # type: ignore[override]
        """Go on from a moment that was kept."""
        self.cars, self._values[:] = copied(held.state), held.values
        self.begins[:], self.ends[:] = held.begins, held.ends
        self.seeds, self.actions, self.redrawn = list(held.seeds), list(held.actions), list(held.redrawn)
        self.program, self.program_from = "", 0
        for simulation in self.simulations:
            simulation.trips = simulation.metrics = None
        self._look(Moment.BEGIN)

    def phases(self) -> NDArray[np.int64]:
        """The phase that is green or being changed to, shape ``(num_envs, signals)``."""
        return self.require().signals["phase"][:, : len(self.network.signals)].copy()

    def held(self) -> NDArray[np.bool_]:
        """Whose latest request was not allowed, shape ``(num_envs, signals)``."""
        return self.require().signals["held"][:, : len(self.network.signals)].copy()

    def times(self) -> NDArray[np.int64]:
        """Simulated time, s, shape ``(num_envs,)``."""
        return self.now

    @property
    def states(self) -> list[dict[int, str]]:
        """States of each signal by their numbers."""
        if self._names is None:
            self._names = name_states(self.network, self._signals)
        return self._names

    _names: list[dict[int, str]] | None = None

    def trips_of(self, row: int) -> Trips:
        """Trips of the vehicles of a row that were scheduled before now."""
        cars = self.require()
        now = float(cars.clock["now"][row, 0])
        rows = cars.cars[row]
        rows = rows[rows["depart"] <= now]
        depart, arrival = rows["departed"].copy(), rows["arrived"].copy()
        on_road = depart >= 0
        return Trips(
            depart=depart,
            depart_delay=np.where(on_road, depart, now) - rows["depart"],
            arrival=arrival,
            duration=np.where(on_road, np.where(arrival >= 0, arrival, now) - depart, 0.0),
            waiting=rows["waited"].copy(),
            time_loss=rows["lost"].copy(),
        )

    def vehicles(self, row: int) -> Vehicles:
        """All vehicles of a row on the road."""
        cars = self.require()
        numbers = np.flatnonzero(cars.cars["where"][row] == DRIVING)
        if not len(numbers):
            return NO_VEHICLES
        rows = cars.cars[row, numbers]
        shapes, length = self._map.shapes, self._net.lanes["length"]
        places = [
            on_shape(shapes[lane], position / length[lane])
            for lane, position in zip(rows["lane"], rows["position"], strict=True)
        ]
        kinds = rows["profile"]
        return Vehicles(
            tuple(map(str, numbers.tolist())),
            tuple(self._demand.kinds[kind].vclass for kind in kinds.tolist()),
            np.array([place for place, _ in places]),
            np.array([angle for _, angle in places]),
            rows["speed"].copy(),
            self._net.kinds["length"][kinds],
        )

    def _look(self, moment: Moment = Moment.INTERVAL) -> None:
        if self._digest is None:
            super()._look(moment)
            return
        self._begun, self._state, cars = True, None, self.require()
        signals = len(self.network.signals)
        self._digest.take(
            cars.clock["now"][:, 0], cars.signals["phase"][:, :signals], cars.green_since[:, :signals], moment
        )

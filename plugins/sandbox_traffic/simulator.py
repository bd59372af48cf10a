"""SUMO behind a few coarse methods, each a question and its answer.

libsumo holds one simulation a process, and an episode that follows others in the same process may
differ from the same episode in a fresh one (seen with SUMO 1.28 on cologne1). So `open_simulation`
gives every episode a process of its own; `LocalSimulation` is what runs there. Question and answer
are apart so that many simulations can work at the same time: ask all, then take all answers.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import process_time
from typing import Any, Protocol
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError, MissingExtraError, RunFailedError
from sandbox_traffic.files import Scratch, line_of
from sandbox_traffic.trips import Trips, read_trips

Switch = tuple[int, str, str]
"""``(time in s, signal, state)``: the signal shows the state from that time on."""


WAITING = "stats.vehicles.waiting"
"""SUMO's number of vehicles that wait to enter, in the whole network."""

BRAKING = "stats.safety.emergencyBraking"
"""SUMO's counter of vehicles that braked harder than they comfortably can."""


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """What to simulate and which values to read.

    Attributes:
        net: Network file.
        lanes: Lanes whose values are read, in the order of the snapshots' arrays.
        loops: Induction loops as ``(lane, position in m)``, likewise.
        edges: Edges on which vehicles may wait to enter, likewise.
        jitter: Departures are delayed by U[0, jitter], s.
        blockers: Vehicles that have stood inside a junction this long are driven around, s; never if None.
    """

    net: str
    lanes: tuple[str, ...]
    loops: tuple[tuple[str, float], ...] = ()
    edges: tuple[str, ...] = ()
    jitter: int = 0
    blockers: int | None = None

    @property
    def size(self) -> int:
        """Length of the vector of values that a simulation answers with."""
        return 4 * len(self.lanes) + len(self.edges) + 2 * len(self.loops) + 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an observer beside the road sees at one time, of one simulation or of several.

    Every array may have leading axes, such as one for the simulations.

    Attributes:
        count: Vehicles on each lane, shape ``(…, lanes)``.
        halting: Vehicles on it slower than 0.1 m/s.
        waiting: Sum of the present waiting times of its vehicles, s.
        speed: Mean speed on it, m/s; 0 where it is empty.
        outside: Vehicles that wait to enter on each edge, shape ``(…, edges)``.
        gap: Time since a vehicle was last on each loop, s, shape ``(…, loops)``.
        passed: Vehicles that have crossed each loop since the episode began, likewise.
        braking: Emergency brakings in the whole network since the episode began, shape ``(…)``.
    """

    count: NDArray[np.float64]
    halting: NDArray[np.float64]
    waiting: NDArray[np.float64]
    speed: NDArray[np.float64]
    outside: NDArray[np.float64]
    gap: NDArray[np.float64]
    passed: NDArray[np.float64]
    braking: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float64], spec: SimulationSpec) -> Snapshot:
        """The parts of vectors of values, shape ``(…, spec.size)``; views, not copies."""
        lanes, edges, loops = len(spec.lanes), len(spec.edges), len(spec.loops)
        a, b, c, d = lanes, 2 * lanes, 3 * lanes, 4 * lanes
        e, f, g = d + edges, d + edges + loops, d + edges + 2 * loops
        return cls(
            count=values[..., :a],
            halting=values[..., a:b],
            waiting=values[..., b:c],
            speed=values[..., c:d],
            outside=values[..., d:e],
            gap=values[..., e:f],
            passed=values[..., f:g],
            braking=values[..., -1],
        )


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Every vehicle and every walker at one time, for pictures.

    Attributes:
        names: SUMO's ids.
        kinds: SUMO's vehicle classes, such as ``passenger`` or ``bus``.
        position: Middle of the front bumper, shape ``(vehicles, 2)``, m.
        angle: Heading, degrees clockwise from north, shape ``(vehicles,)``.
        speed: m/s, likewise.
        length: m, likewise.
        walkers: Where people walk or stand, shape ``(walkers, 2)``, m.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    position: NDArray[np.float64]
    angle: NDArray[np.float64]
    speed: NDArray[np.float64]
    length: NDArray[np.float64]
    walkers: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


NOBODY = Vehicles((), (), np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0))
"""An empty road."""


class Simulation(Protocol):
    """One SUMO simulation, in this process or another.

    `begin` and `advance` ask for values, which `values` then takes; `finish` asks for `trips`.
    """

    def begin(self, time: int, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode at ``time`` (s) with ``scale`` times the vehicles of file ``routes``.

        Those that were to depart earlier are left out. The episode before is ended.
        """
        ...

    def advance(self, switches: Sequence[Switch], until: int) -> None:
        """Simulate to time ``until``, changing signals at the times given (in order)."""
        ...

    def values(self, into: NDArray[np.float64]) -> None:
        """Write what is read at the present time into a vector of length ``spec.size``."""
        ...

    def finish(self) -> None:
        """End the episode."""
        ...

    def vehicles(self) -> Vehicles:
        """Everyone on the road now; slow, for pictures."""
        ...

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time of the simulation's process: inside SUMO's steps, and in all."""
        ...

    def trips(self) -> Trips:
        """Its trips, those of vehicles on the road and outside too."""
        ...

    def close(self) -> None:
        """Free the simulator."""
        ...


class LocalSimulation:
    """SUMO in this process."""

    def __init__(self, spec: SimulationSpec, folder: Path | None = None) -> None:
        self._spec = spec
        self._sumo = import_libsumo()
        self._scratch = None if folder else Scratch()
        self._folder = folder or self._scratch.path  # type: ignore[union-attr]
        self._trips = self._folder / "trips.xml"
        self._statistics = self._folder / "statistics.xml"
        self._routes = ""
        self._time = self._counted = 0
        self._inside = 0.0
        self._values = np.zeros(spec.size)
        self._seen = Snapshot.of(self._values, spec)
        self._loops = [f"loop-{index}" for index in range(len(spec.loops))]
        self._command = self._base_command()

    def _base_command(self) -> list[str]:
        spec = self._spec
        command = [
            "sumo", "--net-file", spec.net,
            "--time-to-teleport", "-1", "--max-depart-delay", "-1",
            "--pedestrian.striping.jamtime", "-1",  # else who waits 300 s walks on, whatever the signal shows
            "--no-warnings", "true", "--no-step-log", "true", "--duration-log.disable", "true",
            "--tripinfo-output", str(self._trips),
            "--tripinfo-output.write-unfinished", "true",
            "--tripinfo-output.write-undeparted", "true",
            "--statistic-output", str(self._statistics),
        ]  # fmt: skip
        if spec.loops:
            loops = self._folder / "loops.add.xml"
            lines = [
                f'<inductionLoop id="{name}" lane={quoteattr(lane)} pos="{position:.2f}" '
                'period="1000000" file="NUL" friendlyPos="true"/>'
                for name, (lane, position) in zip(self._loops, spec.loops, strict=True)
            ]
            loops.write_text("<additional>\n" + "\n".join(lines) + "\n</additional>\n")
            command += ["--additional-files", str(loops)]
        if spec.jitter:
            command += ["--random-depart-offset", str(spec.jitter)]
        if spec.blockers is not None:
            command += ["--ignore-junction-blocker", str(spec.blockers)]
        return command

    def begin(self, time: int, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode; see `Simulation`."""
        self._end()
        self._routes, self._time, self._counted = routes, time, time
        self._seen.passed[:] = self._seen.outside[:] = 0.0
        with self._in_own_words():
            varying = ["--begin", str(time), "--seed", str(seed), "--scale", repr(float(scale))]
            self._sumo.start([*self._command, *varying, "--route-files", routes])
        self._read()

    def advance(self, switches: Sequence[Switch], until: int) -> None:
        """Simulate to time ``until``; see `Simulation`."""
        with self._in_own_words():
            for time, signal, state in switches:
                if time > self._time:
                    self._simulate(time)
                self._sumo.trafficlight.setRedYellowGreenState(signal, state)
            self._simulate(until)
            self._read()

    def _simulate(self, until: int) -> None:
        start = process_time()
        self._sumo.simulationStep(float(until))
        self._inside += process_time() - start
        self._time = until

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time since the process began: inside SUMO's steps, and in all."""
        return self._inside, process_time()

    def values(self, into: NDArray[np.float64]) -> None:
        """The present values; see `Simulation`."""
        into[:] = self._values

    def finish(self) -> None:
        """End the episode; see `Simulation`."""
        with self._in_own_words():
            self._sumo.close()

    def vehicles(self) -> Vehicles:
        """Everyone on the road; see `Simulation`."""
        with self._in_own_words():
            vehicle, person = self._sumo.vehicle, self._sumo.person
            names, people = tuple(vehicle.getIDList()), person.getIDList()
            return Vehicles(
                names,
                tuple(map(vehicle.getVehicleClass, names)),
                np.array([*map(vehicle.getPosition, names)], dtype=np.float64).reshape(-1, 2),
                np.array([*map(vehicle.getAngle, names)], dtype=np.float64),
                np.array([*map(vehicle.getSpeed, names)], dtype=np.float64),
                np.array([*map(vehicle.getLength, names)], dtype=np.float64),
                np.array([*map(person.getPosition, people)], dtype=np.float64).reshape(-1, 2),
            )

    def trips(self) -> Trips:
        """Its trips; see `Simulation`."""
        return read_trips(self._trips, self._statistics)

    def close(self) -> None:
        """Free the simulator."""
        self._end()
        if self._scratch is not None:
            self._scratch.close()

    def _end(self) -> None:
        if self._sumo.isLoaded():
            with contextlib.suppress(Exception):
                self._sumo.close()

    def _read(self) -> None:
        sumo, spec, seen = self._sumo, self._spec, self._seen
        lane, lanes, loop = sumo.lane, spec.lanes, sumo.inductionloop
        seen.count[:] = [*map(lane.getLastStepVehicleNumber, lanes)]
        seen.halting[:] = seen.waiting[:] = seen.speed[:] = 0.0
        for index in seen.count.nonzero()[0].tolist():  # most lanes are empty most of the time
            name = lanes[index]
            seen.speed[index] = lane.getLastStepMeanSpeed(name)
            if halting := lane.getLastStepHaltingNumber(name):
                seen.halting[index] = halting
                seen.waiting[index] = lane.getWaitingTime(name)
        # SUMO lists those who wait by name, which costs more than all the rest where many do: ask first where
        # some were, and no further once all are found.
        waiting = int(sumo.simulation.getParameter("", WAITING))
        edges = np.argsort(-seen.outside, kind="stable").tolist() if waiting else ()
        seen.outside[:] = 0.0
        for index in edges:
            seen.outside[index] = len(sumo.edge.getPendingVehicles(spec.edges[index]))
            waiting -= seen.outside[index]
            if waiting <= 0:
                break
        seen.gap[:] = [*map(loop.getTimeSinceDetection, self._loops)]
        # A count takes the longer the more vehicles have crossed in the episode: only where one was since.
        for index in (seen.gap <= self._time - self._counted).nonzero()[0].tolist():
            seen.passed[index] = loop.getIntervalVehicleNumber(self._loops[index])
        self._counted = self._time
        seen.braking[...] = float(sumo.simulation.getParameter("", BRAKING))

    @contextlib.contextmanager
    def _in_own_words(self) -> Iterator[None]:
        try:
            yield
        except (self._sumo.TraCIException, self._sumo.FatalTraCIError) as error:
            self._end()
            said = " ".join(str(error).split()) or "SUMO stopped without giving a reason."
            raise explain(said, self._spec.net, self._routes) from None


def explain(said: str, net: str, routes: str) -> BrokenFileError | RunFailedError:
    """Turn what SUMO ``said`` into an error that names the file and, where it can be found, the line."""
    for kind in ("trip", "vehicle", "flow", "route", "person"):
        _, found, rest = said.partition(f"{kind} '")
        if found:
            name = rest.split("'")[0]
            return BrokenFileError(routes, f"SUMO says: {said}", line_of(Path(routes), kind, name))
    for path in (routes, net):
        if path and path in said:
            return BrokenFileError(path, f"SUMO says: {said}")
    return RunFailedError(f"SUMO stopped: {said}", f"The network was {net}, the demand {routes}.")


def require_libsumo() -> None:
    """Check that libsumo is installed, without loading it.

    Raises:
        MissingExtraError: If it is not.
    """
    try:
        found = importlib.util.find_spec("libsumo")
    except ValueError:
        found = None
    if found is None:
        raise MissingExtraError("Traffic", ["libsumo"], "traffic")


def import_libsumo() -> Any:
    """The module ``libsumo``; its import-time talk is kept from the console.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import libsumo
    except ImportError:
        raise MissingExtraError("Traffic", ["libsumo"], "traffic") from None
    return libsumo


def open_simulation(spec: SimulationSpec) -> Simulation:
    """A simulation whose every episode runs in a fresh process; see `sandbox_traffic.remote`."""
    from sandbox_traffic.remote import RemoteSimulation

    return RemoteSimulation(spec)

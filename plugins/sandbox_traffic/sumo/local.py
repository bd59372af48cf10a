"""SUMO in this process, through libsumo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import process_time
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from sandbox.api import BrokenFileError, RunFailedError
from sandbox_traffic.sumo.files import TemporaryFolder, line_of
from sandbox_traffic.sumo.interface import SimulationSpec, Snapshot, Switch, Vehicles
from sandbox_traffic.sumo.library import import_libsumo
from sandbox_traffic.sumo.trips import Trips, read_trips

WAITING = "stats.vehicles.waiting"
"""SUMO's parameter for the number of vehicles that wait to enter, in the whole network."""

BRAKING = "stats.safety.emergencyBraking"
"""SUMO's counter of emergency brakings, in the whole network."""


class LocalSimulation:
    """SUMO in this process; see `sandbox_traffic.sumo.interface.Simulation`.

    libsumo holds one simulation a process. With SUMO 1.28, an episode that follows others in the same
    process may differ from the same episode in a fresh one (seen on cologne1), so environments use
    `sandbox_traffic.sumo.remote.RemoteSimulation`, whose processes run this class for one episode each.

    Args:
        spec: What to simulate and to read.
        folder: Where SUMO writes its output; a temporary folder if absent.
    """

    def __init__(self, spec: SimulationSpec, folder: Path | None = None) -> None:
        self._spec = spec
        self._sumo = import_libsumo()
        self._temporary = None if folder else TemporaryFolder()
        self._folder = folder or self._temporary.path  # type: ignore[union-attr]
        self._trips = self._folder / "trips.xml"
        self._statistics = self._folder / "statistics.xml"
        self._routes = ""
        self._time = self._counted_until = 0
        self._step_seconds = 0.0
        self._values = np.zeros(spec.size)
        self._snapshot = Snapshot.from_values(self._values, spec)
        self._loops = [f"loop-{index}" for index in range(len(spec.loops))]
        self._command = self._base_command()

    def _base_command(self) -> list[str]:
        spec = self._spec
        command = [
            "sumo", "--net-file", spec.net,
            "--time-to-teleport", "-1", "--max-depart-delay", "-1",
            # By default, pedestrians that have stood for 300 s walk on whatever the signal shows.
            "--pedestrian.striping.jamtime", "-1",
            "--no-warnings", "true", "--no-step-log", "true", "--duration-log.disable", "true",
            "--tripinfo-output", str(self._trips),
            "--tripinfo-output.write-unfinished", "true",
            "--tripinfo-output.write-undeparted", "true",
            "--statistic-output", str(self._statistics),
        ]  # fmt: skip
        if spec.loops:
            command += ["--additional-files", str(self._write_loops())]
        if spec.depart_jitter:
            command += ["--random-depart-offset", str(spec.depart_jitter)]
        if spec.junction_blockers is not None:
            command += ["--ignore-junction-blocker", str(spec.junction_blockers)]
        return command

    def _write_loops(self) -> Path:
        path = self._folder / "loops.add.xml"
        lines = [
            f'<inductionLoop id="{name}" lane={quoteattr(lane)} pos="{position:.2f}" '
            'period="1000000" file="NUL" friendlyPos="true"/>'
            for name, (lane, position) in zip(self._loops, self._spec.loops, strict=True)
        ]
        path.write_text("<additional>\n" + "\n".join(lines) + "\n</additional>\n")
        return path

    def begin(self, time: int, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode; see `Simulation.begin`."""
        self._end()
        self._routes, self._time, self._counted_until = routes, time, time
        self._snapshot.passed[:] = self._snapshot.outside[:] = 0.0
        episode = ["--begin", str(time), "--seed", str(seed), "--scale", repr(float(scale))]
        with self._errors():
            self._sumo.start([*self._command, *episode, "--route-files", routes])
        self._read()

    def advance(self, switches: Sequence[Switch], until: int) -> None:
        """Simulate to time ``until``; see `Simulation.advance`."""
        with self._errors():
            for time, signal, state in switches:
                if time > self._time:
                    self._step(time)
                self._sumo.trafficlight.setRedYellowGreenState(signal, state)
            self._step(until)
            self._read()

    def _step(self, until: int) -> None:
        start = process_time()
        self._sumo.simulationStep(float(until))
        self._step_seconds += process_time() - start
        self._time = until

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time since the process began, s: inside SUMO's steps, and in total."""
        return self._step_seconds, process_time()

    def values(self, out: NDArray[np.float64]) -> None:
        """Write the present values into ``out``."""
        out[:] = self._values

    def finish(self) -> None:
        """End the episode; SUMO writes its trips."""
        with self._errors():
            self._sumo.close()

    def vehicles(self) -> Vehicles:
        """All vehicles and pedestrians now."""
        with self._errors():
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
        """All trips of the ended episode."""
        return read_trips(self._trips, self._statistics)

    def close(self) -> None:
        """End the simulation and remove its temporary folder."""
        self._end()
        if self._temporary is not None:
            self._temporary.close()

    def _end(self) -> None:
        if self._sumo.isLoaded():
            with contextlib.suppress(Exception):
                self._sumo.close()

    def _read(self) -> None:
        """Read all values, with as few calls into SUMO as possible."""
        self._read_lanes()
        self._read_outside()
        self._read_loops()
        self._snapshot.braking[...] = float(self._sumo.simulation.getParameter("", BRAKING))

    def _read_lanes(self) -> None:
        snapshot, lane, lanes = self._snapshot, self._sumo.lane, self._spec.lanes
        snapshot.count[:] = [*map(lane.getLastStepVehicleNumber, lanes)]
        snapshot.halting[:] = snapshot.waiting[:] = snapshot.speed[:] = 0.0
        for index in snapshot.count.nonzero()[0].tolist():  # most lanes are empty most of the time
            name = lanes[index]
            snapshot.speed[index] = lane.getLastStepMeanSpeed(name)
            if halting := lane.getLastStepHaltingNumber(name):
                snapshot.halting[index] = halting
                snapshot.waiting[index] = lane.getWaitingTime(name)

    def _read_outside(self) -> None:
        # SUMO lists waiting vehicles by name, which takes longer than all other reads together where many
        # wait. So edges with the most waiting vehicles so far come first, until the total is reached.
        snapshot, edges = self._snapshot, self._spec.edges
        remaining = int(self._sumo.simulation.getParameter("", WAITING))
        order = np.argsort(-snapshot.outside, kind="stable").tolist() if remaining else ()
        snapshot.outside[:] = 0.0
        for index in order:
            snapshot.outside[index] = len(self._sumo.edge.getPendingVehicles(edges[index]))
            remaining -= snapshot.outside[index]
            if remaining <= 0:
                break

    def _read_loops(self) -> None:
        snapshot, loop = self._snapshot, self._sumo.inductionloop
        snapshot.gap[:] = [*map(loop.getTimeSinceDetection, self._loops)]
        # Counting takes longer the more vehicles have crossed in the episode, so only loops that a vehicle
        # was on since the last count are read.
        for index in (snapshot.gap <= self._time - self._counted_until).nonzero()[0].tolist():
            snapshot.passed[index] = loop.getIntervalVehicleNumber(self._loops[index])
        self._counted_until = self._time

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn SUMO's exceptions into errors that name the file."""
        try:
            yield
        except (self._sumo.TraCIException, self._sumo.FatalTraCIError) as error:
            self._end()
            text = " ".join(str(error).split()) or "SUMO stopped without giving a reason."
            raise explain(text, self._spec.net, self._routes) from None


def explain(text: str, net: str, routes: str) -> BrokenFileError | RunFailedError:
    """Turn SUMO's error message into an error that names the file and, where possible, the line.

    Args:
        text: What SUMO printed.
        net: Path of the network.
        routes: Path of the routes file.
    """
    for kind in ("trip", "vehicle", "flow", "route", "person"):
        _, marker, rest = text.partition(f"{kind} '")
        if marker:
            name = rest.split("'")[0]
            return BrokenFileError(routes, f"SUMO says: {text}", line_of(Path(routes), kind, name))
    for path in (routes, net):
        if path and path in text:
            return BrokenFileError(path, f"SUMO says: {text}")
    return RunFailedError(f"SUMO stopped: {text}", f"The network was {net}, the demand {routes}.")

"""SUMO in this process, through libsumo."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import reduce
from multiprocessing.connection import Connection
from operator import add
from pathlib import Path
from time import process_time
from xml.sax.saxutils import quoteattr

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic.sumo.compiled import CompiledLoop, LoopError
from sandbox_traffic.sumo.drivers import Drivers
from sandbox_traffic.sumo.errors import explain
from sandbox_traffic.sumo.files import TemporaryFolder
from sandbox_traffic.sumo.interface import (
    DELAY_BASED,
    SimulationSpec,
    Snapshot,
    SumoProgram,
    Switch,
    Vehicles,
)
from sandbox_traffic.sumo.library import import_libsumo
from sandbox_traffic.sumo.protocol import decode_advance, encode_advance
from sandbox_traffic.sumo.trip_log import KEEP, OPTIONS, TripLog
from sandbox_traffic.sumo.trips import Trips, read_trips

WAITING = "stats.vehicles.waiting"
"""SUMO's parameter for the number of vehicles that wait to enter, in the whole network."""

BRAKING = "stats.safety.emergencyBraking"
"""SUMO's counter of emergency brakings, in the whole network."""

LOOP = "sandbox-loop-"
"""Beginning of the ids of the induction loops."""

PROGRAM = "sandbox"
"""``programID`` of programs that are given to `LocalSimulation.follow`."""

NOT_FOLLOWED = -1.0
"""Shown by a signal that follows no program of SUMO's."""

MILLI = 1000.0
"""SUMO gives emissions and fuel in mg/s."""

STANDING = 0.1
"""Pedestrians slower than this stand, m/s, as SUMO counts vehicles."""


class LocalSimulation:
    """SUMO in this process; see `sandbox_traffic.sumo.interface.Simulation`.

    libsumo holds one simulation a process. With SUMO 1.28, an episode that follows others in the same
    process may differ from the same episode in a fresh one (seen on cologne1), so environments use
    `sandbox_traffic.sumo.remote.RemoteSimulation`, whose processes run this class for one episode each.

    Args:
        spec: What to simulate and to read.
        folder: Where SUMO writes its output; a temporary folder if absent.
        library: The compiled loop; everything happens in Python if absent, with the same results.
    """

    def __init__(self, spec: SimulationSpec, folder: Path | None = None, library: Path | None = None) -> None:
        self._spec = spec
        self._sumo = import_libsumo()
        self._temporary = None if folder else TemporaryFolder()
        self._folder = folder or self._temporary.path  # type: ignore[union-attr]
        self._trips = self._folder / "trips.xml"
        self._statistics = self._folder / "statistics.xml"
        self._routes = ""
        self._time = self._counted_until = 0.0
        self._followed = False
        self._drivers: Drivers | None = None
        self._step_seconds = 0.0
        self._losses: dict[str, tuple[float, float]] = {}  # (time, time lost) at the last reading, by vehicle
        self._losses_now: dict[str, tuple[float, float]] = {}
        self._values = np.zeros(spec.size)
        self._snapshot = Snapshot.from_values(self._values, spec)
        self._loops = [f"{LOOP}{index}" for index in range(len(spec.loops))]
        self._limits = np.array(spec.limits, dtype=np.float64)
        self._crossing = {edge: index for index, (edge, _) in enumerate(spec.crossings)}
        self._areas = tuple(dict.fromkeys(area for _, areas in spec.crossings for area in areas))
        self._command = self._base_command()
        self._log = None if spec.trip_output else TripLog(self._sumo, spec.triggered)
        self._ended: Trips | None = None
        self._loop = CompiledLoop(library, spec, self._loops, self._values) if library else None

    def _base_command(self) -> list[str]:
        spec = self._spec
        command = [
            "sumo", "--net-file", spec.net,
            "--time-to-teleport", "-1", "--max-depart-delay", "-1",
            # By default, pedestrians that have stood for 300 s walk on whatever the signal shows.
            "--pedestrian.striping.jamtime", "-1",
            "--no-warnings", "true", "--no-step-log", "true", "--duration-log.disable", "true",
        ]  # fmt: skip
        output = [
            "--tripinfo-output", str(self._trips),
            "--tripinfo-output.write-unfinished", "true",
            "--tripinfo-output.write-undeparted", "true",
            "--statistic-output", str(self._statistics),
        ]  # fmt: skip
        command += output if spec.trip_output else OPTIONS
        additional = [copy for copy, _ in spec.additional]
        additional += [str(self._write_loops())] if spec.loops else []
        options = {
            "--additional-files": ",".join(additional) or None,
            "--step-length": None if spec.step_length == 1.0 else spec.step_length,
            "--random-depart-offset": spec.depart_jitter or None,
            "--ignore-junction-blocker": spec.junction_blockers,
            "--junction-taz": "true" if spec.junction_taz else None,
            "--lateral-resolution": spec.lateral_resolution,
            "--device.emissions.probability": 1 if spec.emissions else None,
        }
        given = (f"--{option}" for option in spec.options)
        known = (str(part) for item in options.items() if item[1] is not None for part in item)
        return [*command, *known, *given]

    def _write_loops(self) -> Path:
        path = self._folder / "loops.add.xml"
        lines = [
            f'<inductionLoop id="{name}" lane={quoteattr(lane)} pos="{position:.2f}" '
            'period="1000000" file="NUL" friendlyPos="true"/>'
            for name, (lane, position) in zip(self._loops, self._spec.loops, strict=True)
        ]
        path.write_text("<additional>\n" + "\n".join(lines) + "\n</additional>\n")
        return path

    def begin(self, time: float, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode; see `Simulation.begin`."""
        self._end()
        self._routes, self._time, self._counted_until = routes, time, time
        self._followed, self._losses, self._drivers, self._ended = False, {}, None, None
        snapshot = self._snapshot
        snapshot.passed[:] = snapshot.outside[:] = 0.0
        snapshot.shown[:] = NOT_FOLLOWED
        episode = ["--begin", str(time), "--seed", str(seed), "--scale", repr(float(scale))]
        with self._errors():
            self._sumo.start([*self._command, *episode, "--route-files", routes])
            for signal in self._spec.signals:
                if self._sumo.trafficlight.getProgram(signal.id) != signal.program:
                    self._sumo.trafficlight.setProgram(signal.id, signal.program)
            if self._loop is not None:
                self._loop.begin(time)
            elif self._log is not None:
                self._log.begin()
                self._log.collect()
            self._read()

    def follow(self, programs: Sequence[SumoProgram | None]) -> None:
        """Leave the signals to programs; see `Simulation.follow`."""
        lights = self._sumo.trafficlight
        with self._errors():
            self._require_empty_lanes(programs)
            self._followed = True
            for signal, program in zip(self._spec.signals, programs, strict=True):
                if program is not None:
                    steps = [
                        lights.Phase(seconds, state, low, high) for state, seconds, low, high in program.steps
                    ]
                    lights.setProgramLogic(
                        signal.id,
                        lights.Logic(PROGRAM, program.kind, 0, steps, dict(program.parameters)),
                    )
                name = signal.program if program is None else PROGRAM
                if lights.getProgram(signal.id) != name:
                    lights.setProgram(signal.id, name)
            if self._loop is not None:
                self._loop.follow()
            else:
                self._read_signals()

    def _require_empty_lanes(self, programs: Sequence[SumoProgram | None]) -> None:
        """Refuse what ends SUMO 1.28 with a segmentation fault.

        A new program of type delay_based brings detectors of areas. A vehicle that is on such an area already
        tells the detector that it moves, and the detector looks for it among those that have entered.
        """
        new = any(program is not None and program.kind == DELAY_BASED for program in programs)
        if new and self._sumo.vehicle.getIDCount():
            raise InvalidValueError(
                "SUMO's controller of type delay_based can only take over while the roads are empty.",
                "At the beginning of an episode they are, unless it starts from a jam: --set config.jam=0.",
            )

    def advance(self, switches: Sequence[Switch], until: float) -> None:
        """Simulate to time ``until``; see `Simulation.advance`."""
        if self._loop is not None and self._drivers is None:
            self.carry_out(encode_advance(switches, until))
            return
        with self._errors():
            for time, signal, state in switches:
                if time > self._time:
                    self._step(time)
                self._sumo.trafficlight.setRedYellowGreenState(signal, state)
            self._step(until)
            self._read()

    def carry_out(self, request: bytes) -> None:
        """Carry out an encoded request to advance; see `sandbox_traffic.sumo.protocol`."""
        if self._loop is None or self._drivers is not None:
            self.advance(*decode_advance(request))
            return
        with self._errors():
            self._loop.advance(request)

    def serve(self, connection: Connection) -> bytes:
        """Wait for a request, where compiled code is there after answering all requests to advance.

        Raises:
            EOFError: At the end of the connection.
        """
        if self._loop is None or self._drivers is not None:
            return connection.recv_bytes()
        with self._errors():
            return self._loop.serve(connection.fileno())

    def _step(self, until: float) -> None:
        if self._loop is not None:
            self._loop.step(until)
            if self._drivers is not None:
                self._drivers.draw()
            self._time = until
            return
        if self._log is None:
            self._simulate(until)
        else:
            self._step_and_log(self._log, until)
        if self._drivers is not None:
            self._drivers.draw()

    def _step_and_log(self, log: TripLog, until: float) -> None:
        """Simulate in parts after which arrived vehicles are read: steps, once one has teleported."""
        while self._time < until:
            length = self._spec.step_length if log.teleported else KEEP
            self._simulate(min(self._time + length, until))
            log.collect()

    def _simulate(self, until: float) -> None:
        start = process_time()
        self._sumo.simulationStep(float(until))
        self._step_seconds += process_time() - start
        self._time = until

    def redraw(self, seed: int) -> None:
        """Draw later drivers again; see `Simulation.redraw`."""
        self._drivers = Drivers(self._sumo, seed)

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time since the process began, s: inside SUMO's steps, and in total."""
        inside = self._step_seconds if self._loop is None else self._loop.seconds
        return inside, process_time()

    def values(self, out: NDArray[np.float64]) -> None:
        """Write the present values into ``out``."""
        out[:] = self._values

    def finish(self) -> None:
        """End the episode, with its trips."""
        with self._errors():
            if self._log is None:
                self._sumo.close()
                self._ended = read_trips(self._trips, self._statistics, self._spec.triggered)
            else:
                source = self._log if self._loop is None else self._loop
                loaded = self._log.loaded if self._loop is None else self._loop.loaded()
                now = float(self._sumo.simulation.getTime())
                self._ended = self._log.trips(source.arrived(), loaded, now)

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
                self._lights(),
            )

    def _lights(self) -> tuple[str, ...]:
        """The state that each signal shows, where SUMO runs its program."""
        if not self._followed:
            return ()
        show = self._sumo.trafficlight.getRedYellowGreenState
        return tuple(show(signal.id) for signal in self._spec.signals)

    def trips(self) -> Trips:
        """All trips of the ended episode."""
        assert self._ended is not None, "the episode has not ended"
        return self._ended

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
        if self._loop is not None:
            self._loop.read()
            return
        if self._spec.every_vehicle:
            self._read_vehicles()
        else:
            self._read_lanes()
        self._read_outside()
        self._read_loops()
        if self._areas:
            self._read_pedestrians()
        if self._spec.emissions:
            self._read_emissions()
        if self._followed:
            self._read_signals()
        self._snapshot.braking[...] = float(self._sumo.simulation.getParameter("", BRAKING))

    def _read_lanes(self) -> None:
        snapshot, lane, lanes = self._snapshot, self._sumo.lane, self._spec.lanes
        snapshot.count[:] = [*map(lane.getLastStepVehicleNumber, lanes)]
        snapshot.halting[:] = snapshot.waiting[:] = snapshot.pace[:] = 0.0
        for index in snapshot.count.nonzero()[0].tolist():  # most lanes are empty most of the time
            name = lanes[index]
            snapshot.pace[index] = lane.getLastStepMeanSpeed(name) / self._limits[index]
            if halting := lane.getLastStepHaltingNumber(name):
                snapshot.halting[index] = halting
                snapshot.waiting[index] = lane.getWaitingTime(name)

    def _read_vehicles(self) -> None:
        """Read lanes vehicle by vehicle: those at a stop wait for no signal, and some are slow by nature."""
        snapshot, lane, vehicle = self._snapshot, self._sumo.lane, self._sumo.vehicle
        for values in (snapshot.count, snapshot.halting, snapshot.waiting, snapshot.pace):
            values[:] = 0.0
        for index, name in enumerate(self._spec.lanes):
            if not lane.getLastStepVehicleNumber(name):
                continue
            moving = [each for each in lane.getLastStepVehicleIDs(name) if not vehicle.isStopped(each)]
            if moving:
                snapshot.count[index] = len(moving)
                snapshot.halting[index] = sum(vehicle.getSpeed(each) < STANDING for each in moving)
                # `reduce`, since newer Pythons' `sum` rounds otherwise than adding one after the other.
                snapshot.waiting[index] = reduce(add, map(vehicle.getWaitingTime, moving))
                snapshot.pace[index] = 1.0 - reduce(add, map(self._lost_share, moving)) / len(moving)
        self._losses = self._losses_now
        self._losses_now = {}

    def _lost_share(self, name: str) -> float:
        """Share of the time since the last reading that a vehicle has lost, as SUMO counts it in its trip.

        SUMO leaves out what a stop costs, braking and starting included. For a vehicle that was not there at
        the last reading, what it loses now.
        """
        vehicle = self._sumo.vehicle
        loss = vehicle.getTimeLoss(name)
        self._losses_now[name] = self._time, loss
        before = self._losses.get(name)
        if before is None or before[0] >= self._time:
            share = 1.0 - vehicle.getSpeed(name) / max(vehicle.getAllowedSpeed(name), STANDING)
        else:
            share = (loss - before[1]) / (self._time - before[0])
        return float(min(max(share, 0.0), 1.0))

    def _read_pedestrians(self) -> None:
        """Count the pedestrians who stand before each crossing."""
        snapshot, person = self._snapshot, self._sumo.person
        snapshot.pedestrians[:] = snapshot.pedestrian_time[:] = 0.0
        for area in self._areas:
            for name in self._sumo.edge.getLastStepPersonIDs(area):
                crossing = self._crossing.get(person.getNextEdge(name))
                if crossing is not None and person.getSpeed(name) < STANDING:
                    snapshot.pedestrians[crossing] += 1
                    snapshot.pedestrian_time[crossing] += person.getWaitingTime(name)

    def _read_emissions(self) -> None:
        snapshot, lane, lanes = self._snapshot, self._sumo.lane, self._spec.lanes
        snapshot.co2[:] = np.array([*map(lane.getCO2Emission, lanes)]) / MILLI
        snapshot.fuel[:] = np.array([*map(lane.getFuelConsumption, lanes)]) / MILLI

    def _read_signals(self) -> None:
        """The phase that each signal's program shows or leads to; the one before where a state is unknown."""
        snapshot, show = self._snapshot, self._sumo.trafficlight.getRedYellowGreenState
        for index, signal in enumerate(self._spec.signals):
            before = max(snapshot.shown[index], 0.0)
            snapshot.shown[index] = signal.states.get(show(signal.id), before)

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
        except (self._sumo.TraCIException, self._sumo.FatalTraCIError, LoopError) as error:
            self._end()
            text = " ".join(str(error).split()) or "SUMO stopped without giving a reason."
            raise explain(text, self._spec, self._routes) from None

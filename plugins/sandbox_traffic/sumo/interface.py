"""What an environment asks of a SUMO simulation, and the values it gets back.

Requests and answers are separate calls, so that several simulations can run at the same time: send a
request to each of them, then collect the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.sumo.trips import Trips

ACTUATED, DELAY_BASED = 3, 5
"""SUMO's numbers of types of programs."""

Switch = tuple[float, str, str]
"""``(time in s, signal, state)``: the signal shows the state from that time on."""


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """A signal that environments control or leave to a program.

    Attributes:
        id: SUMO's id.
        program: ``programID`` of the network's own program, which the signal runs until it is switched.
        states: The phase that each state shows or leads to.
    """

    id: str
    program: str
    states: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """The network to simulate and the values to read from it.

    Attributes:
        net: Path of the network file.
        lanes: Lanes whose values are read.
        limits: Speed limit of each lane, m/s.
        loops: Induction loops as ``(lane, position in m from the start of the lane)``.
        edges: Edges on which vehicles may wait to enter the network.
        crossings: Pedestrian crossings as ``(edge, walking areas)``.
        signals: The signals that environments control.
        additional: Paths of checked copies of additional files, and of the user's files.
        step_length: Time step, s.
        depart_jitter: Departures are delayed by U[0, depart_jitter], s.
        junction_blockers: After standing inside a junction for this long, s, a vehicle no longer blocks
            others; None for never.
        junction_taz: Whether trips begin and end at junctions.
        lateral_resolution: Width of SUMO's sublanes, m; None for whole lanes.
        every_vehicle: Whether lanes are read vehicle by vehicle: where some stop on purpose or drive more
            slowly than the road allows.
        emissions: Whether emissions and fuel are computed.
        options: Further options of SUMO, ``NAME=VALUE`` each.
        triggered: Vehicles that depart once somebody boards them; until then they are not scheduled. A name
            with a dot at its end stands for a flow.
        trip_output: Whether SUMO writes the trips to a file, since its getters do not know them: walkers,
            emissions, and drivers who do not act in every step.
    """

    net: str
    lanes: tuple[str, ...]
    limits: tuple[float, ...] = ()
    loops: tuple[tuple[str, float], ...] = ()
    edges: tuple[str, ...] = ()
    crossings: tuple[tuple[str, tuple[str, ...]], ...] = ()
    signals: tuple[SignalSpec, ...] = ()
    additional: tuple[tuple[str, str], ...] = ()
    step_length: float = 1.0
    depart_jitter: int = 0
    junction_blockers: int | None = None
    junction_taz: bool = False
    lateral_resolution: float | None = None
    every_vehicle: bool = False
    emissions: bool = False
    options: tuple[str, ...] = ()
    triggered: frozenset[str] = frozenset()
    trip_output: bool = False

    @property
    def layout(self) -> tuple[int, ...]:
        """Lengths of the parts of the vector of values, in the order of `Snapshot`'s fields."""
        lanes, edges, loops = len(self.lanes), len(self.edges), len(self.loops)
        crossings, emitting = len(self.crossings), len(self.lanes) if self.emissions else 0
        return (
            *(lanes,) * 4,
            edges,
            loops,
            loops,
            crossings,
            crossings,
            emitting,
            emitting,
            len(self.signals),
            1,
        )

    @property
    def parts(self) -> tuple[tuple[int, int], ...]:
        """Begin and end of each part of the vector of values."""
        return tuple(pairwise(accumulate(self.layout, initial=0)))

    @property
    def size(self) -> int:
        """Length of the vector of values that is read at one time."""
        return sum(self.layout)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values read at one time, from one simulation or from several.

    Every array may have leading axes, such as one over simulations. Lanes, edges, loops, crossings and
    signals are in the order of `SimulationSpec`. Vehicles at a scheduled stop are not counted: they wait for
    no signal.

    Attributes:
        count: Vehicles on each lane, shape ``(…, lanes)``.
        halting: Vehicles slower than 0.1 m/s on each lane, shape ``(…, lanes)``.
        waiting: Sum of the present waiting times of the vehicles on each lane, s, shape ``(…, lanes)``.
        pace: Mean speed on each lane as a share of the limit, shape ``(…, lanes)``; 0 where the lane is
            empty. Where lanes are read vehicle by vehicle, 1 − the share of time lost, as SUMO counts it in
            trips.
        outside: Vehicles that wait to enter on each edge, shape ``(…, edges)``.
        gap: Time since a vehicle was last on each loop, s, shape ``(…, loops)``.
        passed: Vehicles that have crossed each loop since the episode began, shape ``(…, loops)``.
        pedestrians: Pedestrians who stand before each crossing, shape ``(…, crossings)``.
        pedestrian_time: Sum of their present waiting times, s, shape ``(…, crossings)``.
        co2: CO2 emitted on each lane, g/s, shape ``(…, lanes)``; without lanes unless it is computed.
        fuel: Fuel used on each lane, g/s, shape as ``co2``.
        shown: The phase that a signal's program shows or leads to, −1 where the environment controls it,
            shape ``(…, signals)``.
        braking: Emergency brakings in the whole network since the episode began, shape ``(…)``.
    """

    count: NDArray[np.float64]
    halting: NDArray[np.float64]
    waiting: NDArray[np.float64]
    pace: NDArray[np.float64]
    outside: NDArray[np.float64]
    gap: NDArray[np.float64]
    passed: NDArray[np.float64]
    pedestrians: NDArray[np.float64]
    pedestrian_time: NDArray[np.float64]
    co2: NDArray[np.float64]
    fuel: NDArray[np.float64]
    shown: NDArray[np.float64]
    braking: NDArray[np.float64]

    @classmethod
    def from_values(cls, values: NDArray[np.float64], spec: SimulationSpec) -> Snapshot:
        """Split vectors of values, shape ``(…, spec.size)``; the parts are views, not copies."""
        return cls.split(values, spec.parts)

    @classmethod
    def split(cls, values: NDArray[np.float64], places: Sequence[tuple[int, int]]) -> Snapshot:
        """As `from_values`, by `SimulationSpec.parts`."""
        parts = [values[..., start:end] for start, end in places]
        parts[-1] = parts[-1][..., 0]  # the last value is one for the whole network
        return cls(*parts)


@dataclass(frozen=True, slots=True)
class SumoProgram:
    """A program for SUMO to run.

    Attributes:
        kind: SUMO's number of the type, such as 3 for ``actuated``.
        steps: ``(state, seconds, minimum, maximum)``, times in s.
        parameters: Parameters of the type.
    """

    kind: int
    steps: tuple[tuple[str, float, float, float], ...]
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Vehicles:
    """All vehicles and pedestrians at one time, for pictures.

    Attributes:
        names: SUMO's ids.
        kinds: SUMO's vehicle classes, such as ``passenger`` or ``bus``.
        position: Middle of the front bumper, shape ``(vehicles, 2)``, m.
        angle: Heading, degrees clockwise from north, shape ``(vehicles,)``.
        speed: m/s, shape ``(vehicles,)``.
        length: m, shape ``(vehicles,)``.
        pedestrians: Positions of pedestrians, shape ``(pedestrians, 2)``, m.
        lights: The state that each signal shows, where SUMO runs its program; empty otherwise.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    position: NDArray[np.float64]
    angle: NDArray[np.float64]
    speed: NDArray[np.float64]
    length: NDArray[np.float64]
    pedestrians: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))
    lights: tuple[str, ...] = ()


NO_VEHICLES = Vehicles((), (), np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0))


class Simulation(Protocol):
    """One SUMO simulation, in this process or in another.

    `begin`, `follow`, `redraw` and `advance` are answered by `values`, `finish` by `trips`.
    """

    def begin(self, time: float, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode; ends the one before.

        Args:
            time: Start of the episode, s; earlier departures are left out.
            seed: SUMO's seed.
            routes: Paths of the routes files, separated by commas.
            scale: Factor on the number of vehicles.
        """
        ...

    def follow(self, programs: Sequence[SumoProgram | None]) -> None:
        """Leave the signals to programs that SUMO runs.

        Args:
            programs: A program for each signal, None for the network's own.

        Raises:
            InvalidValueError: For a program of type delay_based while vehicles are on the road.
        """
        ...

    def advance(self, switches: Sequence[Switch], until: float) -> None:
        """Simulate to time ``until`` (s) and switch signals at the times given, which must be in order."""
        ...

    def redraw(self, seed: int) -> None:
        """Draw the drivers again who depart from now on; answered by `values`.

        SUMO's own generator cannot be seeded while it runs. So the desired speed of every vehicle that
        departs, which SUMO draws once for a driver, is drawn again from the distribution of its type. What
        drivers do at random from step to step then falls out differently as well, once another vehicle is
        where it was not. When vehicles depart stays as it is.
        """
        ...

    def values(self, out: NDArray[np.float64]) -> None:
        """Write the values at the present time into ``out``, shape ``(spec.size,)``."""
        ...

    def finish(self) -> None:
        """End the episode."""
        ...

    def trips(self) -> Trips:
        """All trips of the ended episode, including those of vehicles on the road and outside."""
        ...

    def vehicles(self) -> Vehicles:
        """All vehicles and pedestrians now; slow, for pictures."""
        ...

    def processor_seconds(self) -> tuple[float, float]:
        """Processor time of the simulation's process, s: inside SUMO's steps, and in total."""
        ...

    def close(self) -> None:
        """Free the simulator."""
        ...

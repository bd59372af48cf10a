"""What an environment asks of a SUMO simulation, and the values it gets back.

Requests and answers are separate calls, so that several simulations can run at the same time: send a
request to each of them, then collect the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.sumo.trips import Trips

Switch = tuple[int, str, str]
"""``(time in s, signal, state)``: the signal shows the state from that time on."""


@dataclass(frozen=True, slots=True)
class SimulationSpec:
    """The network to simulate and the values to read from it.

    Attributes:
        net: Path of the network file.
        lanes: Lanes whose values are read.
        loops: Induction loops as ``(lane, position in m from the start of the lane)``.
        edges: Edges on which vehicles may wait to enter the network.
        depart_jitter: Departures are delayed by U[0, depart_jitter], s.
        junction_blockers: After standing inside a junction for this long, s, a vehicle no longer blocks
            others; None for never.
    """

    net: str
    lanes: tuple[str, ...]
    loops: tuple[tuple[str, float], ...] = ()
    edges: tuple[str, ...] = ()
    depart_jitter: int = 0
    junction_blockers: int | None = None

    @property
    def size(self) -> int:
        """Length of the vector of values that is read at one time."""
        return 4 * len(self.lanes) + len(self.edges) + 2 * len(self.loops) + 1


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The values read at one time, from one simulation or from several.

    Every array may have leading axes, such as one over simulations. Lanes, edges and loops are in the
    order of `SimulationSpec`.

    Attributes:
        count: Vehicles on each lane, shape ``(…, lanes)``.
        halting: Vehicles slower than 0.1 m/s on each lane, shape ``(…, lanes)``.
        waiting: Sum of the present waiting times of the vehicles on each lane, s, shape ``(…, lanes)``.
        speed: Mean speed on each lane, m/s, shape ``(…, lanes)``; 0 where the lane is empty.
        outside: Vehicles that wait to enter on each edge, shape ``(…, edges)``.
        gap: Time since a vehicle was last on each loop, s, shape ``(…, loops)``.
        passed: Vehicles that have crossed each loop since the episode began, shape ``(…, loops)``.
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
    def from_values(cls, values: NDArray[np.float64], spec: SimulationSpec) -> Snapshot:
        """Split vectors of values, shape ``(…, spec.size)``; the parts are views, not copies."""
        lanes, edges, loops = len(spec.lanes), len(spec.edges), len(spec.loops)
        bounds = accumulate((lanes, lanes, lanes, lanes, edges, loops, loops), initial=0)
        count, halting, waiting, speed, outside, gap, passed = (
            values[..., start:end] for start, end in pairwise(bounds)
        )
        return cls(count, halting, waiting, speed, outside, gap, passed, values[..., -1])


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
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    position: NDArray[np.float64]
    angle: NDArray[np.float64]
    speed: NDArray[np.float64]
    length: NDArray[np.float64]
    pedestrians: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))


NO_VEHICLES = Vehicles((), (), np.zeros((0, 2)), np.zeros(0), np.zeros(0), np.zeros(0))


class Simulation(Protocol):
    """One SUMO simulation, in this process or in another.

    `begin` and `advance` are answered by `values`, `finish` by `trips`.
    """

    def begin(self, time: int, seed: int, routes: str, scale: float = 1.0) -> None:
        """Begin an episode; ends the one before.

        Args:
            time: Start of the episode, s; earlier departures are left out.
            seed: SUMO's seed.
            routes: Path of the routes file.
            scale: Factor on the number of vehicles.
        """
        ...

    def advance(self, switches: Sequence[Switch], until: int) -> None:
        """Simulate to time ``until`` (s) and switch signals at the times given, which must be in order."""
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

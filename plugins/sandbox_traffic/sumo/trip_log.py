"""The trips of an episode from SUMO's getters, without its trip output.

SUMO's trip output costs a device a vehicle in every step, and a file. What it says of vehicles is known to
their getters as well, to the last digit. Arrived vehicles are kept for `KEEP` s, so that they can still be
asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.sumo.trips import Trips, is_triggered

KEEP = 60.0
"""Time between two readings at most, s; SUMO keeps arrived vehicles a little longer."""

OPTIONS = ("--keep-after-arrival", str(KEEP + 10), "--waiting-time-memory", "100000000")
"""Options of SUMO that the getters need: arrived vehicles are kept, and no waiting is forgotten."""

COUNTERS = {
    "teleports": "stats.teleports.total",
    "collisions": "stats.safety.collisions",
    "emergency_stops": "stats.safety.emergencyStops",
}
"""SUMO's parameters for what it counts in the whole network, by field of `Trips`."""

Row = tuple[float, float, float, float, float, float]
"""Of an arrived vehicle: depart, depart delay, arrival, waiting and time loss in s, and its rank."""


class TripLog:
    """Notes who is loaded and who arrives.

    Args:
        sumo: libsumo.
        triggered: Vehicles that are not scheduled before somebody boards them; see `SimulationSpec`.
    """

    def __init__(self, sumo: Any, triggered: frozenset[str]) -> None:
        self._sumo, self._triggered = sumo, triggered
        self.begin()

    def begin(self) -> None:
        """Begin an episode."""
        self.loaded: dict[str, float] = {}
        self._ranks: dict[str, int] = {}
        self._rows: list[Row] = []
        self.teleported = False

    def collect(self) -> None:
        """Note who has been loaded and who has arrived in the latest call of ``simulationStep``.

        A vehicle's last action is its arrival. Where SUMO has teleported vehicles, that holds for steps of
        their own alone, which is why `teleported` must be heeded.
        """
        simulation, vehicle = self._sumo.simulation, self._sumo.vehicle
        for name in simulation.getLoadedIDList():
            self._ranks[name] = len(self.loaded)
            self.loaded[name] = 0.0
        # SUMO's trips count the step of an emergency stop as waiting, its getter does not.
        for name in simulation.getEmergencyStoppingVehiclesIDList():
            self.loaded[name] = self.loaded.get(name, 0.0) + simulation.getDeltaT()
        for name in simulation.getArrivedIDList():
            rank = self._ranks.pop(name, None)
            if rank is not None:
                arrival = self._latest if self.teleported else vehicle.getLastActionTime(name)
                self._rows.append((*self._figures(name, arrival, self.loaded[name]), rank))
        if not self.teleported:
            self.teleported = simulation.getParameter("", COUNTERS["teleports"]) != "0"

    @property
    def _latest(self) -> float:
        """Begin of the latest step, which is the arrival of who has arrived in it."""
        simulation = self._sumo.simulation
        return float(simulation.getTime() - simulation.getDeltaT())

    def _figures(self, name: str, arrival: float, stopped: float) -> tuple[float, float, float, float, float]:
        vehicle = self._sumo.vehicle
        return (
            vehicle.getDeparture(name),
            vehicle.getDepartDelay(name),
            arrival,
            vehicle.getAccumulatedWaitingTime(name) + stopped,
            vehicle.getTimeLoss(name),
        )

    def arrived(self) -> NDArray[np.float64]:
        """Arrived vehicles in the order of arrival, a `Row` each."""
        return np.array(self._rows, dtype=np.float64).reshape(-1, 6)

    def trips(self, arrived: NDArray[np.float64], loaded: dict[str, float], now: float) -> Trips:
        """All trips at the end of an episode, in the order of SUMO's trip output and rounded as there.

        Args:
            arrived: A `Row` for each arrived vehicle.
            loaded: All loaded vehicles, by rank, and what emergency stops add to their waiting, s.
            now: The end, s.
        """
        there = set(arrived[:, 5].astype(np.int64).tolist())
        rows = [*self._unfinished(pair for rank, pair in enumerate(loaded.items()) if rank not in there)]
        finished = arrived[np.lexsort((arrived[:, 5], arrived[:, 2])), :5]
        table = np.concatenate((finished, np.array(rows, dtype=np.float64).reshape(-1, 5)))
        depart, delay, arrival, waiting, loss = table.T
        on_the_way = np.where(arrival >= 0, arrival, now) - depart
        parameter = self._sumo.simulation.getParameter
        return Trips(
            depart=centiseconds(depart),
            depart_delay=centiseconds(delay),
            arrival=centiseconds(arrival),
            duration=np.where(depart >= 0, centiseconds(on_the_way), 0.0),
            waiting=centiseconds(waiting),
            time_loss=centiseconds(loss),
            **{name: int(parameter("", counter)) for name, counter in COUNTERS.items()},
        )

    def _unfinished(
        self, vehicles: Iterator[tuple[str, float]]
    ) -> Iterator[tuple[float, float, float, float, float]]:
        """Vehicles on the road, and those that should have departed by now."""
        for name, stopped in vehicles:
            try:
                depart, *others = self._figures(name, -1.0, stopped)
            except self._sumo.TraCIException:  # SUMO has dropped it before its departure
                continue
            if depart >= 0 or (others[0] >= 0 and not is_triggered(name, self._triggered)):
                yield max(depart, -1.0), *others  # type: ignore[misc]


def centiseconds(seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Times as SUMO's output has them: rounded to milliseconds, then to hundredths, halves up; −1 is kept."""
    milliseconds = np.floor(np.maximum(seconds, 0.0) * 1000.0 + 0.5).astype(np.int64)
    rounded: NDArray[np.float64] = np.where(seconds < 0, -1.0, (milliseconds + 5) // 10 / 100.0)
    return rounded

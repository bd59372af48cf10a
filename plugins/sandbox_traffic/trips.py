"""The trips of an episode, from SUMO's own output files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TRIP = re.compile(
    rb'<tripinfo id="[^"]*" depart="([^"]*)".*?departDelay="([^"]*)" arrival="([^"]*)"'
    rb'.*? duration="([^"]*)".*? waitingTime="([^"]*)".*? timeLoss="([^"]*)"'
)
_PERSON = re.compile(rb"<personinfo ")
_WALK = re.compile(rb'<walk [^>]*waitingTime="([^"]*)"')
_COUNTS = (
    ("teleports", re.compile(rb'<teleports total="(\d+)"')),
    ("collisions", re.compile(rb'<safety collisions="(\d+)"')),
    ("emergency_stops", re.compile(rb'emergencyStops="(\d+)"')),
)


@dataclass(frozen=True, slots=True)
class Trips:
    """Every vehicle that was to depart before the end, one entry each; times in s.

    Attributes:
        depart: Time of departure, -1 if still outside at the end.
        depart_delay: Time from scheduled departure to departure, or to the end.
        arrival: Time of arrival, -1 if not arrived.
        duration: Time on the road.
        waiting: Time on the road below 0.1 m/s.
        time_loss: Time lost on the road against driving at the desired speed.
        teleports: Vehicles that SUMO moved out of the way.
        collisions: As counted by SUMO.
        emergency_stops: As counted by SUMO.
        people: Who walked, whether or not they arrived.
        people_waiting: Time that all of them together stood, s. (What they lost is known of those who arrived
            only, so it would flatter a signal that lets nobody over the road.)
    """

    depart: NDArray[np.float64]
    depart_delay: NDArray[np.float64]
    arrival: NDArray[np.float64]
    duration: NDArray[np.float64]
    waiting: NDArray[np.float64]
    time_loss: NDArray[np.float64]
    teleports: int = 0
    collisions: int = 0
    emergency_stops: int = 0
    people: int = 0
    people_waiting: float = 0.0


def read_trips(trips: Path, statistics: Path) -> Trips:
    """Read what SUMO wrote with unfinished and undeparted trips included."""
    written = trips.read_bytes()
    columns = np.array(_TRIP.findall(written), dtype=np.float64).reshape(-1, 6).T
    depart, depart_delay, arrival, duration, waiting, time_loss = columns
    text = statistics.read_bytes()
    counts = {name: int(found[1]) if (found := pattern.search(text)) else 0 for name, pattern in _COUNTS}
    counts["people"] = len(_PERSON.findall(written))
    stood = sum(map(float, _WALK.findall(written)))
    return Trips(depart, depart_delay, arrival, duration, waiting, time_loss, people_waiting=stood, **counts)

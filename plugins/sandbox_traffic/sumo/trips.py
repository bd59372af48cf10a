"""The trips of an episode, read from SUMO's output files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TRIP = re.compile(
    rb'<tripinfo id="([^"]*)" depart="([^"]*)".*?departDelay="([^"]*)" arrival="([^"]*)"'
    rb'.*? duration="([^"]*)".*? waitingTime="([^"]*)".*? timeLoss="([^"]*)"'
)
_PERSON = re.compile(rb"<personinfo [^>]*(?<!/)>.*?</personinfo>", re.DOTALL)
_EMISSIONS = re.compile(rb'<emissions [^>]*CO2_abs="([^"]*)"[^>]*fuel_abs="([^"]*)"')
_WALK = re.compile(rb'<walk [^>]*waitingTime="([^"]*)"')
_COUNTS = (
    ("teleports", re.compile(rb'<teleports total="(\d+)"')),
    ("collisions", re.compile(rb'<safety collisions="(\d+)"')),
    ("emergency_stops", re.compile(rb'emergencyStops="(\d+)"')),
)


MILLI = 1000.0
"""SUMO gives emissions and fuel in mg."""


@dataclass(frozen=True, slots=True)
class Trips:
    """All vehicles that were scheduled to depart before the end of an episode.

    Arrays have shape ``(vehicles,)``; times are in s.

    Attributes:
        depart: Time of departure, -1 if the vehicle is still outside at the end.
        depart_delay: Time from scheduled departure to departure, or to the end.
        arrival: Time of arrival, -1 if the vehicle has not arrived.
        duration: Time on the road.
        waiting: Time on the road below 0.1 m/s.
        time_loss: Time lost on the road compared with driving at the desired speed.
        teleports: Vehicles that SUMO teleported.
        collisions: Collisions counted by SUMO.
        emergency_stops: Emergency stops counted by SUMO.
        co2: CO2 emitted, g; 0 unless emissions are computed.
        fuel: Fuel used, g; likewise.
        people: Pedestrians, whether or not they arrived.
        people_waiting: Total time that pedestrians stood, s. Their time loss is not used: SUMO reports it
            for those who arrived only, which would favour a signal that lets nobody cross.
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
    co2: float = 0.0
    fuel: float = 0.0
    people: int = 0
    people_waiting: float = 0.0


def read_trips(trips: Path, statistics: Path, triggered: frozenset[str] = frozenset()) -> Trips:
    """Read SUMO's trip output, unfinished and undeparted trips included, and its statistics.

    Args:
        trips: SUMO's trip output.
        statistics: SUMO's statistics.
        triggered: Vehicles that are not scheduled before somebody boards them; a name with a dot at its end
            stands for a flow. Those that have not departed are left out.
    """
    output = trips.read_bytes()
    rows = _TRIP.findall(output)
    if triggered:
        rows = [row for row in rows if float(row[1]) >= 0 or not is_triggered(row[0].decode(), triggered)]
    columns = np.array([row[1:] for row in rows], dtype=np.float64).reshape(-1, 6).T
    depart, depart_delay, arrival, duration, waiting, time_loss = columns
    summary = statistics.read_bytes()
    counts = {name: _first_number(pattern, summary) for name, pattern in _COUNTS}
    walks = [_WALK.findall(person) for person in _PERSON.findall(output)]
    emissions = np.array(_EMISSIONS.findall(output), dtype=np.float64).reshape(-1, 2).sum(axis=0) / MILLI
    return Trips(
        depart,
        depart_delay,
        arrival,
        duration,
        waiting,
        time_loss,
        co2=float(emissions[0]),
        fuel=float(emissions[1]),
        people=sum(map(bool, walks)),
        people_waiting=sum(max(float(waited), 0.0) for walk in walks for waited in walk),
        **counts,
    )


def is_triggered(name: str, triggered: frozenset[str]) -> bool:
    """Whether a vehicle waits to be boarded, by itself or as part of a flow."""
    return name in triggered or f"{name.rpartition('.')[0]}." in triggered


def _first_number(pattern: re.Pattern[bytes], text: bytes) -> int:
    match = pattern.search(text)
    return int(match[1]) if match else 0

"""What must be known of routes and additional files before SUMO reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from xml.parsers import expat

from sandbox.api import BrokenFileError
from sandbox_traffic.sumo.files import fingerprint, parse_xml
from sandbox_traffic.sumo.times import time_or_zero

DEMAND = frozenset({"trip", "vehicle", "flow", "person", "personFlow", "container", "containerFlow"})
"""Elements that depart."""

FLOWS = frozenset({"flow", "personFlow", "containerFlow"})

PEOPLE = DEMAND - {"trip", "vehicle", "flow"}

VEHICLES = frozenset({"trip", "vehicle", "flow"})

TRIGGERED = frozenset({"triggered", "containerTriggered", "split"})
"""Departures that wait for somebody to board, or for a train to be divided."""

SLOW_CLASSES = {
    "bicycle": 5.56, "moped": 12.5, "scooter": 4.44, "wheelchair": 0.64, "pedestrian": 1.5, "container": 0.0,
    "drone": 2.78,
}  # fmt: skip
"""Vehicle classes that SUMO drives more slowly than 50 km/h, and their greatest speed, m/s."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow of vehicles, persons or containers as its file has it."""

    path: Path
    line: int
    attributes: dict[str, str]


@dataclass(frozen=True, slots=True)
class DemandScan:
    """What one or several files hold.

    Attributes:
        departures: First and last departure of every element, s.
        triggered: Vehicles that depart once somebody boards them; a flow's name has a dot at its end.
        stops: Whether vehicles stop on purpose.
        people: Whether there are persons or containers.
        rare_actions: Whether drivers of some vehicle type do not act in every step.
        slowest: Least of the greatest speeds of the vehicle types, m/s; infinite where none is given.
        junctions: Whether trips begin or end at junctions.
        flows: The flows among the elements.
        paths: The files.
    """

    departures: tuple[tuple[float, float], ...] = ()
    triggered: frozenset[str] = frozenset()
    stops: bool = False
    people: bool = False
    rare_actions: bool = False
    slowest: float = float("inf")
    junctions: bool = False
    flows: tuple[Flow, ...] = ()
    paths: tuple[Path, ...] = ()

    def joined(self, other: DemandScan) -> DemandScan:
        """The content of both."""
        return DemandScan(
            self.departures + other.departures,
            self.triggered | other.triggered,
            self.stops or other.stops,
            self.people or other.people,
            self.rare_actions or other.rare_actions,
            min(self.slowest, other.slowest),
            self.junctions or other.junctions,
            self.flows + other.flows,
            self.paths + other.paths,
        )


def scan_demand(routes: Sequence[Path], additional: Sequence[Path] = ()) -> DemandScan:
    """Scan routes files, whose departures must be in order of time, and additional files, in any order.

    Raises:
        BrokenFileError: If a file cannot be read or is not XML; if departures of a routes file are not in
            order, since SUMO leaves out those that come too late.
    """
    scans = [_scan(path, fingerprint(path), True) for path in routes]
    scans += [_scan(path, fingerprint(path), False) for path in additional]
    return reduce(DemandScan.joined, scans, DemandScan())


@lru_cache(maxsize=32)
def _scan(path: Path, stamp: tuple[int, int], ordered: bool) -> DemandScan:
    departures: list[tuple[float, float]] = []
    triggered: set[str] = set()
    flows: list[Flow] = []
    stops = junctions = people = rare_actions = False
    slowest, latest, depth_of_vehicle, depth = float("inf"), float("-inf"), 0, 0
    parser = expat.ParserCreate()

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal stops, junctions, people, rare_actions, slowest, latest, depth_of_vehicle, depth
        depth += 1
        people |= tag in PEOPLE
        rare_actions |= "actionStepLength" in attributes
        if tag in DEMAND and depth_of_vehicle == 0:
            depth_of_vehicle = depth
            if tag in FLOWS:
                flows.append(Flow(path, parser.CurrentLineNumber, attributes))
            if attributes.get("depart", attributes.get("begin")) in TRIGGERED:
                triggered.add(attributes.get("id", "") + ("." if tag == "flow" else ""))
            else:
                first, last = _departures(attributes)
                if ordered and first < latest:
                    raise _out_of_order(
                        path, parser.CurrentLineNumber, attributes.get("id", ""), first, latest
                    )
                latest = first
                departures.append((first, last))
            junctions |= "fromJunction" in attributes or "toJunction" in attributes
        elif tag == "stop":
            stops = True
        elif tag == "vType":
            slowest = min(slowest, _greatest_speed(attributes))

    def on_end(tag: str) -> None:
        nonlocal depth_of_vehicle, depth
        if depth == depth_of_vehicle:
            depth_of_vehicle = 0
        depth -= 1

    parser.StartElementHandler, parser.EndElementHandler = on_start, on_end
    parse_xml(path, parser)
    return DemandScan(
        tuple(departures),
        frozenset(triggered),
        stops,
        people,
        rare_actions,
        slowest,
        junctions,
        tuple(flows),
        (path,),
    )


def _departures(attributes: dict[str, str]) -> tuple[float, float]:
    """First and last departure of an element of demand, s; a flow without an end goes on for ever."""
    first = time_or_zero(attributes.get("depart") or attributes.get("begin") or "0")
    if "depart" in attributes:
        return first, first
    return first, time_or_zero(attributes["end"]) if "end" in attributes else float("inf")


def _greatest_speed(attributes: dict[str, str]) -> float:
    """Greatest speed of a vehicle type, m/s."""
    try:
        return float(attributes["maxSpeed"])
    except (KeyError, ValueError):
        return SLOW_CLASSES.get(attributes.get("vClass", ""), float("inf"))


def _out_of_order(path: Path, line: int, name: str, first: float, latest: float) -> BrokenFileError:
    return BrokenFileError(
        path,
        f"'{name[:80]}' departs at {first:g} s, after an element of {latest:g} s; SUMO leaves out what is "
        "not in order of time.",
        line,
        "Sort the file, for example with SUMO's tools/route/sort_routes.py.",
    )

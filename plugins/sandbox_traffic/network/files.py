"""Finds the network and routes files that a configuration names, and checks when their vehicles depart."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from xml.parsers import expat

from sandbox.api import BrokenFileError, InvalidValueError, MissingExtraError
from sandbox_traffic.config import GENERATED, SignalConfig
from sandbox_traffic.network.flows import MAX_VEHICLES, departing
from sandbox_traffic.network.times import seconds
from sandbox_traffic.sumo.files import parse_xml
from sandbox_traffic.sumo.safety import check_routes_file

SUMO_RL = "sumo-rl:"
"""Scheme of the networks that the installed sumo-rl package contains, RESCO's maps among them."""

_DEMAND = {"trip", "vehicle", "flow", "person", "personFlow", "container", "containerFlow"}


def find_file(name: str) -> Path:
    """Path of a network or routes file given as a path or as ``sumo-rl:PATH``.

    Raises:
        BrokenFileError: If there is no such file.
        MissingExtraError: If the file is one of sumo-rl's and sumo-rl is not installed.
        InvalidValueError: If the path leaves sumo-rl's folder.
    """
    if not name.startswith(SUMO_RL):
        path = Path(name).expanduser().resolve()
    else:
        spec = importlib.util.find_spec("sumo_rl")
        if spec is None or spec.origin is None:
            raise MissingExtraError("This scenario's map", ["sumo-rl"], "traffic")
        folder = (Path(spec.origin).parent / "nets").resolve()
        path = (folder / name.removeprefix(SUMO_RL)).resolve()
        if not path.is_relative_to(folder):
            raise InvalidValueError(f"'{name}' lies outside sumo-rl's networks.")
    if not path.is_file():
        raise BrokenFileError(name, "no such file.")
    return path


def find_routes(config: SignalConfig) -> Path | None:
    """The routes file that a configuration names, checked; None where its demand is generated.

    Raises:
        BrokenFileError: If the file cannot be read; names file and line.
        InvalidValueError: If no vehicle departs within the time of the episodes.
    """
    if config.routes.startswith(GENERATED):
        return None
    routes = find_file(config.routes)
    check_routes(routes, config.begin, config.begin + config.window + config.duration)
    return routes


def check_routes(path: Path, begin: int, end: int) -> None:
    """Check that a routes file is well-formed and has a departure between ``begin`` and ``end`` (s).

    SUMO reads routes piece by piece and stops without a message where the XML breaks off.

    Raises:
        BrokenFileError: If the file is not XML (names the line), holds anything but demand, or has no
            vehicles or more than `MAX_VEHICLES` of them.
        InvalidValueError: If no vehicle departs within the episode.
    """
    check_routes_file(path)
    departures: list[tuple[float, float]] = []
    vehicles = 0.0

    def on_start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal vehicles
        if tag in _DEMAND:
            departures.append(_departures(attributes))
            vehicles += departing(attributes, end)
            if not vehicles <= MAX_VEHICLES:
                raise BrokenFileError(
                    path,
                    f"asks for more than {MAX_VEHICLES:,} vehicles in the episode.",
                    parser.CurrentLineNumber,
                )

    parser = expat.ParserCreate()
    parser.StartElementHandler = on_start
    parse_xml(path, parser)
    if not departures:
        raise BrokenFileError(path, "holds no trip, vehicle or flow.")
    if not any(first < end and last >= begin for first, last in departures):
        raise InvalidValueError(
            f"No vehicle of {path} departs between begin = {begin} s and {end} s.",
            f"The first departs at {min(departures)[0]:g} s: set begin and duration to match.",
        )


def _departures(attributes: dict[str, str]) -> tuple[float, float]:
    """First and last departure of an element of demand, s; a flow without an end goes on for ever."""
    first = seconds(attributes.get("depart") or attributes.get("begin") or "0")
    if "depart" in attributes:
        return first, first
    return first, seconds(attributes["end"]) if "end" in attributes else float("inf")

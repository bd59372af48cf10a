"""The vehicles of an episode: those of routes files, or drawn for generated networks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.network.demand import type_attributes
from sandbox_traffic.network.generated import draw_vehicles
from sandbox_traffic.network.reader import elements
from sandbox_traffic.sumo.times import seconds
from sandbox_traffic.twin.arrays import Floats, Integers
from sandbox_traffic.twin.roads import WAY_OUT, RoadMap
from sandbox_traffic.twin.routes import RouteBook
from sandbox_traffic.twin.vehicles import Kind, make_kind

MANY = 1000
"""SUMO scales demand in thousandths."""

REFUSED = {
    "person": "walkers", "personFlow": "walkers", "container": "containers", "containerFlow": "containers",
    "routeDistribution": "distributions of routes", "vTypeDistribution": "distributions of types",
    "stop": "stops", "rerouter": "rerouters", "busStop": "stops", "parkingArea": "parking areas",
    "taz": "zones", "trainStop": "stops", "calibrator": "calibrators", "variableSpeedSign": "speed signs",
}  # fmt: skip
"""Elements that the twin has no rule for, and what they are."""

ZONES = ("fromTaz", "toTaz", "fromJunction", "toJunction")

COLUMNS = 5
"""Of a vehicle: departure, s, first and last place of its route, first edge, and kind."""

Way = tuple[tuple[str, ...], str]
"""Names of a generated vehicle's edges, and of its type."""

Begin = tuple[int, int, int, int]
"""First and last place of its route, first edge, and kind."""

_DRIVERS = 4
"""Stream of random numbers of drivers and departures, beside those of `write_demand`."""


class Departures(NamedTuple):
    """The vehicles of an episode in order of their scheduled departure.

    Attributes:
        depart: Scheduled departure, s, shape ``(vehicles,)``.
        first, last: Places of their routes, see `RouteBook.steps`.
        origin: Edges that they depart from.
        profile: Their kinds.
        factor: Desired speed as a share of the limit.
    """

    depart: Floats
    first: Integers
    last: Integers
    origin: Integers
    profile: Integers
    factor: Floats


@dataclass(frozen=True, slots=True)
class _Source:
    """A vehicle or a flow of a file; of a vehicle, ``begin`` is its departure and ``period`` 0."""

    begin: float
    end: float
    period: float
    probability: float
    rate: float
    number: float
    route: tuple[int, int, int]
    profile: int

    def times(self, begin: float, end: float, rng: np.random.Generator) -> Floats:
        """Departures from ``begin`` on and before ``end``, s."""
        last = min(self.end, end)
        if self.probability:
            whole = np.arange(np.ceil(max(self.begin, begin)), last)
            return whole[rng.random(len(whole)) < self.probability]
        if self.rate:
            expected = int((last - self.begin) * self.rate * 1.2) + 50
            times = self.begin + np.cumsum(rng.exponential(1.0 / self.rate, expected))
        elif self.period:
            count = min(np.ceil((last - self.begin) / self.period), self.number)
            times = self.begin + self.period * np.arange(max(count, 0.0))
        else:
            times = np.array([self.begin])
        return times[(times >= begin) & (times < last)] if self.period or self.rate else times[times >= begin]


class Demand:
    """Draws the vehicles of episodes.

    Args:
        config: The parameters.
        files: Routes files, or none where demand is generated.
        additional: Additional files, which may hold types and routes.
        roadmap: The network.

    Attributes:
        book: All routes so far.
        kinds: All kinds of vehicles.
    """

    def __init__(
        self, config: SignalConfig, files: Sequence[Path], additional: Sequence[Path], roadmap: RoadMap
    ) -> None:
        self.book = RouteBook(roadmap)
        self.kinds: list[Kind] = []
        self._config, self._map = config, roadmap
        self._numbers: dict[tuple[tuple[str, str], ...], int] = {}
        self._types: dict[str, Mapping[str, str]] = {}
        self._routes: dict[str, tuple[int, ...]] = {}
        self._generated: dict[str, int] = {}
        self._begins: dict[Way, Begin] = {}
        self._sources: list[_Source] = []
        self._vehicles = np.zeros((0, COLUMNS))
        if files:
            found = [source for file in (*additional, *files) for source in self._read(file)]
            single = [each for each in found if not (each.period or each.probability or each.rate)]
            self._sources = [each for each in found if each.period or each.probability or each.rate]
            rows = [(each.begin, *each.route, each.profile) for each in single]
            self._vehicles = np.array(rows, dtype=np.float64).reshape(-1, COLUMNS)
        else:
            for name, attributes in type_attributes().items():
                if name == "car" or getattr(config, _SHARES[name], False):
                    departure = {"departLane": "best", "departSpeed": "max"}
                    self._generated[name] = self._kind({"id": name, **attributes}, departure)

    def draw(self, seed: int, scale: float, begin: float, end: float) -> Departures:
        """The vehicles of an episode.

        Args:
            seed: Of the episode.
            scale: Factor on their number.
            begin, end: Of the episode, s.
        """
        rng = np.random.default_rng([seed, _DRIVERS])
        if self._generated:
            table = self._drawn(seed, scale, begin, end)
        else:
            table = self._of_files(scale, begin, end, rng)
        table = table[table[:, 0] <= end]
        first, last, origin, kinds = (
            np.ascontiguousarray(table[:, column], np.int32) for column in range(1, COLUMNS)
        )
        return Departures(
            np.ascontiguousarray(table[:, 0]), first, last, origin, kinds, self.factors(kinds, rng)
        )

    def _drawn(self, seed: int, scale: float, begin: float, end: float) -> NDArray[np.float64]:
        """Vehicles of a generated network; which of its few routes each takes is looked up."""
        vehicles, names = draw_vehicles(self._config, seed, scale)
        departs = np.array([self._config.begin + round(time, 2) for time, _ in vehicles])
        inside = (departs >= begin) & (departs <= end)
        ways = compress(zip((tuple(way) for _, way in vehicles), names, strict=True), inside.tolist())
        rest = np.array([self._begins.get(way) or self._begin_of(way) for way in ways], dtype=np.float64)
        return np.column_stack((departs[inside], rest.reshape(-1, COLUMNS - 1)))

    def factors(self, kinds: Integers, rng: np.random.Generator) -> Floats:
        """Desired speeds of drivers as shares of the limit, shape as ``kinds``."""
        mean, spread, low, high = np.array([kind.factor for kind in self.kinds]).T[:, kinds]
        factors: Floats = np.clip(mean + spread * rng.standard_normal(len(kinds)), low, high)
        return factors

    def _of_files(
        self, scale: float, begin: float, end: float, rng: np.random.Generator
    ) -> NDArray[np.float64]:
        parts = [self._vehicles[self._vehicles[:, 0] >= begin]]
        for source in self._sources:
            times = source.times(begin, end, rng)
            parts.append(
                np.column_stack((times, np.full((len(times), COLUMNS - 1), (*source.route, source.profile))))
            )
        table = np.concatenate(parts)
        table = table[np.argsort(table[:, 0], kind="stable")]
        if scale != 1.0:
            whole, rest = divmod(round(scale * MANY), MANY)
            more = (np.arange(len(table)) % MANY) * rest % MANY < rest
            table = np.repeat(table, whole + more.astype(np.int64), axis=0)
        if self._config.depart_jitter:
            table[:, 0] += rng.uniform(0.0, self._config.depart_jitter, len(table))
        order: NDArray[np.float64] = table[np.argsort(table[:, 0], kind="stable")]
        return order

    def _read(self, file: Path) -> Iterator[_Source]:
        for element in elements(file):
            if element.tag in REFUSED:
                raise InvalidValueError(f"The twin has no {REFUSED[element.tag]}, as in {file}.", WAY_OUT)
            match element.tag:
                case "vType":
                    self._types[element.attrib["id"]] = dict(element.attrib)
                case "route":
                    self._routes[element.attrib["id"]] = self._edges(element, file)
                case "vehicle" | "trip" | "flow":
                    yield self._source(element, file)

    def _source(self, element: Element, file: Path) -> _Source:
        for child in element:
            if child.tag in REFUSED:
                raise InvalidValueError(f"The twin has no {REFUSED[child.tag]}, as in {file}.", WAY_OUT)
        name = element.get("type", "DEFAULT_VEHTYPE")
        profile = self._kind(self._types.get(name, {"id": name}), element.attrib)
        vclass = self.kinds[profile].vclass
        route = self._route(self._way(element, file, vclass), vclass)
        if element.tag != "flow":
            time = self._time(element, "depart", file)
            return _Source(time, float("inf"), 0.0, 0.0, 0.0, 1.0, route, profile)
        begin = self._time(element, "begin", file) if "begin" in element.attrib else 0.0
        end = self._time(element, "end", file) if "end" in element.attrib else 86_400.0
        return _flow(element, begin, end, route, profile, file)

    def _time(self, element: Element, key: str, file: Path) -> float:
        try:
            return seconds(element.attrib[key])
        except (KeyError, ValueError):
            text = element.get(key, "missing")
            raise InvalidValueError(
                f"The twin has no departures at {key} = {text[:40]}, as in {file}.", WAY_OUT
            ) from None

    def _way(self, element: Element, file: Path, vclass: str) -> tuple[int, ...]:
        for key in ZONES:
            if key in element.attrib:
                raise InvalidValueError(f"The twin has no trips between zones, as in {file}.", WAY_OUT)
        child = element.find("route")
        if child is not None:
            return self._edges(child, file)
        if "route" in element.attrib:
            if element.attrib["route"] not in self._routes:
                raise InvalidValueError(f"{file} names no route '{element.attrib['route'][:80]}'.", WAY_OUT)
            return self._routes[element.attrib["route"]]
        names = [element.get("from", ""), *element.get("via", "").split(), element.get("to", "")]
        return self.book.shortest([self._edge(name, file) for name in names], vclass)

    def _route(self, edges: tuple[int, ...], vclass: str) -> tuple[int, int, int]:
        """First and last place of a route, and its first edge."""
        return (*self.book.add(edges, vclass), edges[0])

    def _begin_of(self, way: Way) -> Begin:
        """Where a generated vehicle begins, kept for those that go the same way."""
        names, kind = way
        profile = self._generated[kind]
        edges = tuple(self._map.edges[name] for name in names)
        self._begins[way] = begin = (*self._route(edges, self.kinds[profile].vclass), profile)
        return begin

    def _edges(self, route: Element, file: Path) -> tuple[int, ...]:
        return tuple(self._edge(name, file) for name in route.get("edges", "").split())

    def _edge(self, name: str, file: Path) -> int:
        if name not in self._map.edges:
            raise InvalidValueError(f"{file} names no edge '{name[:80]}' of the network.", WAY_OUT)
        return self._map.edges[name]

    def _kind(self, vehicle_type: Mapping[str, str], departure: Mapping[str, str]) -> int:
        chosen = {
            key: value for key, value in departure.items() if key.startswith("depart") and key != "depart"
        }
        key = (*sorted(vehicle_type.items()), *sorted(chosen.items()))
        if key not in self._numbers:
            self._numbers[key] = len(self.kinds)
            self.kinds.append(make_kind(vehicle_type, chosen))
        return self._numbers[key]


_SHARES = {"bus": "buses", "emergency": "emergency", "bicycle": "bicycles", "car": ""}
"""Parameters of generated demand by type."""


def _flow(
    element: Element, begin: float, end: float, route: tuple[int, int, int], profile: int, file: Path
) -> _Source:
    """A flow by what it says of how often its vehicles depart."""
    attributes = element.attrib
    number = float(attributes.get("number", "inf"))
    period = probability = rate = 0.0
    text = attributes.get("period", "")
    if "probability" in attributes:
        probability = float(attributes["probability"])
    elif text.startswith("exp("):
        rate = float(text[4:-1])
    elif text:
        period = seconds(text)
    elif "vehsPerHour" in attributes or "perHour" in attributes:
        period = 3600.0 / float(attributes.get("vehsPerHour", attributes.get("perHour", "0")))
    elif number < float("inf"):
        period = (end - begin) / number
    if not (period > 0.0 or probability > 0.0 or rate > 0.0):
        raise InvalidValueError(f"{file} has a flow that never departs.", WAY_OUT)
    return _Source(begin, end, period, probability, rate, number, route, profile)

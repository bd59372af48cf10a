"""The roads of a network as arrays for compiled code: lanes, the links between them, and who gives way.

Everything is read from the network file. A link leads from a lane to a lane of the next edge, over one inner
lane or two; where there are two, vehicles that give way wait between them, inside the junction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from sandbox.api import InvalidValueError
from sandbox_traffic.network.reader import elements
from sandbox_traffic.twin.arrays import (
    APART,
    CONFLICT,
    EDGE,
    EQUAL,
    LANE,
    LINK,
    MAJOR,
    MERGES,
    MINOR,
    STOP,
    ZIPPER,
    Records,
)  # fmt: skip
from sandbox_traffic.twin.geometry import Points, crossing, read_shape

WAY_OUT = "Use traffic/signal or traffic/signals on SUMO (simulator: sumo)."

NOT_DRIVEN = frozenset({"crossing", "walkingarea"})
"""Functions of edges for pedestrians."""

RIGHTS = {"m": MINOR, "o": MINOR, "s": STOP, "w": STOP, "=": EQUAL, "Z": ZIPPER}
"""Lights of links without a signal by SUMO's state; all others have priority."""

GIVING_WAY, TURNING_ROUND = 1.5, 5.0
"""Time for which a link that gives way and a turnaround count when ways are searched, s (SUMO's
``--weights.minor-penalty`` and ``--weights.turnaround-penalty``)."""

RAILS = frozenset({"rail_signal", "rail_crossing"})


class Roads(NamedTuple):
    """A network: records of `LANE`, `EDGE`, `LINK` and `CONFLICT` of `sandbox_traffic.twin.arrays`."""

    lanes: Records
    edges: Records
    links: Records
    conflicts: Records


@dataclass(slots=True)
class _Link:
    source: str
    target: str
    inner: tuple[str, ...]
    signal: str
    light: int
    state: str
    direction: str


@dataclass(slots=True)
class _Contents:
    """What has been read of a file."""

    lanes: list[str] = field(default_factory=list)
    length: list[float] = field(default_factory=list)
    lengths: dict[str, float] = field(default_factory=dict)
    limit: list[float] = field(default_factory=list)
    edge: list[int] = field(default_factory=list)
    place: list[int] = field(default_factory=list)
    shapes: dict[str, Points] = field(default_factory=dict)
    closed: dict[str, frozenset[str]] = field(default_factory=dict)
    opened: dict[str, frozenset[str]] = field(default_factory=dict)
    edges: dict[str, list[int]] = field(default_factory=dict)
    connections: list[Element] = field(default_factory=list)
    junctions: list[Element] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class RoadMap:
    """Arrays of a network and the names behind them.

    Attributes:
        roads: The arrays.
        lanes: Number of each lane by id.
        edges: Number of each edge by id.
        successors: Edges that follow each edge, with the least time that the link between takes, s.
        shapes: Shape of each lane, for pictures.
        contents: Permissions by lane.
    """

    roads: Roads
    lanes: Mapping[str, int]
    edges: Mapping[str, int]
    successors: Mapping[int, Mapping[int, float]]
    shapes: Sequence[Points]
    opened: Mapping[str, frozenset[str]]
    closed: Mapping[str, frozenset[str]]

    def admits(self, vclass: str) -> NDArray[np.bool_]:
        """Which lanes vehicles of a class may use, shape ``(lanes,)``."""
        return np.array([self._admits(name, vclass) for name in self.lanes], dtype=np.bool_)

    def _admits(self, lane: str, vclass: str) -> bool:
        opened = self.opened.get(lane)
        if opened is not None:
            return vclass in opened or "all" in opened
        closed = self.closed.get(lane, frozenset())
        return vclass not in closed and "all" not in closed


def read_roads(path: Path, signals: Sequence[str]) -> RoadMap:
    """Read a network file.

    Args:
        path: The file, which has been checked.
        signals: Ids of the signals, in the order of their numbers; programs of others do not change.

    Raises:
        InvalidValueError: If the network has rails, or junctions that the twin has no rule for.
    """
    contents = _Contents()
    for element in elements(path):
        match element.tag:
            case "edge":
                _read_edge(element, contents)
            case "connection":
                contents.connections.append(element)
            case "junction":
                _check_junction(element)
                contents.junctions.append(element)
    number = {name: place for place, name in enumerate(contents.lanes)}
    links = _read_links(contents, number)
    return _make_map(contents, number, links, {name: place for place, name in enumerate(signals)})


def _check_junction(element: Element) -> None:
    kind = element.get("type", "")
    if kind in RAILS:
        raise InvalidValueError(f"The twin has no rails: junction '{element.get('id')}' is one.", WAY_OUT)


def _read_edge(element: Element, contents: _Contents) -> None:
    function = element.get("function", "normal")
    if function in NOT_DRIVEN:
        return
    inner, edge = function == "internal", len(contents.edges)
    rows: list[int] = []
    for lane in element.iter("lane"):
        name = lane.attrib["id"]
        rows.append(len(contents.lanes))
        contents.lanes.append(name)
        contents.length.append(float(lane.attrib["length"]))
        contents.lengths[name] = contents.length[-1]
        contents.limit.append(float(lane.attrib["speed"]))
        contents.edge.append(-1 if inner else edge)
        contents.place.append(int(lane.attrib["index"]))
        contents.shapes[name] = read_shape(lane.attrib["shape"])
        for attribute, sets in (("allow", contents.opened), ("disallow", contents.closed)):
            if attribute in lane.attrib:
                sets[name] = frozenset(lane.attrib[attribute].split())
    if not inner:
        contents.edges[element.attrib["id"]] = rows


def _read_links(contents: _Contents, number: Mapping[str, int]) -> list[_Link]:
    """The links between edges, each with its inner lanes."""
    onward = {}
    for element in contents.connections:
        if element.attrib["from"].startswith(":"):
            onward[_ends(element)[0]] = element.get("via")
    links = []
    for element in contents.connections:
        source, target = _ends(element)
        if element.attrib["from"].startswith(":") or source not in number or target not in number:
            continue
        inner: list[str] = []
        via = element.get("via")
        while via is not None and via in number and via not in inner:
            inner.append(via)
            via = onward.get(via)
        links.append(
            _Link(
                source,
                target,
                tuple(inner),
                element.get("tl", ""),
                int(element.get("linkIndex", -1)),
                element.get("state", "M"),
                element.get("dir", "s"),
            )
        )
    return links


def _ends(element: Element) -> tuple[str, str]:
    start, end = element.attrib["from"], element.attrib["to"]
    return f"{start}_{element.attrib['fromLane']}", f"{end}_{element.attrib['toLane']}"


def _make_map(
    contents: _Contents, number: Mapping[str, int], links: list[_Link], signals: Mapping[str, int]
) -> RoadMap:
    lanes, table = np.zeros(len(number), LANE), np.zeros(len(links), LINK)
    lanes["length"], lanes["limit"] = contents.length, contents.limit
    lanes["edge"], lanes["place"] = contents.edge, contents.place
    lanes["following"] = lanes["link"] = lanes["loop"] = -1
    successors: dict[int, dict[int, float]] = defaultdict(dict)
    for place, (link, record) in enumerate(zip(links, table, strict=True)):
        way = [number[name] for name in link.inner]
        covered = seconds = 0.0
        for lane, after in zip(way, [*way[1:], number[link.target]], strict=True):
            lanes[["following", "link", "passed"]][lane] = after, place, covered
            covered += lanes["length"][lane]
            seconds += lanes["length"][lane] / lanes["limit"][lane]
        seconds += _penalty(link, len(way))
        signal = signals.get(link.signal, -1)
        record["halfway"], record["way"] = lanes["length"][way[0]] if len(way) > 1 else 0.0, covered
        record["source"], record["target"] = number[link.source], number[link.target]
        record["inner"] = number[(*link.inner, link.target)[0]]
        record["signal"], record["light"] = signal, link.light if signal >= 0 else -1
        record["right"] = RIGHTS.get(link.state, MAJOR)
        start, end = contents.edge[number[link.source]], contents.edge[number[link.target]]
        successors[start][end] = min(seconds, successors[start].get(end, np.inf))
    conflicts = _conflicts(contents, links, table)
    edges = np.array([(rows[0] if rows else 0, len(rows)) for rows in contents.edges.values()], EDGE)
    names = {name: place for place, name in enumerate(contents.edges)}
    shapes = [contents.shapes[name] for name in contents.lanes]
    roads = Roads(lanes, edges, table, conflicts)
    return RoadMap(roads, number, names, successors, shapes, contents.opened, contents.closed)


def _penalty(link: _Link, inner: int) -> float:
    """Time that a link seems to take longer when ways are searched, s, as in SUMO.

    Args:
        link: The link.
        inner: Number of its inner lanes; of two, the second one has no signal of its own and gives way.
    """
    minor = link.state in RIGHTS
    penalty = GIVING_WAY * (minor and not link.signal) + GIVING_WAY * max(inner - 1, 0)
    return penalty + TURNING_ROUND * (link.direction == "t")


def _conflicts(contents: _Contents, links: list[_Link], table: Records) -> Records:
    """Conflicts of all links, by link; sets the first and the end of each."""
    by_lane = {name: place for place, link in enumerate(links) for name in link.inner}
    rows: list[list[tuple[float, float, int, bool]]] = [[] for _ in links]
    for junction in contents.junctions:
        if junction.get("type") == "internal":
            continue
        places = [by_lane.get(name) for name in junction.get("intLanes", "").split()]
        for request in junction.iter("request"):
            index = int(request.attrib["index"])
            link = places[index] if index < len(places) else None
            if link is None:
                continue
            response, others = request.attrib["response"][::-1], request.attrib["foes"][::-1]
            for other, bit in enumerate(others):
                foe = places[other] if other < len(places) else None
                if bit == "1" and foe is not None and foe != link:
                    ways = _ways(contents, links[link]), _ways(contents, links[foe])
                    merges = links[link].target == links[foe].target
                    mine, theirs = (MERGES, MERGES) if merges else _place(*ways)
                    rows[link].append((mine, theirs, foe, response[other] == "1"))
    ends = np.cumsum([0, *map(len, rows)])
    table["first"], table["end"] = ends[:-1], ends[1:]
    return np.array([item for row in rows for item in row], CONFLICT)


def _ways(contents: _Contents, link: _Link) -> tuple[Points, float]:
    """Shape and length of the inner lanes of a link."""
    shape = np.concatenate([contents.shapes[name] for name in link.inner])
    return shape, sum(contents.lengths[name] for name in link.inner)


def _place(way: tuple[Points, float], foe: tuple[Points, float]) -> tuple[float, float]:
    """Distance from the stop lines to where two links cross, m; `APART` where they do not."""
    mine, theirs = crossing(way[0], foe[0])
    return (APART, APART) if mine < 0.0 else (mine * way[1], theirs * foe[1])

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
from sandbox_traffic.twin.geometry import Points, crossing, read_shape

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

WAY_OUT = "Use traffic/signal or traffic/signals on SUMO (simulator: sumo)."

NOT_DRIVEN = frozenset({"crossing", "walkingarea"})
"""Functions of edges for pedestrians."""

RAILS = frozenset({"rail_signal", "rail_crossing"})


class Roads(NamedTuple):
    """A network; lanes in the order of the file, inner lanes among them.

    Attributes:
        length: Of each lane, m.
        limit: Speed limit of each lane, m/s.
        edge: Edge of each lane, −1 for inner lanes.
        place: Number of each lane within its edge, from the right.
        following: For inner lanes, the next lane; −1 otherwise.
        link: For inner lanes, the link that they belong to; −1 otherwise.
        passed: For inner lanes, length of the link before them, m.
        first_lane, lanes: First lane and number of lanes of each edge.
        source, target: Lane before and after each link.
        inner: First lane on each link, the target where it has no inner lane.
        signal, light: Signal of each link and its place in the states; −1 without a signal.
        minor: Whether a link without a signal gives way.
        halfway: Distance from the stop line to the point where vehicles wait inside the junction, m; 0 where
            they wait before it.
        foes: First conflict of each link, shape ``(links + 1,)``.
        foe: The other link of each conflict.
        yields: Whether the link gives way in it.
        mine, theirs: Distance from the stop lines to where they cross, m; −1 where they merge.
    """

    length: Floats
    limit: Floats
    edge: Integers
    place: Integers
    following: Integers
    link: Integers
    passed: Floats
    first_lane: Integers
    lanes: Integers
    source: Integers
    target: Integers
    inner: Integers
    signal: Integers
    light: Integers
    minor: NDArray[np.bool_]
    halfway: Floats
    foes: Integers
    foe: Integers
    yields: NDArray[np.bool_]
    mine: Floats
    theirs: Floats


@dataclass(slots=True)
class _Link:
    source: str
    target: str
    inner: tuple[str, ...]
    signal: str
    light: int
    state: str


@dataclass(slots=True)
class _Contents:
    """What has been read of a file."""

    lanes: list[str] = field(default_factory=list)
    length: list[float] = field(default_factory=list)
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
        successors: Edges that follow each edge, with the least length of the link between, m.
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
    if kind == "zipper":
        raise InvalidValueError(f"The twin has no zipper junctions, as '{element.get('id')}' is.", WAY_OUT)


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
            )
        )
    return links


def _ends(element: Element) -> tuple[str, str]:
    start, end = element.attrib["from"], element.attrib["to"]
    return f"{start}_{element.attrib['fromLane']}", f"{end}_{element.attrib['toLane']}"


def _make_map(
    contents: _Contents, number: Mapping[str, int], links: list[_Link], signals: Mapping[str, int]
) -> RoadMap:
    length = np.array(contents.length)
    lanes = len(length)
    following, owner = np.full(lanes, -1, np.int32), np.full(lanes, -1, np.int32)
    passed, halfway = np.zeros(lanes), np.zeros(len(links))
    successors: dict[int, dict[int, float]] = defaultdict(dict)
    for place, link in enumerate(links):
        way = [number[name] for name in link.inner]
        covered = 0.0
        for lane, after in zip(way, [*way[1:], number[link.target]], strict=True):
            following[lane], owner[lane], passed[lane] = after, place, covered
            covered += length[lane]
        halfway[place] = length[way[0]] if len(way) > 1 else 0.0
        start, end = contents.edge[number[link.source]], contents.edge[number[link.target]]
        successors[start][end] = min(covered, successors[start].get(end, np.inf))
    foes, foe, yields, mine, theirs = _conflicts(contents, links)
    edges = list(contents.edges.values())
    roads = Roads(
        length=length,
        limit=np.array(contents.limit),
        edge=np.array(contents.edge, np.int32),
        place=np.array(contents.place, np.int32),
        following=following,
        link=owner,
        passed=passed,
        first_lane=np.array([rows[0] if rows else 0 for rows in edges], np.int32),
        lanes=np.array([len(rows) for rows in edges], np.int32),
        source=np.array([number[link.source] for link in links], np.int32),
        target=np.array([number[link.target] for link in links], np.int32),
        inner=np.array([number[(*link.inner, link.target)[0]] for link in links], np.int32),
        signal=np.array([signals.get(link.signal, -1) for link in links], np.int32),
        light=np.array([link.light if link.signal in signals else -1 for link in links], np.int32),
        minor=np.array([link.state in "mswo" for link in links], np.bool_),
        halfway=halfway,
        foes=foes,
        foe=foe,
        yields=yields,
        mine=mine,
        theirs=theirs,
    )
    names = {name: place for place, name in enumerate(contents.edges)}
    shapes = [contents.shapes[name] for name in contents.lanes]
    return RoadMap(roads, number, names, successors, shapes, contents.opened, contents.closed)


def _conflicts(
    contents: _Contents, links: list[_Link]
) -> tuple[Integers, Integers, NDArray[np.bool_], Floats, Floats]:
    """Conflicts of all links, by link; see `Roads`."""
    by_lane = {name: place for place, link in enumerate(links) for name in link.inner}
    rows: list[list[tuple[int, bool, float, float]]] = [[] for _ in links]
    length = dict(zip(contents.lanes, contents.length, strict=True))
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
                    mine, theirs = _place(contents, length, links[link], links[foe])
                    rows[link].append((foe, response[other] == "1", mine, theirs))
    flat = [item for row in rows for item in row]
    starts = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    return (
        starts,
        np.array([item[0] for item in flat], np.int32),
        np.array([item[1] for item in flat], np.bool_),
        np.array([item[2] for item in flat], np.float64),
        np.array([item[3] for item in flat], np.float64),
    )


def _place(
    contents: _Contents, length: Mapping[str, float], link: _Link, foe: _Link
) -> tuple[float, float]:
    """Distance from the stop lines to where two links cross, m; −1 where they merge."""
    if link.target == foe.target:
        return -1.0, -1.0
    ways, lengths = [], []
    for each in (link, foe):
        ways.append(np.concatenate([contents.shapes[name] for name in each.inner]))
        lengths.append(sum(length[name] for name in each.inner))
    place = crossing(ways[0], ways[1]) or (0.5, 0.5)
    return place[0] * lengths[0], place[1] * lengths[1]

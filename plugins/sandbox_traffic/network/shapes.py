"""Geometry of lanes, junctions and stop lines, for pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network.reader import elements
from sandbox_traffic.network.roads import RoadNetwork
from sandbox_traffic.network.signals import Signal

Points = NDArray[np.float64]
"""Shape ``(points, 2)``, m; x points east, y north."""

LANE_WIDTH = 3.2
"""Width of a lane where the network gives none, m."""


@dataclass(frozen=True, slots=True)
class Road:
    """A lane or crossing: its centre line in the direction of travel, and its width, m."""

    lane: str
    points: Points
    width: float


@dataclass(frozen=True, slots=True)
class StopLine:
    """The end of a signalled lane.

    Attributes:
        signal: Index of its signal among those controlled.
        links: Places of the lane's links in the signal's states.
        ends: Both ends of the line, m, shape ``(2, 2)``.
        heading: Unit vector in the direction of travel, shape ``(2,)``.
    """

    signal: int
    links: tuple[int, ...]
    ends: Points
    heading: NDArray[np.float64]

    @property
    def middle(self) -> NDArray[np.float64]:
        """Middle of the line, m, shape ``(2,)``."""
        point: NDArray[np.float64] = self.ends.mean(axis=0)
        return point


@dataclass(frozen=True, slots=True)
class Shapes:
    """Geometry of a network; ``low`` and ``high`` are its south-western and north-eastern corners, m."""

    roads: tuple[Road, ...]
    crossings: tuple[Road, ...]
    junctions: tuple[Points, ...]
    stops: tuple[StopLine, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def read_shapes(network: RoadNetwork) -> Shapes:
    """Read the geometry of a network from its file."""
    roads, crossings, junctions = _read(network.path)
    by_lane = {road.lane: road for road in roads}
    stops = [
        _stop_line(number, signal, row, by_lane[lane])
        for number, signal in enumerate(network.signals)
        for row, lane in enumerate(signal.incoming)
    ]
    points = np.concatenate([road.points for road in roads])
    return Shapes(roads, crossings, junctions, tuple(stops), points.min(axis=0), points.max(axis=0))


@lru_cache(maxsize=8)
def _read(path: Path) -> tuple[tuple[Road, ...], tuple[Road, ...], tuple[Points, ...]]:
    roads: list[Road] = []
    crossings: list[Road] = []
    junctions: list[Points] = []
    for element in elements(path):
        function = element.get("function", "normal")
        if element.tag == "edge" and function in ("normal", "crossing"):
            group = roads if function == "normal" else crossings
            for lane in element.iter("lane"):
                width = float(lane.get("width", LANE_WIDTH))
                group.append(Road(lane.attrib["id"], _points(lane.attrib["shape"]), width))
        elif element.tag == "junction" and element.get("shape"):
            junctions.append(_points(element.attrib["shape"]))
    return tuple(roads), tuple(crossings), tuple(shape for shape in junctions if len(shape) > 2)


def _points(text: str) -> Points:
    return np.array([[float(part) for part in point.split(",")[:2]] for point in text.split()])


def _stop_line(number: int, signal: Signal, row: int, road: Road) -> StopLine:
    direction = road.points[-1] - road.points[-2]
    heading = direction / max(float(np.hypot(*direction)), 1e-9)
    across = np.array([-heading[1], heading[0]]) * road.width / 2
    links = tuple(
        signal.links[movement] for movement in np.flatnonzero(signal.movements[:, 0] == row).tolist()
    )
    return StopLine(number, links, np.stack((road.points[-1] - across, road.points[-1] + across)), heading)

"""Routes: the shortest ways of trips, and what each lane of a route's edges is good for."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_traffic.twin.arrays import Flags, Routes
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.roads import WAY_OUT, Integers, RoadMap, Roads

FARTHEST = 3000.0
"""Distance beyond which it makes no difference how far a lane leads, m."""

MINOR_PENALTY = 1.5
"""What a link that gives way costs in the choice of routes, s (SUMO's ``weights.minor-penalty``)."""


class RouteBook:
    """All routes of a network that have been asked for; equal ones are kept once.

    Args:
        roadmap: The network.
    """

    def __init__(self, roadmap: RoadMap) -> None:
        self._map = roadmap
        self._width = int(roadmap.roads.lanes.max())
        self._known: dict[tuple[tuple[int, ...], str], int] = {}
        self._shortest: dict[tuple[int, int, str], tuple[int, ...]] = {}
        self._admits: dict[str, Flags] = {}
        self._order, self._starts = _links_by_lane(roadmap.roads)
        self._count = self._places = 0
        self._arrays = self._allocate(64, 256)

    def admits(self, vclass: str) -> Flags:
        """Which lanes a class of vehicles may use, shape ``(lanes,)``."""
        if vclass not in self._admits:
            self._admits[vclass] = self._map.admits(vclass)
        return self._admits[vclass]

    @property
    def routes(self) -> Routes:
        """The routes so far."""
        return self._arrays

    def add(self, edges: tuple[int, ...], vclass: str) -> int:
        """Number of the route over these edges.

        Raises:
            InvalidValueError: If no lane leads from one edge to the next.
        """
        known = self._known.get((edges, vclass))
        if known is not None:
            return known
        self._grow(len(edges))
        number, first = self._count, self._places
        arrays = self._arrays
        end = first + len(edges)
        arrays.edge[first:end] = edges
        arrays.start[number], arrays.start[number + 1] = first, end
        roads = self._map.roads
        if not fill(roads, self._order, self._starts, self.admits(vclass), arrays, first, end):
            names = list(self._map.edges)
            ways = " ".join(names[edge] for edge in edges)
            raise InvalidValueError(f"A route has no connection between its edges: {ways[:200]}.", WAY_OUT)
        self._count, self._places = number + 1, end
        self._known[edges, vclass] = number
        return number

    def shortest(self, stops: Sequence[int], vclass: str) -> tuple[int, ...]:
        """The fastest way over some edges at the limit, in order.

        Raises:
            InvalidValueError: If there is none.
        """
        way = [stops[0]]
        for start, end in zip(stops, stops[1:], strict=False):
            key = (start, end, vclass)
            if key not in self._shortest:
                self._shortest[key] = self._search(start, end, vclass)
            way += self._shortest[key][1:]
        return tuple(way)

    def _search(self, start: int, end: int, vclass: str) -> tuple[int, ...]:
        roads, admitted = self._map.roads, self.admits(vclass)
        first = roads.first_lane
        seconds = roads.length[first] / roads.limit[first]
        queue: list[tuple[float, int, int]] = [(0.0, start, -1)]
        before: dict[int, int] = {}
        while queue:
            cost, edge, source = heapq.heappop(queue)
            if edge in before:
                continue
            before[edge] = source
            if edge == end:
                way = [edge]
                while before[way[-1]] >= 0:
                    way.append(before[way[-1]])
                return tuple(reversed(way))
            for other, link in self._map.successors.get(edge, {}).items():
                lanes = slice(first[other], first[other] + roads.lanes[other])
                if other not in before and admitted[lanes].any():
                    step = float(link / max(roads.limit[first[other]], 1.0) + seconds[other])
                    heapq.heappush(queue, (cost + step, other, edge))
        names = list(self._map.edges)
        raise InvalidValueError(f"No road leads from {names[start]} to {names[end]}.", WAY_OUT)

    def _grow(self, places: int) -> None:
        arrays = self._arrays
        if self._count + 2 <= len(arrays.start) and self._places + places <= len(arrays.edge):
            return
        grown = self._allocate(2 * len(arrays.start), 2 * len(arrays.edge) + places)
        for old, new in zip(arrays, grown, strict=True):
            new[: len(old)] = old
        self._arrays = grown

    def _allocate(self, routes: int, places: int) -> Routes:
        shape = (places, self._width)
        return Routes(
            np.zeros(routes, np.int32),
            np.zeros(places, np.int32),
            np.full(shape, -1, np.int32),
            np.zeros(shape, np.int8),
            np.zeros(shape, np.float32),
        )


def _links_by_lane(roads: Roads) -> tuple[Integers, Integers]:
    """Links in the order of the lanes that they leave, and the first of each lane."""
    order = np.argsort(roads.source, kind="stable").astype(np.int32)
    starts = np.searchsorted(roads.source[order], np.arange(len(roads.length) + 1)).astype(np.int32)
    return order, starts


@njit
def fill(
    roads: Roads, order: Integers, starts: Integers, admits: Flags, routes: Routes, first: int, end: int
) -> bool:
    """Find out backwards what the lanes of a route are good for; false if an edge does not lead on."""
    for place in range(end - 1, first - 1, -1):
        edge = routes.edge[place]
        lanes, lane0 = roads.lanes[edge], roads.first_lane[edge]
        leads = False
        for number in range(lanes):
            lane = lane0 + number
            routes.link[place, number], routes.reach[place, number] = -1, roads.length[lane]
            routes.offset[place, number] = 0
            if place == end - 1:
                leads = True
                continue
            farthest, least = -1.0, 127
            for index in range(starts[lane], starts[lane + 1]):
                link = order[index]
                target = roads.target[link]
                if roads.edge[target] != routes.edge[place + 1] or not admits[target]:
                    continue
                reach = routes.reach[place + 1, roads.place[target]]
                change = abs(routes.offset[place + 1, roads.place[target]])
                if reach > farthest + 0.5 or (reach > farthest - 0.5 and change < least):
                    routes.link[place, number] = link
                    farthest, least = reach, change
                    leads = True
            if farthest >= 0.0:
                routes.reach[place, number] = min(farthest + roads.length[lane], FARTHEST)
        if not leads:
            return False
        _offsets(roads, admits, routes, place, lane0, lanes, place == end - 1)
    return True


@njit
def _offsets(
    roads: Roads, admits: Flags, routes: Routes, place: int, lane0: int, lanes: int, last: bool
) -> None:
    """How many lanes to change from each lane of an edge."""
    best = 0.0
    for number in range(lanes):
        if admits[lane0 + number] and (last or routes.link[place, number] >= 0):
            best = max(best, routes.reach[place, number])
    for number in range(lanes):
        nearest = 127
        for other in range(lanes):
            good = admits[lane0 + other] and (last or routes.link[place, other] >= 0)
            if good and routes.reach[place, other] >= best - 0.5 and abs(other - number) < abs(nearest):
                nearest = other - number
        routes.offset[place, number] = nearest if nearest != 127 else 0

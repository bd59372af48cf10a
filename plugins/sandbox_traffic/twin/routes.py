"""Routes: the shortest ways of trips, and what each lane of a route's edges is good for."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sandbox.api import InvalidValueError
from sandbox_traffic.twin.arrays import STEP, Flags, Integers, Steps
from sandbox_traffic.twin.jit import njit
from sandbox_traffic.twin.roads import WAY_OUT, RoadMap, Roads

FARTHEST = 3000.0
"""Distance beyond which it makes no difference how far a lane leads, m."""

ALIKE = 0.5
"""Lanes whose reach differs by less lead equally far, m."""


class RouteBook:
    """All routes of a network that have been asked for; equal ones are kept once.

    Args:
        roadmap: The network.

    Attributes:
        steps: What the lanes are good for at each place of the routes.
    """

    def __init__(self, roadmap: RoadMap) -> None:
        self._map = roadmap
        self._width = int(roadmap.roads.edges["lanes"].max())
        self._known: dict[tuple[tuple[int, ...], str], tuple[int, int]] = {}
        self._shortest: dict[tuple[int, int, str], tuple[int, ...]] = {}
        self._admits: dict[str, Flags] = {}
        self._order, self._starts = _links_by_lane(roadmap.roads)
        self._places = 0
        self.steps: Steps = np.zeros((256, self._width), STEP)

    def admits(self, vclass: str) -> Flags:
        """Which lanes a class of vehicles may use, shape ``(lanes,)``."""
        if vclass not in self._admits:
            self._admits[vclass] = self._map.admits(vclass)
        return self._admits[vclass]

    def add(self, edges: tuple[int, ...], vclass: str) -> tuple[int, int]:
        """First and last place in `steps` of the route over these edges.

        Raises:
            InvalidValueError: If no lane leads from one edge to the next.
        """
        known = self._known.get((edges, vclass))
        if known is not None:
            return known
        first, end = self._places, self._places + len(edges)
        if end > len(self.steps):
            more = np.zeros((len(self.steps) + len(edges), self._width), STEP)
            self.steps = np.concatenate((self.steps, more))
        ways = np.array(edges, np.int32)
        admits = self.admits(vclass)
        if not fill(self._map.roads, self._order, self._starts, admits, self.steps, ways, first):
            names = list(self._map.edges)
            text = " ".join(names[edge] for edge in edges)
            raise InvalidValueError(f"A route has no connection between its edges: {text[:200]}.", WAY_OUT)
        self._places = end
        self._known[edges, vclass] = first, end - 1
        return first, end - 1

    def shortest(self, stops: Sequence[int], vclass: str) -> tuple[int, ...]:
        """The fastest way over some edges at the limit, in order.

        Raises:
            InvalidValueError: If there is none.
        """
        way = [stops[0]]
        for start, end in pairwise(stops):
            key = (start, end, vclass)
            if key not in self._shortest:
                self._shortest[key] = self._search(start, end, vclass)
            way += self._shortest[key][1:]
        return tuple(way)

    def _search(self, start: int, end: int, vclass: str) -> tuple[int, ...]:
        roads, admitted = self._map.roads, self.admits(vclass)
        first, lanes = roads.edges["first"], roads.edges["lanes"]
        limit = roads.lanes["limit"][first]
        seconds = roads.lanes["length"][first] / limit
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
                span = slice(first[other], first[other] + lanes[other])
                if other not in before and admitted[span].any():
                    step = float(link + seconds[other])
                    heapq.heappush(queue, (cost + step, other, edge))
        names = list(self._map.edges)
        raise InvalidValueError(f"No road leads from {names[start]} to {names[end]}.", WAY_OUT)


def _links_by_lane(roads: Roads) -> tuple[Integers, Integers]:
    """Links in the order of the lanes that they leave, and the first of each lane."""
    source = roads.links["source"]
    order = np.argsort(source, kind="stable").astype(np.int32)
    starts = np.searchsorted(source[order], np.arange(len(roads.lanes) + 1)).astype(np.int32)
    return order, starts


@njit
def fill(
    roads: Roads,
    order: Integers,
    starts: Integers,
    admits: Flags,
    steps: Steps,
    edges: Integers,
    first: int,
) -> bool:
    """Find out backwards what the lanes of a route are good for; false if an edge does not lead on."""
    last = len(edges) - 1
    for place in range(last, -1, -1):
        lanes, lane0 = roads.edges[edges[place]].lanes, roads.edges[edges[place]].first
        leads = place == last
        for number in range(lanes):
            lane = lane0 + number
            step = steps[first + place, number]
            step.link, step.reach, step.offset = -1, roads.lanes[lane].length, 0
            if place == last:
                continue
            farthest, least = -1.0, 127
            for index in range(starts[lane], starts[lane + 1]):
                target = roads.links[order[index]].target
                if roads.lanes[target].edge != edges[place + 1] or not admits[target]:
                    continue
                beyond = steps[first + place + 1, roads.lanes[target].place]
                change = abs(beyond.offset)
                further = beyond.reach > farthest + ALIKE
                if further or (beyond.reach > farthest - ALIKE and change < least):
                    step.link = order[index]
                    farthest, least = beyond.reach, change
                    leads = True
            if farthest >= 0.0:
                step.reach = min(farthest + roads.lanes[lane].length, FARTHEST)
        if not leads:
            return False
        _offsets(admits, steps[first + place], lane0, lanes, place == last)
    return True


@njit
def _offsets(admits: Flags, steps: Steps, lane0: int, lanes: int, last: bool) -> None:
    """How many lanes to change from each lane of an edge."""
    best = 0.0
    for number in range(lanes):
        if admits[lane0 + number] and (last or steps[number].link >= 0):
            best = max(best, steps[number].reach)
    for number in range(lanes):
        nearest = 127
        for other in range(lanes):
            good = admits[lane0 + other] and (last or steps[other].link >= 0)
            if good and steps[other].reach >= best - ALIKE and abs(other - number) < abs(nearest):
                nearest = other - number
        steps[number].offset = nearest if nearest != 127 else 0

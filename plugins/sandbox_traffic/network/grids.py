"""Generated grids and arterials: their networks and their demand.

Junctions stand in rows and columns, `SPACING` apart. Every road has three lanes: the two outer ones for
straight on (the outermost also for right turns), the inner one for left turns. Every junction has the four
protected phases of ``single-intersection`` and Webster's program for the network's mean flows; along an
arterial, programs are offset by the travel time between junctions, a green wave. Vehicles enter at the ends
of all roads, turn at random and leave at another end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network import pedestrians
from sandbox_traffic.network.intersection import ARMS, RATE_INTERVAL, SPEED, Program, protected_program
from sandbox_traffic.network.netconvert import Sources, as_sources
from sandbox_traffic.network.pedestrians import SIDEWALK, Pedestrian, crossing_element
from sandbox_traffic.network.webster import SATURATION_FLOW, phase_times

SPACING = 300.0
"""Distance between junctions, and length of the roads at the border, m."""

TURNS = {"l": 0.15, "s": 0.65, "r": 0.20}
"""Shares of left turns, straight on and right turns at a junction, 1."""

LEVELS = {"low": 250.0, "medium": 600.0, "saturated": 1250.0, "peak": 700.0}
"""Mean flow into each road of a grid, vehicles/h; ``peak`` rises and falls during the episode."""

ARTERIAL_FACTORS = (1.3, 0.5)
"""Factors on the flow into an arterial's main road and into its side roads."""

PEAK_SWING = 0.85
"""Relative swing of ``peak`` around its mean: flow · (1 − PEAK_SWING · cos 2πt/T)."""

ROAD_SPREAD = 0.15
"""Standard deviation of the logarithm of a road's level, drawn once an episode (mean level 1)."""

STEP = {"n": (-1, 0), "e": (0, 1), "s": (1, 0), "w": (0, -1)}
"""Steps in row and column to the next junction in each direction; row 0 is the northernmost."""

MAX_SIDE = 20
"""Largest number of rows and of columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows and columns of junctions; an arterial is one row with other flows.

    A road's direction, one of ``n``, ``e``, ``s`` and ``w``, is the direction of travel.
    """

    rows: int
    columns: int
    arterial: bool = False

    @property
    def name(self) -> str:
        """Name in configurations, without the scheme."""
        return f"arterial-{self.columns}" if self.arterial else f"grid-{self.rows}x{self.columns}"

    def inside(self, row: int, column: int) -> bool:
        """Whether there is a junction at this place."""
        return 0 <= row < self.rows and 0 <= column < self.columns

    def junctions(self) -> Iterator[tuple[int, int]]:
        """All junctions, row by row."""
        return ((row, column) for row in range(self.rows) for column in range(self.columns))

    def entries(self) -> list[tuple[int, int, str]]:
        """Roads into the network: the junction that each leads to, and its direction."""
        return [
            (row, column, direction)
            for row, column in self.junctions()
            for direction, (down, right) in STEP.items()
            if not self.inside(row - down, column - right)
        ]

    def flow_factor(self, direction: str) -> float:
        """Factor on the flow of entries in this direction."""
        if not self.arterial:
            return 1.0
        return ARTERIAL_FACTORS[0] if direction in "ew" else ARTERIAL_FACTORS[1]


def parse(name: str) -> Grid | None:
    """The grid or arterial of this name, None if there is none."""
    if match := re.fullmatch(r"grid-(\d{1,2})x(\d{1,2})", name):
        rows, columns = int(match[1]), int(match[2])
        return Grid(rows, columns) if 1 <= rows <= MAX_SIDE and 1 <= columns <= MAX_SIDE else None
    if match := re.fullmatch(r"arterial-(\d{1,2})", name):
        columns = int(match[1])
        return Grid(1, columns, arterial=True) if 2 <= columns <= MAX_SIDE else None
    return None


def program(grid: Grid, sidewalks: bool = False) -> Program:
    """The fixed program of every junction, Webster's plan for the medium level."""
    ratios = []
    for axis in ("ew", "ns"):
        flow = LEVELS["medium"] * grid.flow_factor(axis[0])
        ratios += [
            flow * (TURNS["s"] + TURNS["r"]) / 2 / SATURATION_FLOW,
            flow * TURNS["l"] / SATURATION_FLOW,
        ]
    return protected_program(phase_times(ratios), sidewalks)


def sources(grid: Grid, sidewalks: bool = False) -> Sources:
    """netconvert's input files, with sidewalks and crossings if ``sidewalks``."""
    nodes: dict[str, str] = {}
    edges, connections, logics, controlled = [], [], [], []
    states = program(grid, sidewalks)
    cycle = sum(seconds for _, seconds in states)
    for row, column in grid.junctions():
        junction = _junction(row, column)
        nodes[junction] = _node(grid, row, column)
        for direction, (down, right) in STEP.items():
            other = (row + down, column + right)
            nodes[_place(grid, *other)] = _node(grid, *other)
            edges.append(_edge(grid, (row, column), other, direction, sidewalks))
            if not grid.inside(*other):
                edges.append(_edge(grid, other, (row, column), _turned(direction, 2), sidewalks))
        links = _links(row, column, sidewalks)
        connections += [f"<connection {link}/>" for link in links]
        controlled += [
            f'<connection {link} tl="{junction}" linkIndex="{index}"/>' for index, link in enumerate(links)
        ]
        if sidewalks:
            crossings = enumerate(arm_edges(row, column), len(links))
            connections += [crossing_element(junction, crossed, index) for index, crossed in crossings]
        offset = round(column * SPACING / SPEED) % cycle if grid.arterial else 0
        logics.append(_logic(junction, states, offset))
    return as_sources(list(nodes.values()), edges, connections, [*logics, *controlled])


def _junction(row: int, column: int) -> str:
    return f"j{row}_{column}"


def _road(row: int, column: int, direction: str) -> str:
    """Edge that leads from a place in a direction."""
    return f"{row}_{column}_{direction}"


def _turned(direction: str, quarters: int) -> str:
    """A direction after a turn of so many quarters clockwise."""
    return ARMS[(ARMS.index(direction) + quarters) % 4]


def _place(grid: Grid, row: int, column: int) -> str:
    return _junction(row, column) if grid.inside(row, column) else f"end{row}_{column}"


def _node(grid: Grid, row: int, column: int) -> str:
    name = _place(grid, row, column)
    kind = f'type="traffic_light" tl="{name}"' if grid.inside(row, column) else 'type="dead_end"'
    return f'<node id="{name}" x="{column * SPACING}" y="{-row * SPACING}" {kind}/>'


def _edge(grid: Grid, start: tuple[int, int], end: tuple[int, int], direction: str, sidewalks: bool) -> str:
    return (
        f'<edge id="{_road(*start, direction)}" from="{_place(grid, *start)}" to="{_place(grid, *end)}" '
        f'numLanes="3" speed="{SPEED}"{f" {SIDEWALK}" if sidewalks else ""}/>'
    )


def _logic(junction: str, states: Program, offset: int) -> str:
    phases = "".join(f'<phase duration="{seconds}" state="{state}"/>' for state, seconds in states)
    return f'<tlLogic id="{junction}" type="static" programID="0" offset="{offset}">{phases}</tlLogic>'


def arm_edges(row: int, column: int) -> list[tuple[str, str]]:
    """Edges into and out of a junction on each of its arms, clockwise from the north."""
    edges = []
    for arm in ARMS:
        down, right = STEP[arm]
        edges.append((_road(row + down, column + right, _turned(arm, 2)), _road(row, column, arm)))
    return edges


def _links(row: int, column: int, sidewalks: bool) -> list[str]:
    """Links of a junction in the order of `intersection.links`: by arm, right, straight on twice, left."""
    links = []
    for arm, (source, _) in zip(ARMS, arm_edges(row, column), strict=True):
        # From an arm, clockwise: left is the next one, straight on the one after, then right.
        left, ahead, right = (_turned(arm, quarters) for quarters in (1, 2, 3))
        for exit_arm, lane in ((right, 0), (ahead, 0), (ahead, 1), (left, 2)):
            number = lane + sidewalks  # a sidewalk is lane 0
            target = _road(row, column, exit_arm)
            links.append(f'from="{source}" to="{target}" fromLane="{number}" toLane="{number}"')
    return links


def sample_pedestrians(
    grid: Grid, rng: np.random.Generator, duration: int, hourly: float
) -> list[Pedestrian]:
    """Pedestrians of one episode in order of time, ``hourly`` at each junction on average."""
    sampled: list[Pedestrian] = []
    for junction in grid.junctions():
        sampled += pedestrians.sample_pedestrians(rng, duration, hourly, arm_edges(*junction))
    return sorted(sampled)


def sample_vehicles(
    grid: Grid, rng: np.random.Generator, duration: int, level: str, scale: float = 1.0, side: float = 1.0
) -> list[tuple[float, list[str]]]:
    """Vehicles of one episode in order of time.

    Args:
        grid: The network.
        rng: The episode's generator.
        duration: Length of the episode, s.
        level: One of `LEVELS`.
        scale: Factor on the flow.
        side: Further factor on that from north and south.
    """
    starts = np.arange(0, duration, RATE_INTERVAL)
    lengths = np.minimum(starts + RATE_INTERVAL, duration) - starts
    profile: float | NDArray[np.float64] = 1.0
    if level == "peak":
        profile = 1.0 - PEAK_SWING * np.cos(2 * np.pi * (starts + lengths / 2) / duration)
    vehicles: list[tuple[float, list[str]]] = []
    for row, column, direction in grid.entries():
        spread = rng.lognormal(-(ROAD_SPREAD**2) / 2, ROAD_SPREAD)
        flow = LEVELS[level] * grid.flow_factor(direction) * scale * spread
        flow *= side if direction in "ns" else 1.0
        counts = rng.poisson(flow / 3600.0 * lengths * profile)
        times = np.repeat(starts, counts) + rng.random(int(counts.sum())) * np.repeat(lengths, counts)
        vehicles += [(float(time), _route(grid, rng, row, column, direction)) for time in times]
    return sorted(vehicles)


def _route(grid: Grid, rng: np.random.Generator, row: int, column: int, direction: str) -> list[str]:
    """Edges of a vehicle on its way to a junction.

    After as many turns as the grid is wide, it drives straight on, so that every route ends.
    """
    down, right = STEP[direction]
    edges = [_road(row - down, column - right, direction)]
    turns = 0
    while grid.inside(row, column):
        draw = rng.random()
        quarters = 3 if draw < TURNS["l"] else (1 if draw < TURNS["l"] + TURNS["r"] else 0)
        if turns >= max(grid.rows, grid.columns):
            quarters = 0
        turns += quarters > 0
        direction = _turned(direction, quarters)
        edges.append(_road(row, column, direction))
        down, right = STEP[direction]
        row, column = row + down, column + right
    return edges

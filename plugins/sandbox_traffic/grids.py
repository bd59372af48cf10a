"""Generated grids and arterials: their networks and their seeded demand.

Junctions stand in rows and columns, `SPACING` apart. Every road has three lanes: straight on from the
two outer ones (right turns from the outermost), left turns from the inner one. Every junction has the
four protected phases of the generated single junction and Webster's program for the network's mean
flows; along an arterial, programs are offset by the time from junction to junction, a green wave.
Vehicles enter at the ends of all roads, turn at random and leave at another end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sandbox_traffic import walkers
from sandbox_traffic.generator import SATURATION, SPEED, junction_program, webster
from sandbox_traffic.walkers import SIDEWALK, Walker, crossing

SPACING = 300.0
"""Distance between junctions, and length of the roads into the network, m."""

TURNS = {"l": 0.15, "s": 0.65, "r": 0.20}
"""Shares of left turns, straight on and right turns at a junction."""

LEVELS = {"low": 250.0, "medium": 600.0, "saturated": 1250.0, "peak": 700.0}
"""Mean flow into each road of a grid, vehicles/h; ``peak`` rises and falls again."""

ARTERIAL = (1.3, 0.5)
"""Factors on the flow into an arterial's main road and its side roads."""

PEAK = 0.85
"""``peak`` swings by this share of the mean: flow · (1 − PEAK · cos 2πt/T)."""

INTERVAL = 300
"""Rates are constant over so many seconds."""

ROAD_SPREAD = 0.15
"""Standard deviation of the logarithm of a road's level, drawn once an episode (mean level 1)."""

SIDES = ("n", "e", "s", "w")
"""Clockwise; a road's direction of driving is the side that it heads for."""

STEP = {"n": (-1, 0), "e": (0, 1), "s": (1, 0), "w": (0, -1)}
"""Row and column of the next junction in each direction; row 0 lies in the north."""

LARGEST = 20
"""Most rows and columns."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows and columns of junctions; one row is an arterial if ``arterial``."""

    rows: int
    columns: int
    arterial: bool = False

    @property
    def name(self) -> str:
        """As it stands in a configuration, without the scheme."""
        return f"arterial-{self.columns}" if self.arterial else f"grid-{self.rows}x{self.columns}"

    def inside(self, row: int, column: int) -> bool:
        """Whether there is a junction."""
        return 0 <= row < self.rows and 0 <= column < self.columns

    def junctions(self) -> Iterator[tuple[int, int]]:
        """All junctions, row by row."""
        return ((row, column) for row in range(self.rows) for column in range(self.columns))

    def entries(self) -> list[tuple[int, int, str]]:
        """Roads into the network: the junction that each leads to and the direction of driving."""
        found = []
        for row, column in self.junctions():
            for side, (down, right) in STEP.items():
                if not self.inside(row - down, column - right):
                    found.append((row, column, side))
        return found

    def factor(self, side: str) -> float:
        """Factor on the flow of entries in this direction of driving."""
        if not self.arterial:
            return 1.0
        return ARTERIAL[0] if side in "ew" else ARTERIAL[1]


def parse(name: str) -> Grid | None:
    """The grid or arterial of this name, None if the name is of another form or size."""
    if found := re.fullmatch(r"grid-(\d{1,2})x(\d{1,2})", name):
        rows, columns = int(found[1]), int(found[2])
        return Grid(rows, columns) if 1 <= rows <= LARGEST and 1 <= columns <= LARGEST else None
    if found := re.fullmatch(r"arterial-(\d{1,2})", name):
        columns = int(found[1])
        return Grid(1, columns, arterial=True) if 2 <= columns <= LARGEST else None
    return None


def program(grid: Grid, walks: bool = False) -> list[tuple[str, int]]:
    """States of every junction's fixed program and their times, s, for the medium level."""
    ratios = []
    for axis in ("ew", "ns"):
        flow = LEVELS["medium"] * grid.factor(axis[0])
        ratios += [flow * (TURNS["s"] + TURNS["r"]) / 2 / SATURATION, flow * TURNS["l"] / SATURATION]
    return junction_program(webster(ratios), walks)


def _junction(row: int, column: int) -> str:
    return f"j{row}_{column}"


def _road(row: int, column: int, side: str) -> str:
    """Name of the road that leads from a place in a direction."""
    return f"{row}_{column}_{side}"


def sources(grid: Grid, walks: bool = False) -> dict[str, str]:
    """netconvert's input files by name, with sidewalks and crossings if ``walks``."""
    nodes: dict[str, str] = {}
    edges, connections, logics, controlled = [], [], [], []
    times = program(grid, walks)
    cycle = sum(seconds for _, seconds in times)
    for row, column in grid.junctions():
        nodes[_place(grid, row, column)] = _node(grid, row, column)
        for side, (down, right) in STEP.items():
            other = (row + down, column + right)
            nodes[_place(grid, *other)] = _node(grid, *other)
            edges.append(_edge(grid, (row, column), other, side, walks))
            if not grid.inside(*other):
                back = SIDES[(SIDES.index(side) + 2) % 4]
                edges.append(_edge(grid, other, (row, column), back, walks))
        links = _links(row, column, walks)
        connections += [f"<connection {link}/>" for link in links]
        controlled += [
            f'<connection {link} tl="{_junction(row, column)}" linkIndex="{index}"/>'
            for index, link in enumerate(links)
        ]
        if walks:
            roads = enumerate(arms(row, column), len(links))
            connections += [crossing(_junction(row, column), road, index) for index, road in roads]
        offset = round(column * SPACING / SPEED) % cycle if grid.arterial else 0
        phases = "".join(f'<phase duration="{seconds}" state="{state}"/>' for state, seconds in times)
        logics.append(
            f'<tlLogic id="{_junction(row, column)}" type="static" programID="0" offset="{offset}">'
            f"{phases}</tlLogic>"
        )
    return {
        "nod.xml": "\n".join(["<nodes>", *nodes.values(), "</nodes>"]),
        "edg.xml": "\n".join(["<edges>", *edges, "</edges>"]),
        "con.xml": "\n".join(["<connections>", *connections, "</connections>"]),
        "tll.xml": "\n".join(["<tlLogics>", *logics, *controlled, "</tlLogics>"]),
    }


def _place(grid: Grid, row: int, column: int) -> str:
    return _junction(row, column) if grid.inside(row, column) else f"end{row}_{column}"


def _node(grid: Grid, row: int, column: int) -> str:
    name = _place(grid, row, column)
    kind = f'type="traffic_light" tl="{name}"' if grid.inside(row, column) else 'type="dead_end"'
    return f'<node id="{name}" x="{column * SPACING}" y="{-row * SPACING}" {kind}/>'


def _edge(grid: Grid, start: tuple[int, int], end: tuple[int, int], side: str, walks: bool) -> str:
    return (
        f'<edge id="{_road(*start, side)}" from="{_place(grid, *start)}" to="{_place(grid, *end)}" '
        f'numLanes="3" speed="{SPEED}"{f" {SIDEWALK}" if walks else ""}/>'
    )


def arms(row: int, column: int) -> list[tuple[str, str]]:
    """Roads into and out of a junction on each of its arms, clockwise from the north."""
    found = []
    for index, arm in enumerate(SIDES):
        down, right = STEP[arm]
        heading = SIDES[(index + 2) % 4]
        found.append((_road(row + down, column + right, heading), _road(row, column, arm)))
    return found


def sample_walkers(grid: Grid, rng: np.random.Generator, duration: int, hourly: float) -> list[Walker]:
    """One episode's pedestrians in order of time, ``hourly`` of them at each junction."""
    found: list[Walker] = []
    for place in grid.junctions():
        found += walkers.sample_walkers(rng, duration, hourly, arms(*place))
    return sorted(found)


def _links(row: int, column: int, walks: bool) -> list[str]:
    """Links of a junction in the order of `sandbox_traffic.generator`'s: arms n, e, s, w; r, s, s, l."""
    links = []
    for index, arm in enumerate(SIDES):
        heading = SIDES[(index + 2) % 4]
        down, right = STEP[arm]
        source = _road(row + down, column + right, heading)
        # From arm k (clockwise): left is k + 1, straight on k + 2, right k + 3.
        left, ahead, turned = (SIDES[(index + turn) % 4] for turn in (1, 2, 3))
        for target, lane, exit_lane in ((turned, 0, 0), (ahead, 0, 0), (ahead, 1, 1), (left, 2, 2)):
            road = _road(row, column, target)
            lanes = f'fromLane="{lane + walks}" toLane="{exit_lane + walks}"'  # a sidewalk is lane 0
            links.append(f'from="{source}" to="{road}" {lanes}')
    return links


def sample_routes(
    grid: Grid, rng: np.random.Generator, duration: int, level: str, scale: float = 1.0
) -> list[tuple[float, list[str]]]:
    """One episode's vehicles in order of time: ``(s from the beginning, roads)``."""
    starts = np.arange(0, duration, INTERVAL)
    lengths = np.minimum(starts + INTERVAL, duration) - starts
    wave = 1.0 - PEAK * np.cos(2 * np.pi * (starts + lengths / 2) / duration) if level == "peak" else 1.0
    vehicles = []
    for row, column, side in grid.entries():
        spread = rng.lognormal(-(ROAD_SPREAD**2) / 2, ROAD_SPREAD)
        flow = LEVELS[level] * grid.factor(side) * scale * spread
        counts = rng.poisson(flow / 3600.0 * lengths * wave)
        times = np.repeat(starts, counts) + rng.random(int(counts.sum())) * np.repeat(lengths, counts)
        vehicles += [(float(time), _route(grid, rng, row, column, side)) for time in times]
    return sorted(vehicles)


def _route(grid: Grid, rng: np.random.Generator, row: int, column: int, side: str) -> list[str]:
    """Roads of a vehicle that heads for a junction; after as many turns as the grid is wide it goes on."""
    down, right = STEP[side]
    roads = [_road(row - down, column - right, side)]
    turns = 0
    while grid.inside(row, column):
        draw = rng.random()
        turn = 3 if draw < TURNS["l"] else (1 if draw < TURNS["l"] + TURNS["r"] else 0)
        if turns >= max(grid.rows, grid.columns):
            turn = 0
        turns += turn > 0
        side = SIDES[(SIDES.index(side) + turn) % 4]
        roads.append(_road(row, column, side))
        down, right = STEP[side]
        row, column = row + down, column + right
    return roads

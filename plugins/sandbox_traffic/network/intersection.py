"""The generated network ``single-intersection``: one junction, its program and its demand.

Each of the four arms has two lanes for straight on (the outer one also for right turns) and one for left
turns. There are four protected phases. The direction of the demand shifts during the episode: west-to-east
traffic is heavy at first and east-to-west traffic at the end, and the side road peaks in between. Arrivals
are Poisson, and every episode draws its own level for each arm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.network.netconvert import Sources, as_sources
from sandbox_traffic.network.pedestrians import SIDEWALK, crossing_element, state_with_crossings
from sandbox_traffic.network.webster import SATURATION_FLOW, phase_times

ARMS = ("n", "e", "s", "w")
"""Clockwise: from arm k, left is arm k + 1, straight on k + 2, and right k + 3."""

ARM_LENGTH = 400.0
"""Length of each arm, m."""

SPEED = 13.89
"""Speed limit, m/s."""

YELLOW = 3
"""Yellow of the fixed program, s."""

RATE_INTERVAL = 300
"""Interval in which arrival rates are constant, s."""

ARM_SPREAD = 0.1
"""Standard deviation of the logarithm of an arm's level, drawn once an episode (mean level 1)."""

MEAN_FLOW = {
    "n": (90.0, 320.0, 80.0),
    "e": (130.0, 540.0, 100.0),
    "s": (90.0, 320.0, 80.0),
    "w": (130.0, 540.0, 100.0),
}
"""Mean flow left, straight on and right from every arm, vehicles/h."""

Program = list[tuple[str, int]]
"""States of a fixed program and their times, s."""

Departure = tuple[float, str, str]
"""``(s from the beginning, arm of entry, arm of exit)``."""


class Link(NamedTuple):
    """A link of the junction; ``turn`` is ``l``, ``s`` or ``r``, lanes are numbered from the outside."""

    arm: str
    turn: str
    lane: int
    exit_arm: str
    exit_lane: int


def links() -> list[Link]:
    """Links of the junction in the order of its states: by arm, right, straight on twice, left."""
    made = []
    for index, arm in enumerate(ARMS):
        left, ahead, right = (ARMS[(index + turn) % 4] for turn in (1, 2, 3))
        made += [
            Link(arm, "r", 0, right, 0),
            Link(arm, "s", 0, ahead, 0),
            Link(arm, "s", 1, ahead, 1),
            Link(arm, "l", 2, left, 1),
        ]
    return made


def program(sidewalks: bool = False) -> Program:
    """The junction's fixed program, Webster's plan for its mean flows."""
    ratios = []
    for arms in (("e", "w"), ("n", "s")):
        ratios.append(max((MEAN_FLOW[arm][1] + MEAN_FLOW[arm][2]) / 2 for arm in arms) / SATURATION_FLOW)
        ratios.append(max(MEAN_FLOW[arm][0] for arm in arms) / SATURATION_FLOW)
    return protected_program(phase_times(ratios), sidewalks)


def protected_program(times: list[int], sidewalks: bool = False) -> Program:
    """A program of the four protected phases, each followed by yellow.

    Args:
        times: Time of each phase, yellow included, s.
        sidewalks: Whether the states contain the crossings of the four arms.
    """
    states: Program = []
    phases = (("ew", "sr"), ("ew", "l"), ("ns", "sr"), ("ns", "l"))
    for (axis, turns), time in zip(phases, times, strict=True):
        green = "".join("G" if link.arm in axis and link.turn in turns else "r" for link in links())
        if sidewalks:
            crossings = ["s" in turns and arm not in axis for arm in ARMS]
            green = state_with_crossings(green, [link.turn for link in links()], crossings)
        states += [(green, time - YELLOW), (green.replace("G", "y").replace("g", "y"), YELLOW)]
    return states


def sources(sidewalks: bool = False) -> Sources:
    """netconvert's input files, with sidewalks and crossings if ``sidewalks``."""
    directions = {"n": (0.0, 1.0), "e": (1.0, 0.0), "s": (0.0, -1.0), "w": (-1.0, 0.0)}
    nodes = ['<node id="c" x="0" y="0" type="traffic_light" tl="c"/>']
    edges, connections, controlled = [], [], []
    for arm in ARMS:
        x, y = directions[arm]
        nodes.append(f'<node id="{arm}" x="{x * ARM_LENGTH}" y="{y * ARM_LENGTH}" type="dead_end"/>')
        road = f'speed="{SPEED}"' + (f" {SIDEWALK}" if sidewalks else "")
        edges.append(f'<edge id="{arm}_in" from="{arm}" to="c" numLanes="3" {road}/>')
        edges.append(f'<edge id="{arm}_out" from="c" to="{arm}" numLanes="2" {road}/>')
    for index, link in enumerate(links()):
        # A sidewalk is lane 0.
        lanes = f'fromLane="{link.lane + sidewalks}" toLane="{link.exit_lane + sidewalks}"'
        connection = f'from="{link.arm}_in" to="{link.exit_arm}_out" {lanes}'
        connections.append(f"<connection {connection}/>")
        controlled.append(f'<connection {connection} tl="c" linkIndex="{index}"/>')
    if sidewalks:
        crossings = enumerate(arm_edges(), len(controlled))
        connections += [crossing_element("c", crossed, index) for index, crossed in crossings]
    phases = [f'<phase duration="{time}" state="{state}"/>' for state, time in program(sidewalks)]
    logic = ['<tlLogic id="c" type="static" programID="0" offset="0">', *phases, "</tlLogic>", *controlled]
    return as_sources(nodes, edges, connections, logic)


def arm_edges() -> list[tuple[str, str]]:
    """Edges into and out of the junction on each of its arms."""
    return [(f"{arm}_in", f"{arm}_out") for arm in ARMS]


def time_profile(phase: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Factor on each arm's flow, mean 1, at a ``phase`` of the episode from 0 to 1."""
    tide = 0.4 * np.cos(np.pi * phase)
    noon = 1.0 - 0.3 * np.cos(2 * np.pi * phase)
    return {"n": noon, "e": 1.0 - tide, "s": noon, "w": 1.0 + tide}


def sample_departures(
    rng: np.random.Generator, duration: int, scale: float = 1.0, side: float = 1.0
) -> list[Departure]:
    """Departures of one episode in order of time.

    Args:
        rng: The episode's generator.
        duration: Length of the episode, s.
        scale: Factor on the mean flows.
        side: Further factor on those from north and south.
    """
    starts = np.arange(0, duration, RATE_INTERVAL)
    lengths = np.minimum(starts + RATE_INTERVAL, duration) - starts
    profile = time_profile((starts + lengths / 2) / duration)
    departures: list[Departure] = []
    for index, arm in enumerate(ARMS):
        level = scale * rng.lognormal(-(ARM_SPREAD**2) / 2, ARM_SPREAD) * (side if arm in "ns" else 1.0)
        for turn, flow in zip((1, 2, 3), MEAN_FLOW[arm], strict=True):
            counts = rng.poisson(level * flow / 3600.0 * profile[arm] * lengths)
            times = np.repeat(starts, counts) + rng.random(int(counts.sum())) * np.repeat(lengths, counts)
            exit_arm = ARMS[(index + turn) % 4]
            departures += [(float(time), arm, exit_arm) for time in times]
    return sorted(departures)

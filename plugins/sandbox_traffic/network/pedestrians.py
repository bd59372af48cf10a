"""Pedestrians of generated networks: sidewalks, signalled crossings of every arm, and walks across them.

A crossing is green with the vehicles that drive straight on beside it. Right turns of that phase give way
to pedestrians; left turns have a phase of their own, in which every crossing is red.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDEWALK = 'sidewalkWidth="2"'
"""Attribute of an edge with a sidewalk, which becomes its lane 0."""

WALK_DISTANCE = 50.0
"""Distance from the junction at which walks begin and end, m."""

Pedestrian = tuple[float, str, str]
"""``(s from the beginning, edge where the walk begins, edge where it ends)``."""


def crossing_element(junction: str, edges: tuple[str, str], index: int) -> str:
    """The crossing of an arm, link ``index`` of the junction's signal, for netconvert.

    Args:
        junction: The junction, and its signal.
        edges: The edges that are crossed.
        index: Place of the crossing in the states of the signal.
    """
    return (
        f'<crossing node="{junction}" edges="{edges[0]} {edges[1]}" priority="true" width="4" '
        f'linkIndex="{index}"/>'
    )


def state_with_crossings(state: str, turns: Sequence[str], crossings: Sequence[bool]) -> str:
    """A green phase with its crossings.

    Args:
        state: State of the vehicles' links.
        turns: Turn of each link, ``r`` for right.
        crossings: Whether each crossing is green.
    """
    vehicles = ["g" if turn == "r" and link == "G" else link for link, turn in zip(state, turns, strict=True)]
    return "".join(vehicles + ["G" if green else "r" for green in crossings])


def sample_pedestrians(
    rng: np.random.Generator, duration: int, hourly: float, arms: Sequence[tuple[str, str]]
) -> list[Pedestrian]:
    """Pedestrians of one junction and one episode, in order of time.

    Args:
        rng: The episode's generator.
        duration: Length of the episode, s.
        hourly: Mean number of pedestrians, 1/h; arrivals are Poisson.
        arms: Edges into and out of the junction on each of its arms; a walk leads to another arm.
    """
    times = np.sort(rng.random(int(rng.poisson(hourly * duration / 3600.0)))) * duration
    pedestrians = []
    for time in times.tolist():
        start, end = rng.choice(len(arms), 2, replace=False)
        pedestrians.append((time, arms[start][0], arms[end][1]))
    return pedestrians


def person_element(number: int, pedestrian: Pedestrian, begin: int) -> str:
    """A pedestrian as an element of a routes file; ``begin`` is the start of the episode, s."""
    time, start, end = pedestrian
    return (
        f'<person id="walker{number}" depart="{begin + time:.2f}" departPos="{-WALK_DISTANCE}">'
        f'<walk from="{start}" to="{end}" arrivalPos="{WALK_DISTANCE}"/></person>'
    )

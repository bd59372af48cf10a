"""Pedestrians of generated networks: sidewalks, signalled crossings of every arm, and people who use them.

A crossing is green with the vehicles that drive straight on beside it. Right turns of that phase give way to
those who walk; left turns have a phase of their own, in which nobody walks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SIDEWALK = 'sidewalkWidth="2"'
"""Attribute of a road with a sidewalk, which then is its lane 0."""

NEAR = 50.0
"""Walks begin and end so far from the junction, m."""

Walker = tuple[float, str, str]
"""Seconds from the beginning, the road where a walk begins, the road where it ends."""


def crossing(junction: str, roads: tuple[str, str], index: int) -> str:
    """The crossing of an arm's roads, a link of the junction's signal."""
    return (
        f'<crossing node="{junction}" edges="{roads[0]} {roads[1]}" priority="true" width="4" '
        f'linkIndex="{index}"/>'
    )


def walking_state(green: str, turns: Sequence[str], crossed: Sequence[bool]) -> str:
    """A green phase of vehicles with its crossings.

    Args:
        green: State of the vehicles' links.
        turns: Of each link, ``r`` for a right turn.
        crossed: Of each crossing, whether it is green.
    """
    right = [turn == "r" for turn in turns]
    links = ["g" if on and state == "G" else state for state, on in zip(green, right, strict=True)]
    return "".join(links + ["G" if walk else "r" for walk in crossed])


def sample_walkers(
    rng: np.random.Generator, duration: int, hourly: float, arms: Sequence[tuple[str, str]]
) -> list[Walker]:
    """People who come to a junction during an episode, in order of time.

    Args:
        rng: Of the episode.
        duration: Of the episode, s.
        hourly: Their mean number an hour; arrivals are Poisson.
        arms: Roads into and out of the junction on each of its arms; a walk leads to another arm.
    """
    times = np.sort(rng.random(int(rng.poisson(hourly * duration / 3600.0)))) * duration
    walkers = []
    for time in times.tolist():
        start, end = rng.choice(len(arms), 2, replace=False)
        walkers.append((time, arms[start][0], arms[end][1]))
    return walkers


def person(number: int, walker: Walker, begin: int) -> str:
    """A walker as an element of a routes file."""
    time, start, end = walker
    return (
        f'<person id="walker{number}" depart="{begin + time:.2f}" departPos="{-NEAR}">'
        f'<walk from="{start}" to="{end}" arrivalPos="{NEAR}"/></person>'
    )

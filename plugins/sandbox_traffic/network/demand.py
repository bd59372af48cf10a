"""Routes files of generated demand: vehicles of several types, and pedestrians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree.ElementTree import fromstring

import numpy as np

from sandbox_traffic.network.pedestrians import Pedestrian, person_element

Vehicle = tuple[float, Sequence[str]]
"""``(s from the beginning, edges)``."""

VEHICLE_TYPES = (
    '<vType id="car" length="5" minGap="2.5"/>',
    '<vType id="bus" vClass="bus"/>',
    '<vType id="emergency" vClass="emergency"/>',
    '<vType id="bicycle" vClass="bicycle"/>',
)
"""By SUMO's defaults, buses are 12 m long and accelerate slowly, emergency vehicles drive faster than
others, and bicycles are 1.6 m long, ride at 20 km/h and use the lanes of all others."""


def type_attributes() -> dict[str, dict[str, str]]:
    """Attributes of `VEHICLE_TYPES` by name."""
    types = [dict(fromstring(text).attrib) for text in VEHICLE_TYPES]
    return {attributes.pop("id"): attributes for attributes in types}


def draw_types(rng: np.random.Generator, number: int, shares: Mapping[str, float]) -> list[str]:
    """Type of each of ``number`` vehicles: ``shares`` of the types given, cars otherwise."""
    types = [*shares, "car"]
    limits = np.cumsum(list(shares.values()))
    return [types[place] for place in np.searchsorted(limits, rng.random(number), side="right").tolist()]


def write_routes(
    path: Path,
    vehicles: Sequence[Vehicle],
    types: Sequence[str],
    pedestrians: Sequence[Pedestrian],
    begin: int,
) -> None:
    """Write a routes file, in order of departure as SUMO requires.

    Args:
        path: File to write.
        vehicles: In order of time.
        types: Type of each vehicle, one of `VEHICLE_TYPES`.
        pedestrians: In order of time.
        begin: Start of the episode, s.
    """
    elements = [
        (vehicle[0], _vehicle_element(number, kind, vehicle, begin))
        for number, (vehicle, kind) in enumerate(zip(vehicles, types, strict=True))
    ]
    elements += [
        (pedestrian[0], person_element(number, pedestrian, begin))
        for number, pedestrian in enumerate(pedestrians)
    ]
    elements.sort(key=lambda timed: timed[0])
    lines = ["<routes>", *VEHICLE_TYPES, *(element for _, element in elements), "</routes>"]
    path.write_text("\n".join(lines))


def _vehicle_element(number: int, kind: str, vehicle: Vehicle, begin: int) -> str:
    time, edges = vehicle
    return (
        f'<vehicle id="{number}" type="{kind}" depart="{begin + time:.2f}" departLane="best" '
        f'departSpeed="max"><route edges="{" ".join(edges)}"/></vehicle>'
    )

"""What is driven on each network: vehicles, flows, time steps, who is controlled and how."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from sandbox_mixed.config import DriverConfig
from sandbox_mixed.sumo.networks import (
    RADIUS,
    Sources,
    bottleneck_sources,
    figure_eight_sources,
    merge_sources,
    ring_sources,
)

FLOW_TYPE = (
    'carFollowModel="IDM" accel="2.6" decel="{decel}" sigma="0.5" tau="1" minGap="2.5" maxSpeed="30" '
    'speedFactor="1" speedDev="0.1" impatience="0.5"'
)
"""Flow's defaults of a vehicle type."""

RING_TYPE = (
    'carFollowModel="IDM" accel="{acceleration}" decel="{deceleration}" emergencyDecel="{emergency}" '
    'tau="{headway}" minGap="{standstill}" delta="{exponent}" maxSpeed="{desired_speed}" length="{length}" '
    'speedFactor="1" speedDev="0"'
)


@dataclass(frozen=True)
class Scene:
    """A simulation of SUMO as an environment needs it.

    Attributes:
        name: Of the network.
        routes: Elements of the route file.
        dt: Step, s.
        warmup: Time before control, s.
        agents: Vehicles that can be controlled at a time.
        humans: How human drivers move: ``sumo`` (its own IDM), ``noisy`` (its own IDM and acceleration
            noise), ``flow`` (IDM by Flow's controller, with noise, under SUMO's check of safe speeds).
        speed_mode: SUMO's speed mode of vehicles; of controlled ones too.
        lane_change_mode: SUMO's lane change mode; -1 for the default.
        command: ``acceleration`` or ``speed`` of vehicles, or ``limit``: speed limits of segments for
            automated vehicles.
        max_acceleration: With which commanded speeds are approached, m/s².
        vehicles: That there are all the time, 0 on open networks.
        loop: Edges of a closed network in the order of driving.
    """

    name: str
    routes: tuple[str, ...]
    dt: float
    warmup: float
    agents: int
    humans: str
    speed_mode: int
    lane_change_mode: int = -1
    command: str = "acceleration"
    max_acceleration: float = 1.0
    vehicles: int = 0
    loop: tuple[str, ...] = ()

    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)


def ring(
    length: float, vehicles: int, bunching: float, first: int, warmup: float, driver: DriverConfig
) -> tuple[Sources, Scene]:
    """The ring road: vehicle 0 is automated, ``first`` is the last of the bunch."""
    kind = RING_TYPE.format(**driver.model_dump())
    routes = [f'<vType id="{name}" {kind}/>' for name in ("human", "automated")]
    routes += [
        '<route id="from_a" edges="a b" repeat="1000"/>',
        '<route id="from_b" edges="b a" repeat="1000"/>',
    ]
    spacing = (length - bunching) / vehicles
    for index in range(vehicles):
        place = ((index - first) % vehicles) * spacing + driver.length
        edge, along = ("a", place) if place < length / 2 else ("b", place - length / 2)
        routes.append(
            f'<vehicle id="{index}" type="{"human" if index else "automated"}" route="from_{edge}" '
            f'depart="0" departPos="{along:.6f}" departSpeed="0" insertionChecks="none"/>'
        )
    scene = Scene("ring", tuple(routes), 0.1, warmup, 1, "noisy", 0, vehicles=vehicles, loop=("a", "b"))
    return ring_sources(length), scene


def figure_eight(vehicles: int = 14) -> tuple[Sources, Scene]:
    """Flow's figureeight-0: 13 human drivers and one automated vehicle."""
    quarter = 1.5 * RADIUS * math.pi
    edges = [
        ("bottom", RADIUS),
        ("top", RADIUS),
        ("upper_ring", quarter),
        ("right", RADIUS),
        ("left", RADIUS),
    ]
    edges.append(("lower_ring", quarter))
    names = [name for name, _ in edges]
    routes = [
        f'<vType id="human" {FLOW_TYPE.format(decel=1.5)}/>',
        f'<vType id="automated" {FLOW_TYPE.format(decel=4.5)}/>',
    ]
    for start, name in enumerate(names):
        turned = names[start:] + names[:start]
        routes.append(f'<route id="from_{name}" edges="{" ".join(turned)}" repeat="300"/>')
    total = sum(length for _, length in edges)
    for index in range(vehicles):
        place, chosen = index * total / vehicles, 0
        while place >= edges[chosen][1]:
            place -= edges[chosen][1]
            chosen += 1
        routes.append(
            f'<vehicle id="{index}" type="{"human" if index < vehicles - 1 else "automated"}" '
            f'route="from_{names[chosen]}" depart="0" departPos="{place:.3f}" departSpeed="0" '
            'insertionChecks="none"/>'
        )
    scene = Scene("figure-eight", tuple(routes), 0.1, 0.0, 1, "flow", 1, vehicles=vehicles, loop=tuple(names))
    return figure_eight_sources(), scene


def merge(share: float, flow: float, ramp_flow: float) -> tuple[Sources, Scene]:
    """Flow's merge-0: 2,000 veh/h on the highway, a tenth of them automated, and 100 veh/h from the ramp."""
    routes = [f'<vType id="{name}" {FLOW_TYPE.format(decel=4.5)}/>' for name in ("human", "automated")]
    routes += [
        '<route id="highway" edges="inflow_highway left center"/>',
        '<route id="ramp" edges="inflow_merge bottom center"/>',
    ]
    routes += [
        f'<flow id="{name}" type="{kind}" route="{route}" begin="1" end="86400" vehsPerHour="{rate:g}" '
        f'departLane="free" departSpeed="{speed}"/>'
        for name, kind, route, rate, speed in (
            ("h", "human", "highway", (1 - share) * flow, 10),
            ("a", "automated", "highway", share * flow, 10),
            ("r", "human", "ramp", ramp_flow, 7.5),
        )
        if rate > 0
    ]
    return merge_sources(), Scene("merge", tuple(routes), 0.5, 0.0, 5, "sumo", 9)


def bottleneck(share: float, flow: float) -> tuple[Sources, Scene]:
    """Flow's bottleneck-0: 2,500 veh/h on four lanes, a tenth of them automated."""
    routes = [f'<vType id="{name}" {FLOW_TYPE.format(decel=4.5)}/>' for name in ("human", "automated")]
    routes.append('<route id="all" edges="1 2 3 4 5"/>')
    routes += [
        f'<flow id="{kind[0]}" type="{kind}" route="all" begin="1" end="86400" vehsPerHour="{rate:g}" '
        'departLane="random" departSpeed="10"/>'
        for kind, rate in (("human", (1 - share) * flow), ("automated", share * flow))
        if rate > 0
    ]
    scene = Scene("bottleneck", tuple(routes), 0.5, 20.0, 6, "sumo", 9, 0, "limit")
    return bottleneck_sources(), scene

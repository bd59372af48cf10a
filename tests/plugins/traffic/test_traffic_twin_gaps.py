"""Vehicles of the twin that give way, at junctions without a signal, and where they depart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from junctions import TWO_PHASES, network, program

from sandbox_traffic.config import SignalConfig
from sandbox_traffic.reward import PRESETS
from sandbox_traffic.simulators import make_batch
from sandbox_traffic.sumo.trips import Trips

ARMS = {"north": (0, 200), "east": (200, 0), "south": (0, -200), "west": (-200, 0)}

MINOR, MAJOR = "south_to north_from", "east_to west_from"


def crossroads(folder: Path, kind: str, north: tuple[int, int] = (0, 200)) -> Path:
    """A junction without a signal, whose road from east to west has priority, 2 km from one with a signal."""
    arms = {**ARMS, "north": north}
    nodes = [
        '<node id="mid" x="2000" y="0" type="traffic_light"/>',
        f'<node id="cross" x="0" y="0" type="{kind}"/>',
    ]
    edges = []
    for name, (x, y) in arms.items():
        rank = 'priority="1"' if kind == "right_before_left" or name in ("north", "south") else 'priority="9"'
        nodes += [f'<node id="{name}" x="{x}" y="{y}"/>', f'<node id="{name}2" x="{x + 2000}" y="{y}"/>']
        edges += [
            f'<edge id="{name}_to" from="{name}" to="cross" {rank}/>',
            f'<edge id="{name}_from" from="cross" to="{name}" {rank}/>',
            f'<edge id="{name}_in" from="{name}2" to="mid"/>',
            f'<edge id="{name}_out" from="mid" to="{name}2"/>',
        ]
    return network(folder, nodes, edges, program(TWO_PHASES), {"--no-turnarounds": "true"})


def play(folder: Path, simulator: str, net: Path, vehicles: Sequence[str], duration: int) -> Trips:
    """The trips of some vehicles, in the order of their departure."""
    routes = folder / "d.rou.xml"
    kind = '<vType id="calm" sigma="0" speedDev="0" speedFactor="1"/>'
    routes.write_text("\n".join(["<routes>", kind, *vehicles, "</routes>"]))
    config = SignalConfig(
        simulator=simulator, net=str(net), routes=str(routes), duration=duration, depart_jitter=0
    )  # type: ignore[arg-type]
    made = make_batch(config, PRESETS["delay"])
    made.reset([1])
    for _ in range(duration // 5):
        made.step(np.zeros((1, 1), np.int64))
    trips = made.simulations[0].trips
    made.close()
    assert trips is not None
    return trips


def vehicle(number: int, depart: float, pair: str, more: str = "") -> str:
    start, end = pair.split()
    return f'<trip id="{number}" type="calm" depart="{depart:g}" from="{start}" to="{end}" {more}/>'


@pytest.mark.parametrize("kind", ["priority", "right_before_left"])
def test_who_gives_way_waits_for_a_gap(tmp_path: Path, kind: str) -> None:
    """A gap of 3 s is too small: it takes more than 2 s to cross, and 1 s has to be left."""
    net = crossroads(tmp_path, kind)
    stream = [(3.0 * number, MAJOR) for number in range(40)]
    order = sorted([*stream, (31.0, MINOR)])
    vehicles = [vehicle(number, depart, pair) for number, (depart, pair) in enumerate(order)]
    trips = play(tmp_path, "twin", net, vehicles, 240)
    minor = order.index((31.0, MINOR))
    alone = play(tmp_path, "twin", net, [vehicle(0, 31.0, MINOR)], 240)
    assert trips.time_loss[minor] > alone.time_loss[0] + 30.0


def test_vehicles_that_depart_anywhere_find_room(tmp_path: Path) -> None:
    net = crossroads(tmp_path, "priority")
    vehicles = [vehicle(number, 0.0, MAJOR, 'departPos="random_free"') for number in range(12)]
    trips = play(tmp_path, "twin", net, vehicles, 120)
    assert (trips.depart >= 0).all()
    assert (trips.arrival > 0).all()
    assert len(set(trips.arrival.tolist())) > 6, "they begin at places of their own"


@pytest.mark.parametrize("north", [(0, 200), (-120, 150)])
def test_who_turns_left_waits_inside_and_holds_up_nobody_who_turns_right(
    tmp_path: Path, north: tuple[int, int]
) -> None:
    """A stream without gaps crosses the left turner's way; the right turner takes the same road as it.

    In the sharp turn who waits inside is nearer to that road than the right turner.
    """
    net = crossroads(tmp_path, "priority", north)
    left, right = (10.0, "west_to north_from"), (40.0, "east_to north_from")
    order = sorted([*((1.6 * number, MAJOR) for number in range(70)), left, right])
    vehicles = [vehicle(number, *trip, 'departSpeed="max"') for number, trip in enumerate(order)]
    trips = play(tmp_path, "twin", net, vehicles, 240)
    assert trips.time_loss[order.index(left)] > 60.0
    assert trips.time_loss[order.index(right)] < 5.0, "who waits for a gap is in nobody's way"


def zipper(folder: Path) -> Path:
    """Two lanes that become one like a zipper, 2 km from a junction with a signal."""
    nodes = [
        '<node id="mid" x="2000" y="0" type="traffic_light"/>',
        '<node id="merge" x="0" y="0" type="zipper"/>',
    ]
    edges = []
    for name, (x, y) in ARMS.items():
        nodes.append(f'<node id="{name}2" x="{x + 2000}" y="{y}"/>')
        edges += [
            f'<edge id="{name}_in" from="{name}2" to="mid"/>',
            f'<edge id="{name}_out" from="mid" to="{name}2"/>',
        ]
    nodes += ['<node id="west" x="-300" y="0"/>', '<node id="east" x="300" y="0"/>']
    edges += [
        '<edge id="two" from="west" to="merge" numLanes="2"/>',
        '<edge id="one" from="merge" to="east"/>',
    ]
    return network(folder, nodes, edges, program(TWO_PHASES), {"--no-turnarounds": "true"})


@pytest.mark.parametrize("apart", [1.2, 3.0])
def test_two_lanes_become_one_like_a_zipper(tmp_path: Path, apart: float) -> None:
    """Both lanes take turns, and the delay is SUMO's, with a queue and without one."""
    net = zipper(tmp_path)
    vehicles = [
        vehicle(number, apart * number, "two one", f'departLane="{number % 2}" departSpeed="max"')
        for number in range(60)
    ]
    ours, theirs = (play(tmp_path, simulator, net, vehicles, 400) for simulator in ("twin", "sumo"))
    assert (ours.arrival > 0).all()
    assert abs(ours.time_loss[0::2].mean() - ours.time_loss[1::2].mean()) < 0.1 * ours.time_loss.mean() + 1.0
    assert abs(ours.time_loss.mean() - theirs.time_loss.mean()) < 0.25 * theirs.time_loss.mean() + 1.0

"""Generated grids and arterials."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from sandbox.api import InvalidValueError
from sandbox_traffic.config import SignalConfig
from sandbox_traffic.network import grids
from sandbox_traffic.network.grids import LEVELS, SPACING, Grid
from sandbox_traffic.network.signal_network import load_network


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("grid-2x3", Grid(2, 3)),
        ("arterial-5", Grid(1, 5, arterial=True)),
        ("grid-0x2", None),
        ("grid-21x2", None),
        ("arterial-1", None),
        ("grid-2", None),
        ("single-intersection", None),
    ],
)
def test_names(name: str, grid: Grid | None) -> None:
    assert grids.parse(name) == grid
    assert grid is None or grid.name == name


def test_an_unknown_generated_network_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidValueError, match="generated:maze") as caught:
        load_network(SignalConfig(net="generated:maze", routes="generated:maze"))
    assert "generated:grid-RxC" in caught.value.hint


def test_a_grid_has_a_signal_at_every_junction_and_roads_at_every_border() -> None:
    network = load_network(SignalConfig(net="generated:grid-2x3", routes="generated:grid-2x3"))
    assert [signal.id for signal in network.signals] == [
        f"j{row}_{column}" for row in (0, 1) for column in (0, 1, 2)
    ]
    assert all(len(signal.phases) == 4 for signal in network.signals)
    assert all(len(signal.incoming) == 12 for signal in network.signals)
    assert len(Grid(2, 3).entries()) == 2 * (2 + 3)
    # Each junction has four incoming roads of three lanes; those between junctions are shared.
    roads = {lane.edge for lane in network.roads.lanes.values()}
    assert len(roads) == 2 * (2 * 4 + 3 * 3)


def test_every_route_follows_roads_that_meet() -> None:
    grid = Grid(3, 4)
    network = load_network(SignalConfig(net="generated:grid-3x4", routes="generated:grid-3x4"))
    lanes = network.roads.lanes
    meets = {
        (lanes[feeder].edge, lanes[lane].edge)
        for lane, feeders in network.roads.upstream.items()
        for feeder in feeders
    }
    vehicles = grids.sample_vehicles(grid, np.random.default_rng(0), 900, "medium")
    assert len(vehicles) > 1000
    for _, roads in vehicles:
        assert all(pair in meets for pair in itertools.pairwise(roads))
        assert len(roads) <= 3 * (3 + 4)


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_flows_are_those_of_the_level(level: str) -> None:
    grid = Grid(2, 2)
    vehicles = sum(
        len(grids.sample_vehicles(grid, np.random.default_rng(seed), 3600, level)) for seed in range(20)
    )
    expected = 20 * 8 * LEVELS[level]
    assert vehicles == pytest.approx(expected, rel=0.05)  # 160 roads, each with a level of its own


def test_a_peak_rises_and_falls() -> None:
    times = [time for time, _ in grids.sample_vehicles(Grid(3, 3), np.random.default_rng(1), 3600, "peak")]
    first, middle, last = (sum(low <= time < low + 1200 for time in times) for low in (0, 1200, 2400))
    assert middle > 2 * max(first, last)


def test_turns_have_their_shares() -> None:
    """At the only junction of a 1x1 grid: left of north is west, straight on is north, right is east."""
    vehicles = grids.sample_vehicles(Grid(1, 1), np.random.default_rng(2), 36000, "saturated")
    northbound = [roads[1][-1] for _, roads in vehicles if roads[0].endswith("_n")]
    shares = {side: northbound.count(side) / len(northbound) for side in "nesw"}
    assert shares["w"] == pytest.approx(0.15, abs=0.01)
    assert shares["n"] == pytest.approx(0.65, abs=0.01)
    assert shares["e"] == pytest.approx(0.20, abs=0.01)
    assert shares["s"] == 0


def test_an_arterial_is_offset_into_a_green_wave() -> None:
    network = load_network(SignalConfig(net="generated:arterial-3", routes="generated:arterial-3"))
    cycle = sum(step.seconds for step in network.signals[0].program.steps)
    travel = SPACING / 13.89
    for column, signal in enumerate(network.signals):
        assert signal.program.offset == pytest.approx(column * travel % cycle, abs=0.5)


def test_neighbours_are_those_whose_exits_lead_here() -> None:
    network = load_network(SignalConfig(net="generated:grid-1x2", routes="generated:grid-1x2"))
    west, east = network.signals
    for number, (signal, other) in enumerate(((west, 1), (east, 0))):
        fed = {signal.incoming[row] for row in np.flatnonzero(network.upstream_signal[number] == other)}
        assert len(fed) == 3, "the three lanes of the road between them"
    row = east.incoming.index("0_0_e_0")
    # Vehicles come east from the west's straight (phase 0), left (from the south) and right turns.
    assert network.upstream_green[1, row].tolist() == [1, 0, 1, 1]

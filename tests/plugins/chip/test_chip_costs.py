"""Costs against hand-worked cases and the figures that circuit_training's own test asserts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from chip_support import design
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip import costs, grid, kernels
from sandbox_chip.costs import Technology
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.netlist import MACRO, Netlist
from sandbox_chip.protobuf import DEFAULT_TECHNOLOGY, read_protobuf

ASSERTED = {
    "wirelength": 0.007745966692414834,
    "hpwl": 5400.0,
    "congestion": 1.124405186246434,
    "density": 0.3570806661517036,
}
"""circuit_training, plc_client_test.py: ten by ten macros of 50 µm, default canvas and technology."""


def tiles() -> Netlist:
    """Ten by ten macros of 50 µm, 60 µm apart; three two-pin nets from each to its right and upper neighbour.

    Each net leaves at a third of a side and enters the facing side at the same height, so it is 10 µm
    long; 540 nets. The canvas is what holds the macros at a utilisation of 0.6.
    """
    nets, pins = [], (-50 / 3, 0.0, 50 / 3)
    for row in range(10):
        for column in range(10):
            tile = 10 * row + column
            for at in pins:
                if row < 9:
                    nets.append([(tile, at, 25.0), (tile + 10, at, -25.0)])
                if column < 9:
                    nets.append([(tile, 25.0, at), (tile + 1, -25.0, at)])
    netlist = design([(50.0, 50.0)] * 100, [], nets, side=float(np.sqrt(250_000 / 0.6)))
    netlist.x[:] = [35 + 60 * (tile % 10) for tile in range(100)]
    netlist.y[:] = [35 + 60 * (tile // 10) for tile in range(100)]
    return netlist


def test_tiles_have_the_asserted_costs_of_circuit_training() -> None:
    found = costs.evaluate(tiles(), DEFAULT_TECHNOLOGY)
    assert found.hpwl == pytest.approx(5400, abs=1e-6)
    assert found.wirelength == pytest.approx(ASSERTED["wirelength"], abs=1e-12)
    assert found.density == pytest.approx(ASSERTED["density"], abs=1e-12)
    assert found.congestion == pytest.approx(ASSERTED["congestion"], abs=1e-12)


@pytest.mark.skipif(
    "SANDBOX_CHIP_TILES" not in os.environ, reason="SANDBOX_CHIP_TILES names no netlist.pb.txt"
)
def test_the_file_of_circuit_training_has_its_asserted_costs() -> None:
    found = costs.evaluate(*read_protobuf(Path(os.environ["SANDBOX_CHIP_TILES"])))
    for name, value in ASSERTED.items():
        assert getattr(found, name) == pytest.approx(value, abs=1e-12)


def routed(cells: list[tuple[int, int]]) -> tuple[list, list]:
    """(row, column) of every horizontal and vertical route of a net with pins in cells of a 4 × 4 grid."""
    nets = [[(1 + index, 0.0, 0.0) for index in range(len(cells))]]
    pads = [(10.0 * column + 5, 10.0 * row + 5) for row, column in cells]
    netlist = design([(1.0, 1.0)], pads, nets, side=40.0)
    pins = netlist.pin_positions()
    h, v = costs._routes(
        netlist.net_start, netlist.net_pins, netlist.net_weight, pins[0], pins[1], 10.0, 10.0, 4, 4
    )
    return np.argwhere(h > 0).tolist(), np.argwhere(v > 0).tolist()


def test_two_cells_are_joined_by_an_l_along_the_sources_row() -> None:
    # From (row 0, column 0) to (row 2, column 3): along row 0 to column 3, then up column 3.
    assert routed([(0, 0), (2, 3)]) == ([[0, 0], [0, 1], [0, 2]], [[0, 3], [1, 3]])
    # The other way round the row is the other end's.
    assert routed([(2, 3), (0, 0)]) == ([[2, 0], [2, 1], [2, 2]], [[0, 0], [1, 0]])


def test_more_than_three_cells_make_a_star_from_the_source() -> None:
    h, v = routed([(0, 0), (0, 2), (3, 0), (0, 3)])
    assert h == [[0, 0], [0, 1], [0, 2]]
    assert v == [[0, 0], [1, 0], [2, 0]]


def test_three_cells_in_a_staircase_are_joined_by_two_ls() -> None:
    # (0,0), (1,1), (3,3), rising: along row 0, up column 1, along row 1, up column 3.
    h, v = routed([(0, 0), (1, 1), (3, 3)])
    assert h == [[0, 0], [1, 1], [1, 2]]
    assert v == [[0, 1], [1, 3], [2, 3]]


def test_three_other_cells_meet_in_the_middle_row() -> None:
    # (0,1), (1,3), (3,0): the trunk lies in row 1 from column 0 to 3; branches at columns 1 and 0.
    h, v = routed([(0, 1), (1, 3), (3, 0)])
    assert h == [[1, 0], [1, 1], [1, 2]]
    assert v == [[0, 1], [1, 0], [2, 0]]


def test_density_is_half_the_mean_of_the_densest_tenth() -> None:
    # One macro of 15 × 10 on a 10 × 10 grid of 10-µm cells covers one cell wholly and one by half; the
    # densest tenth are ten cells, eight of them empty.
    netlist = design([(15.0, 10.0)], [(0.0, 0.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    netlist.x[0], netlist.y[0] = 7.5, 5.0
    found = costs.evaluate(netlist, Technology(10, 10, 1.0, 1.0, 0.0, 0.0, 0))
    assert found.density == pytest.approx(0.5 * 1.5 / 10)


def test_routes_are_spread_in_equal_parts_over_neighbours_within_the_canvas() -> None:
    values = np.array([[6.0, 0.0, 0.0, 0.0], [0.0, 0.0, 10.0, 0.0]])
    spread = costs._spread(values, 1)
    assert spread[0].tolist() == [3.0, 3.0, 0.0, 0.0]
    assert spread[1].tolist() == pytest.approx([0.0, 10 / 3, 10 / 3, 10 / 3])
    assert costs._spread(values, 2).sum() == pytest.approx(16.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rudy_spreads_each_nets_half_perimeter_over_its_box(seed: int) -> None:
    rng = np.random.default_rng(seed)
    low, size = rng.uniform(0, 60, (5, 2)), rng.uniform(12, 35, (5, 2))
    bounds = np.stack((low[:, 0], low[:, 0] + size[:, 0], low[:, 1], low[:, 1] + size[:, 1]), 1)
    weight = rng.uniform(0.5, 2, 5)
    cells = costs.rudy_map(bounds, weight, 100.0, 100.0, 10)
    # ∫ (1/Δx + 1/Δy) over the box is Δx + Δy.
    assert cells.sum() * 100 == pytest.approx((weight * size.sum(1)).sum())
    fine = np.zeros((10, 10))
    at = (np.arange(1000) + 0.5) / 10
    for box, (dx, dy), w in zip(bounds, size, weight, strict=True):
        inside = ((at > box[2]) & (at < box[3]))[:, None] & ((at > box[0]) & (at < box[1]))[None]
        fine += w * (1 / dx + 1 / dy) * inside.reshape(10, 100, 10, 100).mean((1, 3))
    assert np.abs(cells - fine).max() < 0.02 * fine.max()


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    moves=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9))),
)
def test_bounds_kept_up_to_date_agree_with_bounds_from_scratch(seed: int, moves: list) -> None:
    problem = grid.build(generate(Recipe("mixed", (9, 9), (0.3, 0.3), grid=16), seed), 16, "mirror")
    arrays = problem.arrays
    places = np.zeros((9, 3), np.int64)
    bounds = kernels.all_bounds(arrays, places)
    for macro, column, row in moves:
        places[macro] = column, row, (column + row) % 4
        for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
            kernels.net_bounds(arrays, arrays.entry_net[entry], places, bounds[arrays.entry_net[entry]])
    x, y, orientation = problem.centres(places)
    assert kernels.wirelength(arrays, bounds) == pytest.approx(costs.hpwl(problem.netlist, x, y, orientation))


def test_overlap_counts_shared_area_once_a_pair() -> None:
    netlist = design([(10.0, 10.0), (10.0, 10.0), (2.0, 2.0)], [], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    netlist.x[:], netlist.y[:] = [10.0, 16.0, 50.0], [10.0, 10.0, 50.0]
    assert costs.overlap(netlist, netlist.x, netlist.y, netlist.orientation) == pytest.approx(4 * 10)
    assert (netlist.kind == MACRO).all()

"""Costs against cases worked out by hand and the figures that circuit_training's own test asserts."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from chip_support import design, netlist
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip import costs
from sandbox_chip.formats.plc import DEFAULT_TECHNOLOGY
from sandbox_chip.formats.protobuf import read_protobuf
from sandbox_chip.kernels import congestion
from sandbox_chip.netlist import MACRO, PAD, SOFT, Netlist
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.technology import Technology

ASSERTED = {
    "wirelength": 0.007745966692414834,
    "hpwl": 5400.0,
    "congestion": 1.124405186246434,
    "density": 0.3570806661517036,
}
"""circuit_training, plc_client_test.py: ten by ten macros of 50 µm, default canvas and technology."""


def tiles() -> Netlist:
    """Ten by ten macros of 50 µm, 60 µm apart; three two-pin nets from each to its right and upper neighbour.

    Each net leaves at a third of a side and enters the facing side at the same height, so it is 10 µm long;
    540 nets. The canvas is what holds the macros at a utilisation of 0.6.
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
    drawn = design([(50.0, 50.0)] * 100, [], nets, side=float(np.sqrt(250_000 / 0.6)))
    drawn.x[:] = [35 + 60 * (tile % 10) for tile in range(100)]
    drawn.y[:] = [35 + 60 * (tile // 10) for tile in range(100)]
    return drawn


def test_tiles_have_the_asserted_costs_of_circuit_training() -> None:
    result = costs.evaluate(tiles(), DEFAULT_TECHNOLOGY)
    assert result.hpwl == pytest.approx(5400, abs=1e-6)
    assert result.wirelength == pytest.approx(ASSERTED["wirelength"], abs=1e-12)
    assert result.density == pytest.approx(ASSERTED["density"], abs=1e-12)
    assert result.congestion == pytest.approx(ASSERTED["congestion"], abs=1e-12)
    assert result.proxy == pytest.approx(
        ASSERTED["wirelength"] + 0.5 * ASSERTED["density"] + 0.5 * ASSERTED["congestion"]
    )


@pytest.mark.skipif(
    "SANDBOX_CHIP_TILES" not in os.environ, reason="SANDBOX_CHIP_TILES names no netlist.pb.txt"
)
def test_the_file_of_circuit_training_has_its_asserted_costs() -> None:
    tiles_of_file = read_protobuf(Path(os.environ["SANDBOX_CHIP_TILES"]))
    result = costs.evaluate(tiles_of_file, DEFAULT_TECHNOLOGY)
    for name, value in ASSERTED.items():
        assert getattr(result, name) == pytest.approx(value, abs=1e-12)


# Wirelength


def three_nodes() -> Netlist:
    """A macro of 20 × 10 at (30, 35) and pads at (0, 100) and (60, 0)."""
    nets = [[(0, 10, -5), (1, 0, 0)], [(0, -10, 5), (1, 0, 0), (2, 0, 0)], [(2, 0, 0)]]
    at = {0: (30.0, 35.0), 1: (0.0, 100.0), 2: (60.0, 0.0)}
    return netlist([(MACRO, 20, 10), (PAD, 0, 0), (PAD, 0, 0)], nets, at, weights=[2, 3, 7])


def test_hpwl_is_the_weighted_sum_of_width_and_height_of_every_nets_pins() -> None:
    # Net 0: pins (40, 30) and (0, 100): 40 + 70. Net 1: (20, 40), (0, 100), (60, 0): 60 + 100. Net 2: a
    # point.
    drawn = three_nodes()
    assert costs.hpwl(drawn, drawn.x, drawn.y) == 2 * 110 + 3 * 160
    # Turned by half, the macro's pins are at (20, 40) and (40, 30): net 0 is 20 + 60, net 1 is the same.
    half_turn = np.array([ORIENTATIONS.index("S"), 0, 0], np.int8)
    assert costs.hpwl(drawn, drawn.x, drawn.y, half_turn) == 2 * 80 + 3 * 160


def test_pins_without_a_position_do_not_count() -> None:
    drawn = three_nodes()
    x = np.array([np.nan, 0.0, 60.0])
    # Only the pads of net 1 are left: 60 + 100.
    assert costs.hpwl(drawn, x, drawn.y) == 3 * 160
    assert costs.hpwl(drawn, np.full(3, np.nan), drawn.y) == 0


def test_wirelength_cost_is_hpwl_over_the_weighted_half_perimeters_of_the_canvas() -> None:
    result = costs.evaluate(three_nodes(), Technology(4, 4))
    assert result.hpwl == 700
    assert result.wirelength == pytest.approx(700 / ((2 + 3 + 7) * 200))


def test_a_shifted_canvas_and_placement_have_the_same_costs() -> None:
    at = {0: (30.0, 35.0), 1: (0.0, 100.0)}
    shifted = {node: (x - 70.0, y + 20.0) for node, (x, y) in at.items()}
    nodes, nets = [(MACRO, 20, 10), (PAD, 0, 0)], [[(0, 10, -5), (1, 0, 0)]]
    here = costs.evaluate(netlist(nodes, nets, at), Technology(10, 10))
    there = costs.evaluate(netlist(nodes, nets, shifted, canvas=(-70, 20, 30, 120)), Technology(10, 10))
    assert here == there


# Density


def test_density_is_half_the_mean_of_the_densest_tenth() -> None:
    # One macro of 15 × 10 on a 10 × 10 grid of 10-µm cells covers one cell wholly and one by half; the
    # densest tenth are ten cells, eight of them empty.
    drawn = design([(15.0, 10.0)], [(0.0, 0.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    drawn.x[0], drawn.y[0] = 7.5, 5.0
    result = costs.evaluate(drawn, Technology(10, 10, 1.0, 1.0, 0.0, 0.0, 0))
    assert result.density == pytest.approx(0.5 * 1.5 / 10)


def test_density_counts_soft_macros_and_overlaps_and_cuts_at_the_edge() -> None:
    nodes = [(MACRO, 20, 20), (SOFT, 10, 20), (PAD, 5, 5)]
    at = {0: (10.0, 10.0), 1: (15.0, 10.0), 2: (30.0, 30.0)}
    drawn = netlist(nodes, [], at, canvas=(0, 0, 40, 40))
    cells = costs.density_map(drawn, Technology(4, 4), drawn.x, drawn.y, drawn.orientation)
    # The macro covers four cells, the soft macro two of them again; the pad covers none.
    assert cells.tolist() == [[1, 2, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    drawn.x[0] = 0.0  # half of it outside
    cells = costs.density_map(drawn, Technology(4, 4), drawn.x, drawn.y, drawn.orientation)
    assert cells[0].tolist() == [1, 1, 0, 0]


def test_a_turned_macro_covers_the_cells_of_its_turned_size() -> None:
    drawn = netlist([(MACRO, 20, 10)], [], {0: (15.0, 20.0)}, canvas=(0, 0, 40, 40))
    quarter_turn = np.array([ORIENTATIONS.index("W")], np.int8)
    cells = costs.density_map(drawn, Technology(4, 4), drawn.x, drawn.y, quarter_turn)
    assert np.argwhere(cells).tolist() == [[1, 1], [2, 1]]


def test_of_fewer_than_ten_cells_the_mean_is_over_all_that_are_not_empty() -> None:
    assert costs.top_mean(np.array([0.0, 0.2, 0.0, 0.4]), 0.1) == pytest.approx(0.3)
    assert costs.top_mean(np.zeros(9), 0.1) == 0
    # From ten cells on it is the greatest share, empty ones included; at least one cell.
    assert costs.top_mean(np.arange(10.0), 0.1) == 9
    assert costs.top_mean(np.arange(30.0), 0.1) == pytest.approx((29 + 28 + 27) / 3)
    assert costs.top_mean(np.arange(10.0), 0.05) == 9


# Congestion


def routed(cells: list[tuple[int, int]]) -> tuple[list, list]:
    """(row, column) of every horizontal and vertical route of a net with pins in cells of a 4 × 4 grid."""
    nets = [[(1 + index, 0.0, 0.0) for index in range(len(cells))]]
    pads = [(10.0 * column + 5, 10.0 * row + 5) for row, column in cells]
    drawn = design([(1.0, 1.0)], pads, nets, side=40.0)
    h, v = congestion.routes(
        drawn.net_start, drawn.net_pins, drawn.net_weight, *drawn.pin_positions(), 10.0, 10.0, 4, 4
    )
    return np.argwhere(h > 0).tolist(), np.argwhere(v > 0).tolist()


def test_two_cells_are_joined_by_an_l_along_the_sources_row() -> None:
    # From (row 0, column 0) to (row 2, column 3): along row 0 to column 3, then up column 3.
    assert routed([(0, 0), (2, 3)]) == ([[0, 0], [0, 1], [0, 2]], [[0, 3], [1, 3]])
    # The other way round the row is the other end's.
    assert routed([(2, 3), (0, 0)]) == ([[2, 0], [2, 1], [2, 2]], [[0, 0], [1, 0]])


def test_pins_in_one_cell_need_no_route() -> None:
    assert routed([(1, 2), (1, 2)]) == ([], [])
    # A second pin in a cell does not make a third cell.
    assert routed([(0, 0), (0, 2), (0, 0)]) == routed([(0, 0), (0, 2)])


def test_more_than_three_cells_make_a_star_from_the_source() -> None:
    h, v = routed([(0, 0), (0, 2), (3, 0), (0, 3)])
    assert h == [[0, 0], [0, 1], [0, 2]]
    assert v == [[0, 0], [1, 0], [2, 0]]


def test_three_cells_in_a_staircase_are_joined_by_two_ls() -> None:
    # (0, 0), (1, 1), (3, 3), rising: along row 0, up column 1, along row 1, up column 3.
    h, v = routed([(0, 0), (1, 1), (3, 3)])
    assert h == [[0, 0], [1, 1], [1, 2]]
    assert v == [[0, 1], [1, 3], [2, 3]]


def test_three_cells_of_which_two_lie_above_each_other_are_joined_by_an_l_through_both() -> None:
    # (0, 0), then (1, 2) and (3, 2): along row 0 to column 2, up column 2 to row 3.
    h, v = routed([(3, 2), (0, 0), (1, 2)])
    assert h == [[0, 0], [0, 1]]
    assert v == [[0, 2], [1, 2], [2, 2]]


def test_three_cells_whose_right_two_share_a_row_go_on_in_that_row() -> None:
    # (0, 0), then (2, 1) and (2, 3): along row 0 to column 1, up column 1, along row 2 to column 3.
    h, v = routed([(2, 3), (2, 1), (0, 0)])
    assert h == [[0, 0], [2, 1], [2, 2]]
    assert v == [[0, 1], [1, 1]]


def test_three_other_cells_meet_in_the_middle_row() -> None:
    # (0, 1), (1, 3), (3, 0): the trunk lies in row 1 from column 0 to 3; branches at columns 1 and 0.
    h, v = routed([(0, 1), (1, 3), (3, 0)])
    assert h == [[1, 0], [1, 1], [1, 2]]
    assert v == [[0, 1], [1, 0], [2, 0]]


def test_congestion_is_routes_over_the_capacity_of_the_cell() -> None:
    # A net of weight 3 along row 0 from column 0 to 2; a cell of 10 µm has 10 · 5 horizontal routes.
    nets = [[(0, 0, 0), (1, 0, 0)]]
    at = {0: (5.0, 5.0), 1: (25.0, 5.0)}
    drawn = netlist([(PAD, 0, 0), (PAD, 0, 0)], nets, at, canvas=(0, 0, 40, 40), weights=[3])
    horizontal, vertical = costs.congestion_maps(
        drawn, Technology(4, 4, 5.0, 7.0, 0.0, 0.0, 0), drawn.x, drawn.y, drawn.orientation
    )
    assert horizontal.tolist()[0] == pytest.approx([3 / 50, 3 / 50, 0, 0])
    assert horizontal[1:].sum() == 0
    assert vertical.sum() == 0
    # Of 2 · 16 cells the most congested twentieth is one.
    assert costs.evaluate(drawn, Technology(4, 4, 5.0, 7.0, 0.0, 0.0, 0)).congestion == pytest.approx(3 / 50)


def test_horizontal_routes_are_spread_up_and_down_and_vertical_ones_sideways() -> None:
    nets = [[(0, 0, 0), (1, 0, 0)], [(0, 0, 0), (2, 0, 0)]]
    at = {0: (5.0, 5.0), 1: (15.0, 5.0), 2: (5.0, 15.0)}
    drawn = netlist([(PAD, 0, 0)] * 3, nets, at, canvas=(0, 0, 40, 40))
    horizontal, vertical = costs.congestion_maps(
        drawn, Technology(4, 4, 1.0, 1.0, 0.0, 0.0, 1), drawn.x, drawn.y, drawn.orientation
    )
    # One route in cell (0, 0) of each direction, capacity 10; at the edge there is one neighbour.
    assert {tuple(cell) for cell in np.argwhere(horizontal)} == {(0, 0), (1, 0)}
    assert {tuple(cell) for cell in np.argwhere(vertical)} == {(0, 0), (0, 1)}
    assert horizontal[1, 0] == vertical[0, 1] == pytest.approx(0.05)


def blocked(width: float, height: float, x: float, y: float) -> tuple[list, list]:
    """Horizontal and vertical routes that a macro takes of 4 × 4 cells of 10 µm; 2 and 3 routes a µm."""
    arrays = (np.array([value], float) for value in (x, y, width, height))
    h, v = congestion.blocked_routes(*arrays, 10.0, 10.0, 4, 4, 2.0, 3.0)
    return h.tolist(), v.tolist()


def test_a_macro_on_whole_cells_takes_all_its_routes() -> None:
    h, v = blocked(20, 20, 20, 20)
    assert h == [[0, 0, 0, 0], [0, 20, 20, 0], [0, 20, 20, 0], [0, 0, 0, 0]]
    assert v == [[0, 0, 0, 0], [0, 30, 30, 0], [0, 30, 30, 0], [0, 0, 0, 0]]


def test_a_macro_that_covers_its_last_row_in_part_takes_no_vertical_routes_there() -> None:
    # From y = 10 to 25: row 1 wholly, row 2 by half.
    h, v = blocked(20, 15, 20, 17.5)
    assert h[1:3] == [[0, 20, 20, 0], [0, 10, 10, 0]]
    assert v[1:3] == [[0, 30, 30, 0], [0, 0, 0, 0]]
    # From x = 10 to 25: column 1 wholly, column 2 by half, which takes no horizontal routes.
    h, v = blocked(15, 20, 17.5, 20)
    assert h[1] == [0, 20, 0, 0]
    assert v[1] == [0, 30, 15, 0]


def test_a_macro_inside_one_cell_takes_its_own_extent() -> None:
    h, v = blocked(4, 6, 15, 25)
    assert h[2][1] == 6 * 2
    assert v[2][1] == 4 * 3


def test_soft_macros_block_nothing() -> None:
    at = {0: (15.0, 15.0), 1: (35.0, 35.0)}
    drawn = netlist([(SOFT, 10, 10), (MACRO, 10, 10)], [], at, canvas=(0, 0, 40, 40))
    horizontal, vertical = costs.congestion_maps(
        drawn, Technology(4, 4, 4.0, 4.0, 2.0, 1.0, 0), drawn.x, drawn.y, drawn.orientation
    )
    assert np.argwhere(horizontal).tolist() == [[3, 3]]
    assert (horizontal[3, 3], vertical[3, 3]) == (2 / 4, 1 / 4)


def test_routes_are_spread_in_equal_parts_over_neighbours_within_the_canvas() -> None:
    values = np.array([[6.0, 0.0, 0.0, 0.0], [0.0, 0.0, 10.0, 0.0]])
    spread = congestion.spread(values, 1)
    assert spread[0].tolist() == [3.0, 3.0, 0.0, 0.0]
    assert spread[1].tolist() == pytest.approx([0.0, 10 / 3, 10 / 3, 10 / 3])
    assert congestion.spread(values, 2).sum() == pytest.approx(16.0)
    assert congestion.spread(values, 0).tolist() == values.tolist()


# Overlap


def test_overlap_counts_shared_area_once_a_pair() -> None:
    drawn = design([(10.0, 10.0), (10.0, 10.0), (2.0, 2.0)], [], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    drawn.x[:], drawn.y[:] = [10.0, 16.0, 50.0], [10.0, 10.0, 50.0]
    assert costs.overlap(drawn, drawn.x, drawn.y, drawn.orientation) == pytest.approx(4 * 10)
    # A third one within both counts for both pairs.
    drawn.x[2], drawn.y[2] = 13.0, 10.0
    assert costs.overlap(drawn, drawn.x, drawn.y, drawn.orientation) == pytest.approx(40 + 4 + 4)


def test_macros_that_touch_do_not_overlap_and_those_not_placed_count_nowhere() -> None:
    drawn = design([(10.0, 10.0), (10.0, 10.0)], [], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    drawn.x[:], drawn.y[:] = [10.0, 20.0], [10.0, 10.0]
    assert costs.overlap(drawn, drawn.x, drawn.y, drawn.orientation) == 0
    drawn.x[:] = [10.0, np.nan]
    assert costs.overlap(drawn, drawn.x, drawn.y, drawn.orientation) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_costs_do_not_depend_on_the_order_of_nodes_and_nets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    nodes = [(MACRO, *rng.uniform(5, 20, 2)) for _ in range(5)]
    at = {node: tuple(rng.uniform(20, 80, 2)) for node in range(5)}
    nets = [[(int(node), 0.0, 0.0) for node in rng.permutation(5)[:3]] for _ in range(6)]
    order = rng.permutation(6)
    renamed = rng.permutation(5)  # node i becomes renamed[i]
    back = np.argsort(renamed)
    again = netlist(
        [nodes[node] for node in back],
        [[(int(renamed[node]), dx, dy) for node, dx, dy in nets[net]] for net in order],
        {int(renamed[node]): point for node, point in at.items()},
    )
    here, there = (costs.evaluate(drawn, Technology(10, 10)) for drawn in (netlist(nodes, nets, at), again))
    for name in ("hpwl", "wirelength", "density", "congestion"):
        assert getattr(here, name) == pytest.approx(getattr(there, name))

"""A netlist on a grid: footprints, order, entries, units, and whether its macros fit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from chip_support import design, netlist
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.api import InvalidValueError
from sandbox_chip import fit
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.netlist import MACRO, PAD, SOFT
from sandbox_chip.orientation import ORIENTATIONS
from sandbox_chip.problem import CHOICES, build_problem


def test_macros_come_by_falling_area_and_equal_ones_in_the_files_order() -> None:
    sizes = [(20.0, 10.0), (25.0, 10.0), (10.0, 25.0), (5.0, 5.0)]
    nets = [[(node, 0, 0) for node in range(4)]]
    problem = build_problem(design(sizes, [], nets), 10)
    assert problem.macros.tolist() == [1, 2, 0, 3]
    assert problem.area_shares.tolist() == [0.025, 0.025, 0.02, 0.0025]
    assert problem.macro_area == pytest.approx(725)


def test_a_footprint_is_the_size_rounded_up_to_whole_cells() -> None:
    sizes = [(20.0, 10.0), (20.1, 10.0), (0.5, 0.5)]
    nets = [[(node, 0, 0) for node in range(3)]]
    arrays = build_problem(design(sizes, [], nets), 10).arrays
    assert (arrays.footprint_w[0].tolist(), arrays.footprint_h[0].tolist()) == ([3, 2, 1], [1, 1, 1])
    # The true size stays: centres and pins do not move to the middle of the footprint.
    assert arrays.half_w[0].tolist() == [10.05, 10.0, 0.25]


def test_a_size_of_whole_cells_is_not_rounded_up_by_an_error_of_division() -> None:
    # 3 · (100/30) is 10 up to rounding.
    drawn = design([(10.0, 10.0)], [(0, 0)], [[(0, 0, 0), (1, 0, 0)]])
    arrays = build_problem(drawn, 30).arrays
    assert (arrays.footprint_w[0, 0], arrays.footprint_h[0, 0]) == (3, 3)


@pytest.mark.parametrize("choices", CHOICES)
def test_turned_macros_have_turned_footprints_and_pins(choices: str) -> None:
    nets = [[(0, 8.0, -3.0), (0, -2.0, 4.0), (1, 0, 0)]]
    problem = build_problem(design([(30.0, 10.0)], [(0, 0)], nets), 10, choices)
    assert [ORIENTATIONS[index] for index in problem.orientations[:, 0]] == list(CHOICES[choices])
    expected = {
        "N": (3, 1, [-2, 8, -3, 4]),
        "S": (3, 1, [-8, 2, -4, 3]),
        "FN": (3, 1, [-8, 2, -3, 4]),
        "FS": (3, 1, [-2, 8, -4, 3]),
        "W": (1, 3, [-4, 3, -2, 8]),
        "E": (1, 3, [-3, 4, -8, 2]),
        "FW": (1, 3, [-3, 4, -2, 8]),
        "FE": (1, 3, [-4, 3, -8, 2]),
    }
    for k, name in enumerate(CHOICES[choices]):
        columns, rows, box = expected[name]
        arrays = problem.arrays
        assert (arrays.footprint_w[k, 0], arrays.footprint_h[k, 0]) == (columns, rows), name
        # Both pins lie on one net: one entry with their box.
        assert arrays.pin_box[k].tolist() == [box], name


def test_entries_are_listed_by_macro_and_by_net() -> None:
    nets = [
        [(1, 1, 0), (0, 0, 0)],
        [(0, 2, 0), (2, 0, 0), (0, -2, 0)],
        [(2, 0, 0), (1, 0, 5)],
    ]
    problem = build_problem(design([(20.0, 20.0), (10.0, 10.0)], [(7, 9)], nets), 10)
    arrays = problem.arrays
    by_macro = [
        arrays.entry_net[arrays.entry_start[macro] : arrays.entry_start[macro + 1]].tolist()
        for macro in range(2)
    ]
    assert by_macro == [[0, 1], [0, 2]]
    by_net = [
        arrays.net_macro[arrays.net_start[net] : arrays.net_start[net + 1]].tolist() for net in range(3)
    ]
    assert by_net == [[0, 1], [0], [1]]
    for net in range(3):
        for index in range(arrays.net_start[net], arrays.net_start[net + 1]):
            assert arrays.entry_net[arrays.net_entry[index]] == net
    # The pad at (7, 9) is on nets 1 and 2; net 0 has no fixed pin.
    assert arrays.fixed_bounds[1:].tolist() == [[7, 7, 9, 9]] * 2
    assert arrays.fixed_bounds[0, 0] > arrays.fixed_bounds[0, 1]


def test_the_unit_of_wirelength_and_the_wirelength_of_fixed_pins() -> None:
    nets = [[(0, 0, 0), (1, 0, 0), (2, 0, 0)], [(0, 0, 0), (1, 0, 0)]]
    drawn = design([(20.0, 20.0)], [(10, 0), (0, 70)], nets, weights=[3.0, 5.0])
    problem = build_problem(drawn, 10)
    assert problem.scale == (3 + 5) * 200
    # Net 0 has two pads, 10 + 70 apart; net 1 has one.
    assert problem.fixed_wirelength == 3 * 80


def test_centres_are_corners_plus_half_the_true_size() -> None:
    nets = [[(0, 0, 0), (1, 0, 0), (2, 0, 0)]]
    nodes = [(MACRO, 25, 10), (MACRO, 10, 10), (PAD, 0, 0)]
    drawn = netlist(nodes, nets, {2: (-50, 20)}, canvas=(-50, 20, 50, 120))
    problem = build_problem(drawn, 10, "any")
    quarter_turn = CHOICES["any"].index("W")
    x, y, orientation = problem.centres(np.array([[3, 4, quarter_turn], [0, 0, -1]]))
    # Corner (−50 + 30, 20 + 40), half of 10 × 25.
    assert (x[0], y[0]) == (-15, 72.5)
    assert np.isnan([x[1], y[1]]).all()
    assert (x[2], y[2]) == (-50, 20)
    assert ORIENTATIONS[orientation[0]] == "W"


def test_soft_macros_and_cells_are_left_out_and_a_design_of_them_alone_is_refused() -> None:
    nodes = [(SOFT, 20, 20), (PAD, 0, 0)]
    with pytest.raises(InvalidValueError, match="no macro to place"):
        build_problem(netlist(nodes, [[(0, 0, 0), (1, 0, 0)]], {1: (0, 0)}), 10)


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    moves=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 9), st.integers(0, 9))),
)
def test_bounds_of_a_placement_give_its_hpwl(seed: int, moves: list) -> None:
    from sandbox_chip import costs

    problem = build_problem(generate(Recipe("mixed", (9, 9), (0.3, 0.3), grid=16), seed), 16, "mirror")
    places = np.zeros((9, 3), np.int64)
    for macro, column, row in moves:
        places[macro] = column, row, (column + row) % 4
    expected = costs.hpwl(problem.netlist, *problem.centres(places))
    assert wirelength(problem.arrays, all_bounds(problem.arrays, places)) == pytest.approx(expected)


# Fit


def four_squares(side: float) -> object:
    nets = [[(node, 0.0, 0.0), (4, 0.0, 0.0)] for node in range(4)]
    return design([(side, side)] * 4, [(0.0, 0.0)], nets)


def test_a_grid_that_cannot_hold_the_macros_is_refused_with_one_that_can() -> None:
    # Four macros of 0.41 of the side lie two by two where 2 · ceil(0.41 g) ≤ g.
    squares = four_squares(41.0)
    fit.require_fit(build_problem(squares, 10))  # 5 + 5 cells
    fit.require_fit(build_problem(squares, 11))  # 41 % of 11 cells is 4.51: 5 + 5 = 10, fits
    too_small = build_problem(squares, 3)  # 1.23 cells become 2, and 2 + 2 > 3
    with pytest.raises(InvalidValueError) as caught:
        fit.require_fit(too_small)
    assert "cannot be packed on a grid of 3" in caught.value.message
    assert "1.78" in caught.value.message  # 4 · 2² / 3²
    assert "smallest grid that fits is 4" in caught.value.hint


def test_the_smallest_grid_is_searched_from_the_start_upwards() -> None:
    squares = four_squares(41.0)
    # 2 · ceil(0.41 g) ≤ g holds for 2, 4, 6 and 7, not for 3 (2 · 2) and 5 (2 · 3).
    holds = [fit.packs(build_problem(squares, grid)) for grid in range(2, 8)]
    assert holds == [True, False, True, False, True, True]
    assert [fit.smallest_grid(squares, start) for start in (2, 3, 5, 7)] == [2, 4, 6, 7]


def test_a_macro_larger_than_the_canvas_is_named() -> None:
    drawn = design([(120.0, 10.0)], [(0.0, 0.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    with pytest.raises(InvalidValueError, match=r"n0 \(120 × 10\) is larger than the canvas"):
        fit.require_fit(build_problem(drawn, 16))


def test_a_macro_that_fits_turned_alone_needs_the_option_to_turn() -> None:
    drawn = replace(
        design([(90.0, 30.0)], [(0.0, 0.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]]), canvas=(0.0, 0.0, 40.0, 100.0)
    )
    with pytest.raises(InvalidValueError, match="larger than the canvas"):
        fit.require_fit(build_problem(drawn, 10))
    fit.require_fit(build_problem(drawn, 10, "any"), "any")


def test_where_the_order_by_area_does_not_pack_the_order_by_height_may() -> None:
    # Cells: a square of 2 × 2, a bar of 4 × 1 and a tower of 1 × 3 on a grid of 4. By area the square goes to
    # the corner and the bar on top of it, so that the tower has no three free rows. By height the tower is
    # first, the square beside it, and the bar on top of the tower.
    sizes = [(20.0, 20.0), (40.0, 10.0), (10.0, 30.0)]
    nets = [[(node, 0.0, 0.0) for node in range(3)]]
    problem = build_problem(design(sizes, [], nets, side=40.0), 4)
    packing = fit.packing(problem)
    assert packing is not None
    assert packing.tolist() == [[1, 0, 0], [0, 3, 0], [0, 0, 0]]

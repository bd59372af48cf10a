"""Wire masks, growth of wirelength and decoders, against hand-worked cases and plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from chip_support import design, generated, occupied_cells
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip import costs
from sandbox_chip.kernels import bitgrid, decoders, legality
from sandbox_chip.kernels import wirelength as kernel
from sandbox_chip.problem import Problem, build_problem

FREE_NETS = np.empty((0, 2))


def partial(problem: Problem, placed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first macros placed greedily: places, free cells, bounds."""
    places = np.full((problem.num_macros, 3), -1, np.int64)
    decoders.greedy_decode(problem.arrays, np.arange(placed), places)
    return places, legality.free_cells(problem.arrays, places), kernel.all_bounds(problem.arrays, places)


def wire_mask(problem: Problem, macro: int, bounds: np.ndarray) -> tuple[list[float], list[float], float]:
    """A, B and the constant of a macro in orientation choice 0."""
    arrays, scratch = problem.arrays, np.empty((4, 2 * problem.grid))
    columns = problem.grid - arrays.footprint_w[0, macro] + 1
    rows = problem.grid - arrays.footprint_h[0, macro] + 1
    constant = kernel.wire_mask(arrays, macro, 0, bounds, columns, rows, scratch)
    return scratch[0][:columns].tolist(), scratch[1][:rows].tolist(), constant


def test_half_perimeter_of_a_hand_worked_net() -> None:
    # A macro of 20 × 10 at column 2, row 3 of a grid of 10-µm cells has its centre at (30, 35); its pin at
    # (+10, −5) is at (40, 30). With a pad at (0, 100) the net spans 40 + 70.
    drawn = design([(20.0, 10.0)], [(0.0, 100.0)], [[(0, 10.0, -5.0), (1, 0.0, 0.0)]], weights=[2.0])
    problem = build_problem(drawn, 10)
    places = np.array([[2, 3, 0]])
    assert kernel.macro_centre(problem.arrays, 0, 2, 3, 0) == (30, 35)
    bounds = kernel.all_bounds(problem.arrays, places)
    assert bounds.tolist() == [[0, 40, 30, 100]]
    assert kernel.wirelength(problem.arrays, bounds) == 2 * (40 + 70)
    assert costs.hpwl(problem.netlist, *problem.centres(places)) == 220


def test_the_wire_mask_of_a_pad_is_the_weighted_distance_from_it() -> None:
    # A macro of 20 × 10 with its pin at the centre, and a pad at (50, 55): centres at 10, 20 … 90 and 5 … 95.
    drawn = design([(20.0, 10.0)], [(50.0, 55.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]], weights=[2.0])
    problem = build_problem(drawn, 10)
    a, b, constant = wire_mask(problem, 0, problem.arrays.fixed_bounds)
    assert a == pytest.approx([2 * abs(10 + 10 * i - 50) for i in range(9)])
    assert b == pytest.approx([2 * abs(5 + 10 * j - 55) for j in range(10)])
    assert constant == 0


def test_the_wire_mask_is_flat_where_a_pin_lies_inside_its_nets_bounds() -> None:
    # Pads at (20, 20) and (60, 80); pins at x ± 5 of the centre of a macro of 10 × 10.
    nets = [[(0, -5.0, 0.0), (0, 5.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 0.0)]]
    problem = build_problem(design([(10.0, 10.0)], [(20.0, 20.0), (60.0, 80.0)], nets), 10)
    a, b, _ = wire_mask(problem, 0, problem.arrays.fixed_bounds)
    # The pins span [10 i, 10 i + 10]; the net [20, 60].
    assert a == pytest.approx([20, 10, 0, 0, 0, 0, 10, 20, 30, 40])
    # The centre is at 10 j + 5; the net [20, 80].
    assert b == pytest.approx([15, 5, 0, 0, 0, 0, 0, 0, 5, 15])


def test_a_net_without_placed_pins_grows_by_its_own_span_wherever_the_macro_goes() -> None:
    nets = [[(0, -4.0, 1.0), (0, 6.0, 3.0), (1, 0.0, 0.0)]]
    problem = build_problem(design([(30.0, 30.0), (10.0, 10.0)], [], nets, weights=[3.0]), 10)
    a, b, constant = wire_mask(problem, 0, problem.arrays.fixed_bounds)
    assert constant == 3 * (10 + 2)
    assert set(a) == set(b) == {0.0}


def test_a_second_macro_on_a_net_extends_its_bounds() -> None:
    nets = [[(0, 0.0, 0.0), (1, 5.0, -5.0)]]
    problem = build_problem(design([(20.0, 20.0), (10.0, 10.0)], [], nets, weights=[2.0]), 10)
    bounds = problem.arrays.fixed_bounds.copy()
    assert kernel.add_to_nets(problem.arrays, 0, np.array([0, 0, 0]), bounds) == 0
    # From (10, 10) to the pin at (75 + 5, 45 − 5).
    assert kernel.add_to_nets(problem.arrays, 1, np.array([7, 4, 0]), bounds) == 2 * (70 + 30)
    assert bounds.tolist() == [[10, 80, 10, 40]]


def test_a_nets_box_with_macros_at_their_expected_places_and_without_one_macro() -> None:
    nets = [[(0, 0.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 0.0)]]
    problem = build_problem(design([(20.0, 20.0), (10.0, 10.0)], [(0.0, 50.0)], nets), 10)
    places = np.array([[6, 0, 0], [0, 0, -1]])  # the first at centre (70, 10), the second nowhere
    targets = np.array([[0.0, 0.0], [30.0, 90.0]])
    arrays = problem.arrays
    assert kernel.net_box(arrays, 0, places, FREE_NETS, -1) == (0, 70, 10, 50)
    assert kernel.net_box(arrays, 0, places, targets, -1) == (0, 70, 10, 90)
    assert kernel.net_box(arrays, 0, places, targets, 0) == (0, 30, 50, 90)
    assert kernel.half_perimeter((0.0, 70.0, 10.0, 90.0)) == 150
    assert kernel.half_perimeter((np.inf, -np.inf, np.inf, -np.inf)) == 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), placed=st.integers(0, 7), k=st.integers(0, 7))
def test_the_wire_mask_is_the_growth_of_the_wirelength_everywhere(seed: int, placed: int, k: int) -> None:
    problem = generated(seed, orientation="any")
    arrays = problem.arrays
    places, _, bounds = partial(problem, placed)
    before = kernel.wirelength(arrays, bounds)
    scratch = np.empty((4, 2 * problem.grid))
    columns = problem.grid - arrays.footprint_w[k, placed] + 1
    rows = problem.grid - arrays.footprint_h[k, placed] + 1
    constant = kernel.wire_mask(arrays, placed, k, bounds, columns, rows, scratch)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        column, row = int(rng.integers(columns)), int(rng.integers(rows))
        places[placed] = column, row, k
        growth = kernel.wirelength(arrays, kernel.all_bounds(arrays, places)) - before
        assert scratch[0][column] + scratch[1][row] + constant == pytest.approx(growth, abs=1e-6)
        assert kernel.add_to_nets(arrays, placed, places[placed], bounds.copy()) == pytest.approx(
            growth, abs=1e-6
        )


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), placed=st.integers(0, 8))
def test_the_best_place_is_the_least_growth_of_all_legal_cells(seed: int, placed: int) -> None:
    problem = generated(seed)
    arrays = problem.arrays
    places, free, bounds = partial(problem, placed)
    place = np.empty(3, np.int64)
    scratch, line = np.empty((4, 2 * problem.grid)), np.empty(1, np.uint64)
    best = decoders.best_place(arrays, placed, free, bounds, scratch, line, bitgrid.INFINITY, place)
    width, height = arrays.footprint_w[0, placed], arrays.footprint_h[0, placed]
    occupied = occupied_cells(problem, places)
    growths = [
        kernel.add_to_nets(arrays, placed, np.array([column, row, 0]), bounds.copy())
        for row in range(problem.grid - height + 1)
        for column in range(problem.grid - width + 1)
        if not occupied[row : row + height, column : column + width].any()
    ]
    assert best == pytest.approx(min(growths), abs=1e-6)
    column, row, _ = place
    assert not occupied[row : row + height, column : column + width].any()


# Decoders


def test_greedy_places_each_macro_where_the_wirelength_grows_least() -> None:
    # The large macro goes to its pad in the lower-left corner; the small one wants to the same pad and takes
    # the nearest free cell: beside (centre 25 + 5) or above it.
    nets = [[(0, 0.0, 0.0), (2, 0.0, 0.0)], [(1, 0.0, 0.0), (2, 0.0, 0.0)]]
    problem = build_problem(design([(20.0, 20.0), (10.0, 10.0)], [(0.0, 0.0)], nets), 10)
    places = np.empty((2, 3), np.int64)
    cost, failed = decoders.greedy_decode(problem.arrays, np.arange(2), places)
    assert failed == 0
    assert places[0].tolist() == [0, 0, 0]
    assert sorted(places[1, :2].tolist()) == [0, 2]
    assert cost == (10 + 10) + (25 + 5)
    # The other way round the small one is in the corner.
    cost, _ = decoders.greedy_decode(problem.arrays, np.array([1, 0]), places)
    assert places[1].tolist() == [0, 0, 0]
    assert cost == (5 + 5) + (20 + 10)


def test_greedy_turns_a_macro_where_that_is_shorter() -> None:
    # A pin at the left end of a macro of 40 × 10; the pad lies on the right edge. Mirrored, the pin is there.
    nets = [[(0, -20.0, 0.0), (1, 0.0, 0.0)]]
    drawn = design([(40.0, 10.0)], [(100.0, 55.0)], nets)
    upright, mirrored = build_problem(drawn, 10), build_problem(drawn, 10, "mirror")
    places = np.empty((1, 3), np.int64)
    assert decoders.greedy_decode(upright.arrays, np.arange(1), places)[0] == 40
    assert decoders.greedy_decode(mirrored.arrays, np.arange(1), places)[0] == 0
    _, _, orientation = mirrored.centres(places)
    assert orientation[0] in (4, 1)  # FN or S: the pin on the right


def test_a_macro_without_a_legal_cell_is_left_out_and_counted() -> None:
    nets = [[(0, 0.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 0.0)]]
    problem = build_problem(design([(30.0, 30.0), (20.0, 20.0), (10.0, 10.0)], [], nets, side=40.0), 4)
    places = np.empty((3, 3), np.int64)
    _, failed = decoders.greedy_decode(problem.arrays, np.arange(3), places)
    assert failed == 1
    assert places[:, 2].tolist() == [0, -1, 0]


def test_legalising_moves_a_macro_to_the_legal_cell_nearest_to_its_target() -> None:
    nets = [[(0, 0.0, 0.0), (1, 0.0, 0.0)]]
    problem = build_problem(design([(20.0, 20.0), (20.0, 20.0)], [], nets), 10)
    places = np.empty((2, 3), np.int64)
    x, y, upright = np.array([33.0, 37.0]), np.array([30.0, 30.0]), np.zeros(2, np.int64)
    assert decoders.legalise(problem.arrays, np.arange(2), x, y, upright, places) == 0
    # Corners at (23, 20) and (27, 20): the first goes to column 2 (3 away). Of the cells that are left column
    # 4 (13 away) beats column 0 (27 away) and rows 0 and 4 (20 away and more).
    assert places.tolist() == [[2, 2, 0], [4, 2, 0]]
    # In the other order the second takes column 3, and the first goes one column beyond its left end.
    assert decoders.legalise(problem.arrays, np.array([1, 0]), x, y, upright, places) == 0
    assert places.tolist() == [[1, 2, 0], [3, 2, 0]]


def test_packing_takes_the_lowest_then_the_leftmost_cell() -> None:
    nets = [[(node, 0.0, 0.0) for node in range(3)]]
    sizes = [(30.0, 20.0), (20.0, 20.0), (10.0, 10.0)]
    problem = build_problem(design(sizes, [], nets, side=50.0), 5)
    places = np.empty((3, 3), np.int64)
    assert decoders.pack(problem.arrays, np.arange(3), places) == 0
    assert places.tolist() == [[0, 0, 0], [3, 0, 0], [0, 2, 0]]
    assert decoders.pack(problem.arrays, np.array([2, 1, 0]), places) == 0
    # 1 + 2 columns are taken below; 3 do not fit beside them, nor in row 1 before column 3.
    assert places.tolist() == [[0, 2, 0], [1, 0, 0], [0, 0, 0]]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.sampled_from([16, 70]))
def test_every_decoder_places_macros_inside_and_apart(seed: int, size: int) -> None:
    problem = generated(seed, size, "any", macros=8)
    rng = np.random.default_rng(seed)
    order, places = rng.permutation(8), np.empty((8, 3), np.int64)
    targets = rng.uniform(0, 1000, (2, 8))
    decoders.greedy_decode(problem.arrays, order, places)
    assert occupied_cells(problem, places).max() <= 1
    decoders.legalise(problem.arrays, order, targets[0], targets[1], rng.integers(0, 8, 8), places)
    assert occupied_cells(problem, places).max() <= 1
    decoders.pack(problem.arrays, order, places)
    assert occupied_cells(problem, places).max() <= 1
    x, y, orientation = problem.centres(places)
    assert costs.overlap(problem.netlist, x, y, orientation) == 0

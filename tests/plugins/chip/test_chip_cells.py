"""Free cells as bits, and the legal cells of macros, against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from chip_support import bits_to_cells, cells_to_bits, design, generated, netlist, occupied_cells
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip.kernels import bitgrid, legality
from sandbox_chip.kernels.decoders import greedy_decode
from sandbox_chip.netlist import MACRO, PAD
from sandbox_chip.problem import build_problem


def footprint_fits(cells: np.ndarray, column: int, row: int, width: int, height: int) -> bool:
    """Whether a footprint lies inside the grid on free cells."""
    rows, columns = cells.shape
    inside = column + width <= columns and row + height <= rows
    return inside and bool(cells[row : row + height, column : column + width].all())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    columns=st.sampled_from([5, 63, 64, 65, 130]),
    width=st.integers(1, 70),
    height=st.integers(1, 4),
    share=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_legal_columns_are_those_where_the_footprint_fits(
    seed: int, columns: int, width: int, height: int, share: float
) -> None:
    # One word, a full word, one bit more than a word, and three words.
    cells = np.random.default_rng(seed).random((6, columns)) < share
    free, words = cells_to_bits(cells), (columns + 63) // 64
    line = np.empty(words, np.uint64)
    for row in range(6 - height + 1):
        expected = [footprint_fits(cells, column, row, width, height) for column in range(columns)]
        assert bitgrid.legal_row(free, row, width, height, words, line) == any(expected)
        if any(expected):
            assert [bitgrid.bit_is_set(line, column) for column in range(columns)] == expected


@settings(max_examples=40, deadline=None)
@given(column=st.integers(0, 120), row=st.integers(0, 3), width=st.integers(1, 100), height=st.integers(1, 3))
def test_what_is_occupied_is_the_footprint_and_freeing_it_undoes_it(
    column: int, row: int, width: int, height: int
) -> None:
    width = min(width, 130 - column)
    free = cells_to_bits(np.ones((6, 130), bool))
    assert bitgrid.fits(free, column, row, width, height)
    bitgrid.fill(free, column, row, width, height, True)
    expected = np.ones((6, 130), bool)
    expected[row : row + height, column : column + width] = False
    np.testing.assert_array_equal(np.array([bits_to_cells(free, 130)[r] for r in range(6)]), expected)
    assert not bitgrid.fits(free, column, row, 1, 1)
    bitgrid.fill(free, column, row, width, height, False)
    np.testing.assert_array_equal(free, cells_to_bits(np.ones((6, 130), bool)))


@pytest.mark.parametrize(
    ("column", "below", "above"),
    [(2, -1, 3), (3, 3, 64), (63, 3, 64), (64, 64, 129), (100, 64, 129), (129, 129, -1)],
)
def test_the_nearest_legal_columns_are_taken_across_words(column: int, below: int, above: int) -> None:
    cells = np.zeros((1, 130), bool)
    cells[0, [3, 64, 129]] = True
    assert bitgrid.nearest(cells_to_bits(cells)[0], 3, column) == (below, above)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), columns=st.sampled_from([9, 70]), limited=st.booleans())
def test_the_cheapest_cell_is_the_least_of_all_legal_cells(seed: int, columns: int, limited: bool) -> None:
    rng = np.random.default_rng(seed)
    cells = rng.random((7, columns)) < 0.8
    width, height = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    # Convex costs: distances to points drawn at random, and flat parts.
    a = np.maximum(np.abs(np.arange(columns) - rng.uniform(0, columns)), rng.uniform(0, 3))
    b = np.maximum(np.abs(np.arange(7) - rng.uniform(0, 7)), rng.uniform(0, 2))
    rows, fitting = 7 - height + 1, columns - width + 1
    costs = [
        a[column] + b[row]
        for row in range(rows)
        for column in range(fitting)
        if footprint_fits(cells, column, row, width, height)
    ]
    limit = 3.0 if limited else bitgrid.INFINITY
    least = min([cost for cost in costs if cost < limit], default=None)
    line = np.empty((columns + 63) // 64, np.uint64)
    cost, column, row = bitgrid.cheapest_cell(
        cells_to_bits(cells), len(line), width, height, a, fitting, b, rows, line, limit
    )
    if least is None:
        assert column == -1
    else:
        assert cost == least == a[column] + b[row]
        assert footprint_fits(cells, column, row, width, height)


# Macros


def test_an_empty_grid_has_a_legal_cell_for_every_shift_of_the_footprint() -> None:
    problem = build_problem(design([(30.0, 20.0)], [(0, 0)], [[(0, 0, 0), (1, 0, 0)]]), 10, "any")
    legal, line = np.empty((10, 10), np.uint8), np.empty(1, np.uint64)
    upright = 0
    assert legality.legal_cells(problem.arrays, 0, upright, problem.arrays.free, line, legal) == 8 * 9
    assert legal[:9, :8].all()
    assert not legal[9].any()
    assert not legal[:, 8:].any()
    quarter_turn = 4  # W: 2 columns and 3 rows
    assert legality.legal_cells(problem.arrays, 0, quarter_turn, problem.arrays.free, line, legal) == 9 * 8


def test_a_macro_of_the_grids_own_size_has_one_cell_and_a_larger_one_none() -> None:
    nets = [[(0, 0, 0), (1, 0, 0)]]
    problem = build_problem(design([(100.0, 100.0)], [(0, 0)], nets), 10)
    legal, line = np.empty((10, 10), np.uint8), np.empty(1, np.uint64)
    assert legality.legal_cells(problem.arrays, 0, 0, problem.arrays.free, line, legal) == 1
    assert legality.has_legal_cell(problem.arrays, 0, problem.arrays.free)
    larger = build_problem(design([(101.0, 10.0)], [(0, 0)], nets), 10)
    assert legality.legal_cells(larger.arrays, 0, 0, larger.arrays.free, line, legal) == 0
    assert not legality.has_legal_cell(larger.arrays, 0, larger.arrays.free)


def test_cells_that_a_fixed_macro_touches_are_not_free() -> None:
    # From 15 to 30 in x and from 20 to 40 in y: columns 1 and 2 (the first in part), rows 2 and 3.
    nodes, nets = [(MACRO, 15, 20), (MACRO, 10, 10), (PAD, 0, 0)], [[(0, 0, 0), (1, 0, 0)]]
    drawn = netlist(nodes, nets, {0: (22.5, 30.0), 2: (0, 0)}, fixed=[0])
    problem = build_problem(drawn, 10)
    expected = np.ones((10, 10), bool)
    expected[2:4, 1:3] = False
    np.testing.assert_array_equal(bits_to_cells(problem.arrays.free, 10), expected)
    assert problem.num_macros == 1


def test_a_fixed_macro_that_reaches_over_the_edge_takes_the_cells_inside() -> None:
    nodes, nets = [(MACRO, 40, 40), (MACRO, 10, 10)], [[(0, 0, 0), (1, 0, 0)]]
    drawn = netlist(nodes, nets, {0: (100.0, 0.0)}, canvas=(10, 10, 110, 110), fixed=[0])
    # Its box is [80, 120] × [−20, 20]: in the canvas' own coordinates columns 7 to 9 and row 0.
    free = bits_to_cells(build_problem(drawn, 10).arrays.free, 10)
    assert np.argwhere(~free).tolist() == [[0, 7], [0, 8], [0, 9]]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), placed=st.integers(0, 8), k=st.integers(0, 7))
def test_legal_cells_are_exactly_those_where_the_footprint_overlaps_nothing(
    seed: int, placed: int, k: int
) -> None:
    problem = generated(seed, orientation="any")
    arrays = problem.arrays
    places = np.full((problem.num_macros, 3), -1, np.int64)
    greedy_decode(arrays, np.arange(placed), places)
    free = legality.free_cells(arrays, places)
    empty = occupied_cells(problem, places) == 0
    np.testing.assert_array_equal(bits_to_cells(free, 16), empty)
    legal, line = np.empty((16, 16), np.uint8), np.empty(1, np.uint64)
    count = legality.legal_cells(arrays, placed, k, free, line, legal)
    size = arrays.footprint_w[k, placed], arrays.footprint_h[k, placed]
    expected = [[footprint_fits(empty, i, j, *size) for i in range(16)] for j in range(16)]
    np.testing.assert_array_equal(legal.astype(bool), expected)
    assert count == legal.sum()


def test_occupying_and_releasing_a_macro_changes_its_cells_alone() -> None:
    problem = build_problem(design([(30.0, 20.0)], [(0, 0)], [[(0, 0, 0), (1, 0, 0)]]), 10)
    free = problem.arrays.free.copy()
    legality.occupy(problem.arrays, free, 0, np.array([4, 5, 0]))
    assert np.argwhere(~bits_to_cells(free, 10)).tolist() == [[r, c] for r in (5, 6) for c in (4, 5, 6)]
    legality.release(problem.arrays, free, 0, np.array([4, 5, 0]))
    np.testing.assert_array_equal(free, problem.arrays.free)


def test_the_nearest_legal_cell_is_the_least_distance_in_columns_and_rows() -> None:
    # A macro of 2 × 2 cells; columns 3 to 5 are taken in rows 2 to 9, so from (4, 5) it is two columns to the
    # left end: columns 2 − 1 = 1 (three away), or 6 (two away).
    problem = build_problem(design([(20.0, 20.0)], [(0, 0)], [[(0, 0, 0), (1, 0, 0)]]), 10)
    free = problem.arrays.free.copy()
    bitgrid.fill(free, 3, 2, 3, 8, True)
    assert legality.nearest_legal_cell(problem.arrays, 0, 0, 4, 5, free) == (6, 5, 0)
    # From (4, 2) two rows down is as near as two columns to the right.
    column, row, _ = legality.nearest_legal_cell(problem.arrays, 0, 0, 4, 2, free)
    assert abs(column - 4) + abs(row - 2) == 2
    # From (4, 1) it is one row down.
    assert legality.nearest_legal_cell(problem.arrays, 0, 0, 4, 1, free) == (4, 0, 0)


def test_where_an_orientation_has_no_legal_cell_the_next_one_that_has_is_taken() -> None:
    # 60 × 20 on a canvas of which only columns 0 and 1 are free: upright it fits nowhere, turned it does.
    problem = build_problem(design([(60.0, 20.0)], [(0, 0)], [[(0, 0, 0), (1, 0, 0)]]), 10, "any")
    free = problem.arrays.free.copy()
    bitgrid.fill(free, 2, 0, 8, 10, True)
    column, row, k = legality.nearest_legal_cell(problem.arrays, 0, 0, 5, 3, free)
    assert (column, row) == (0, 3)
    assert problem.arrays.footprint_w[k, 0] == 2

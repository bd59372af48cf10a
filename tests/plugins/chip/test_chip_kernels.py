"""Wire masks, legal cells and the greedy decoder against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from chip_support import design
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.api import InvalidValueError
from sandbox_chip import cells, costs, grid, kernels, moves, search
from sandbox_chip.generator import Recipe, generate


def problem_of(seed: int, size: int = 16, orientation: str = "fixed", macros: int = 9) -> grid.Problem:
    recipe = Recipe("mixed", (macros, macros), (0.35, 0.5), grid=size)
    return grid.build(generate(recipe, seed), size, orientation)


def partial(problem: grid.Problem, placed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first macros placed greedily: places, free cells, bounds."""
    places = np.full((problem.count, 3), -1, np.int64)
    kernels.greedy_decode(problem.arrays, np.arange(placed), places)
    places[placed:, 2] = -1
    return places, moves.occupied(problem.arrays, places), kernels.all_bounds(problem.arrays, places)


def test_half_perimeter_of_a_hand_worked_net() -> None:
    # A macro of 20 × 10 at column 2, row 3 of a grid of 10-µm cells has its centre at (30, 35); its pin
    # at (+10, −5) is at (40, 30). With a pad at (0, 100) the net spans 40 + 70.
    netlist = design([(20.0, 10.0)], [(0.0, 100.0)], [[(0, 10.0, -5.0), (1, 0.0, 0.0)]], weights=[2.0])
    problem = grid.build(netlist, 10)
    places = np.array([[2, 3, 0]])
    bounds = kernels.all_bounds(problem.arrays, places)
    assert kernels.wirelength(problem.arrays, bounds) == 2 * (40 + 70)
    assert costs.hpwl(problem.netlist, *problem.centres(places)) == 220


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), placed=st.integers(0, 7), turn=st.integers(0, 7))
def test_the_wire_mask_is_the_growth_of_the_wirelength_everywhere(seed: int, placed: int, turn: int) -> None:
    problem = problem_of(seed, orientation="any")
    arrays = problem.arrays
    places, _, bounds = partial(problem, placed)
    before = kernels.wirelength(arrays, bounds)
    scratch = np.empty((4, 2 * problem.grid))
    columns = problem.grid - arrays.cells_w[turn, placed] + 1
    rows = problem.grid - arrays.cells_h[turn, placed] + 1
    fixed = kernels.corner_costs(arrays, placed, turn, bounds, columns, rows, scratch)
    rng = np.random.default_rng(seed)
    for _ in range(10):
        column, row = int(rng.integers(columns)), int(rng.integers(rows))
        places[placed] = column, row, turn
        after = kernels.wirelength(arrays, kernels.all_bounds(arrays, places))
        assert scratch[0][column] + scratch[1][row] + fixed == pytest.approx(after - before, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), placed=st.integers(0, 8))
def test_the_cheapest_cell_is_the_least_of_all_legal_cells(seed: int, placed: int) -> None:
    problem = problem_of(seed)
    arrays = problem.arrays
    places, free, bounds = partial(problem, placed)
    at = np.empty(3, np.int64)
    scratch, line = np.empty((4, 2 * problem.grid)), np.empty(1, np.uint64)
    best = kernels.best_place(arrays, placed, free, bounds, scratch, line, 1e300, at)
    column, row, k = at
    taken = np.zeros((problem.grid, problem.grid), bool)
    for macro in range(placed):
        x, y, _ = places[macro]
        taken[y : y + arrays.cells_h[0, macro], x : x + arrays.cells_w[0, macro]] = True
    least = np.inf
    for y in range(problem.grid - arrays.cells_h[0, placed] + 1):
        for x in range(problem.grid - arrays.cells_w[0, placed] + 1):
            if not taken[y : y + arrays.cells_h[0, placed], x : x + arrays.cells_w[0, placed]].any():
                least = min(least, kernels.extend(arrays, placed, np.array([x, y, 0]), bounds.copy()))
    assert best == pytest.approx(least, abs=1e-6)
    assert cells.fits(free, column, row, arrays.cells_w[k, placed], arrays.cells_h[k, placed])


@pytest.mark.parametrize("size", [16, 70])
def test_greedy_and_searches_place_everything_without_overlap(size: int) -> None:
    # 70 columns take two words of bits.
    problem = problem_of(5, size, macros=12)
    greedy = search.greedy(problem)
    order = search.order_search(problem, search.Clock(None, 60), 0)
    rebuilt = search.rebuild_search(problem, search.Clock(None, 300), 0)
    for found in (greedy, order, rebuilt):
        x, y, orientation = problem.centres(found.places)
        assert costs.overlap(problem.netlist, x, y, orientation) == 0
        assert found.cost == pytest.approx(costs.hpwl(problem.netlist, x, y, orientation))
    assert order.cost <= greedy.cost
    assert rebuilt.cost <= greedy.cost
    again = search.rebuild_search(problem, search.Clock(None, 300), 0)
    assert (again.places == rebuilt.places).all()


def test_a_grid_that_cannot_hold_the_macros_is_refused_with_one_that_can() -> None:
    # Four macros of 0.41 of the side lie two by two where 2 · ceil(0.41 g) ≤ g.
    netlist = design([(41.0, 41.0)] * 4, [(0.0, 0.0)], [[(i, 0.0, 0.0), (4, 0.0, 0.0)] for i in range(4)])
    grid.require_fit(grid.build(netlist, 10))  # 5 + 5 cells
    grid.require_fit(grid.build(netlist, 11))  # 41 % of 11 cells is 4.51: 5 + 5 = 10, fits
    too_small = grid.build(netlist, 3)  # 1.23 cells become 2, and 2 + 2 > 3
    with pytest.raises(InvalidValueError) as caught:
        grid.require_fit(too_small)
    assert "cannot be packed on a grid of 3" in caught.value.message
    assert "1.78" in caught.value.message  # 4 · 2² / 3²
    assert "smallest grid that fits is 4" in caught.value.hint


def test_a_macro_larger_than_the_canvas_is_named() -> None:
    netlist = design([(120.0, 10.0)], [(0.0, 0.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0)]])
    with pytest.raises(InvalidValueError, match=r"m0 \(120 × 10\) is larger than the canvas"):
        grid.require_fit(grid.build(netlist, 16))


def test_generated_designs_follow_their_seed_and_recipe() -> None:
    recipe = Recipe("heavy", (20, 20), (0.5, 0.5), grid=32)
    one, same, other = generate(recipe, 7), generate(recipe, 7), generate(recipe, 8)
    assert (one.pin_x == same.pin_x).all()
    assert (one.net_pins == same.net_pins).all()
    assert len(one.pin_x) != len(other.pin_x) or (one.pin_x != other.pin_x).any()
    assert one.utilisation <= 0.5 + 1e-9
    on_rim = (one.x[20:] % 1000 == 0) | (one.y[20:] % 1000 == 0)
    assert on_rim.all()
    inside = np.abs(one.pin_x) <= one.width[one.pin_node] / 2 + 1e-9
    assert inside.all()

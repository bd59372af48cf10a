"""Steps of a placement, worked out by hand: growth, overflow, congestion, dead ends and final metrics."""

from __future__ import annotations

import numpy as np
import pytest
from chip_support import design, generated, occupied_cells, two_macros
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox_chip import costs
from sandbox_chip.designs import Design
from sandbox_chip.dynamics import PlacementState, initial_state, place_next
from sandbox_chip.finish import finish
from sandbox_chip.kernels import legality
from sandbox_chip.kernels.wirelength import all_bounds
from sandbox_chip.metrics import final_metrics
from sandbox_chip.plugin import METRICS
from sandbox_chip.problem import build_problem
from sandbox_chip.technology import Technology


def test_the_state_before_the_first_macro_holds_the_fixed_pins_alone() -> None:
    nets = [[(0, 0, 0), (1, 0, 0), (2, 0, 0)]]
    problem = build_problem(design([(20.0, 20.0)], [(0.0, 0.0), (30.0, 40.0)], nets, weights=[2.0]), 10)
    state = initial_state(problem)
    assert state.wirelength == 2 * (30 + 40)
    assert (state.num_placed, state.overflow, state.over) == (0, 0.0, False)
    assert state.places.tolist() == [[-1, -1, -1]]
    assert state.bounds.tolist() == [[0, 30, 0, 40]]


def test_a_step_adds_the_growth_of_every_net_of_the_macro() -> None:
    problem = two_macros().problem
    state = initial_state(problem)
    step = place_next(problem, state, 0, 0.8)
    # A's centre is (10, 10): net 0 spans 10 + 10 to the pad at (0, 0), net 1 twice 30 + 30 to (40, 40).
    assert step.legal
    assert step.wirelength == state.wirelength == 20 + 2 * 60
    # B at (3, 3) has its centre at (35, 35), inside the box of net 1.
    step = place_next(problem, state, 3 * 4 + 3, 0.8)
    assert step.wirelength == 0
    assert state.places.tolist() == [[0, 0, 0], [3, 3, 0]]
    assert state.over
    assert not state.dead_end


def test_an_action_is_orientation_then_row_then_column() -> None:
    nets = [[(0, 0, 0), (1, 0, 0)]]
    problem = build_problem(design([(30.0, 10.0)], [(0.0, 0.0)], nets), 10, "any")
    for k, row, column in ((0, 2, 5), (3, 9, 7), (4, 1, 8), (7, 0, 0)):
        state = initial_state(problem)
        assert place_next(problem, state, (k * 10 + row) * 10 + column, 0.8).legal
        assert state.places.tolist() == [[column, row, k]]


def test_an_illegal_action_puts_the_macro_on_the_nearest_legal_cell() -> None:
    problem = two_macros().problem
    state = initial_state(problem)
    # A is two cells wide: at column 3 it would reach over the edge.
    assert not place_next(problem, state, 1 * 4 + 3, 0.8).legal
    assert state.places[0].tolist() == [2, 1, 0]
    # B on A's upper right cell: one column to the right or one row up.
    assert not place_next(problem, state, 2 * 4 + 2, 0.8).legal
    column, row, _ = state.places[1]
    assert abs(column - 2) + abs(row - 2) == 1
    assert occupied_cells(problem, state.places).max() == 1


def test_overflow_is_the_area_above_the_target_in_eight_by_eight_bins() -> None:
    problem = two_macros().problem
    state = initial_state(problem)
    # Bins of 5 × 5 µm: A fills sixteen of 25 µm² where 0.8 · 25 are allowed; the macros have 500 µm².
    assert place_next(problem, state, 0, 0.8).overflow == pytest.approx(16 * 5 / 500)
    assert place_next(problem, state, 15, 0.8).overflow == pytest.approx(4 * 5 / 500)
    assert state.bin_area.sum() == pytest.approx(500)
    # With the whole bin allowed nothing overflows.
    state = initial_state(problem)
    assert place_next(problem, state, 0, 1.0).overflow == 0


def test_a_macro_that_covers_bins_in_part_overflows_less() -> None:
    nets = [[(0, 0, 0), (1, 0, 0)]]
    problem = build_problem(design([(15.0, 5.0)], [(0.0, 0.0)], nets, side=80.0), 8)
    state = initial_state(problem)
    # Bins of 10 × 10: half of one and a quarter of the next are covered, 50 and 25 µm²; 40 are allowed.
    assert place_next(problem, state, 0, 0.4).overflow == pytest.approx(10 / 75)
    assert state.bin_area[0, :2].tolist() == [50, 25]


def test_congestion_is_that_of_the_boxes_of_all_nets() -> None:
    problem = two_macros().problem
    state = initial_state(problem)
    place_next(problem, state, 0, 0.8)
    place_next(problem, state, 15, 0.8)
    # Net 0: box [0, 10] × [0, 10], 1/10 + 1/10 in cell (0, 0). Net 1, weight 2: box [10, 40] × [10, 40],
    # 2 · (1/30 + 1/30) in nine cells. The unit is (1 + 2) · 80 over the canvas.
    unit = 40 * 40 / (3 * 80)
    expected = np.zeros((4, 4))
    expected[0, 0], expected[1:, 1:] = 0.2 * unit, 4 / 30 * unit
    np.testing.assert_allclose(state.rudy, expected, atol=1e-12)
    # A tenth of 16 cells is one.
    assert state.rudy_peak == pytest.approx(0.2 * unit)


def dead_end() -> tuple[Design, PlacementState, float]:
    """A bar of 30 × 20 in the middle rows of a canvas of 40 × 40 leaves a square of 20 × 20 no room."""
    nets = [[(0, 0, 0), (1, 0, 0)]]
    problem = build_problem(design([(30.0, 20.0), (20.0, 20.0)], [], nets, 40.0, [3.0]), 4)
    state = initial_state(problem)
    step = place_next(problem, state, 1 * 4 + 0, 0.8)
    technology = Technology(4, 4, 5.0, 5.0, 2.0, 2.0, 0)
    return Design(problem, technology, np.zeros((2, 2))), state, step.wirelength


def test_at_a_dead_end_nets_of_macros_not_placed_count_as_spanning_the_canvas() -> None:
    _, state, growth = dead_end()
    assert state.dead_end
    assert state.over
    assert growth == state.wirelength == 3 * 80


def test_metrics_of_a_dead_end_charge_what_was_not_placed() -> None:
    design_, state, _ = dead_end()
    metrics = final_metrics(design_, state, finish(design_, state))
    assert metrics["placed"] == 0.5
    assert metrics["hpwl"] == 240
    assert metrics["wirelength"] == 1  # the worst there is
    # The bar fills six of sixteen cells; the densest tenth of 16 is one. 400 of 1,000 µm² were not placed.
    assert metrics["density"] == pytest.approx(0.5 + 0.4)
    assert metrics["proxy"] == pytest.approx(1 + 0.5 * metrics["density"] + 0.5 * metrics["congestion"])


def test_metrics_of_a_finished_placement_are_the_costs_of_its_netlist() -> None:
    design_ = two_macros()
    problem, state = design_.problem, initial_state(design_.problem)
    place_next(problem, state, 0, 0.8)
    place_next(problem, state, 15, 0.8)
    metrics = final_metrics(design_, state, finish(design_, state))
    assert list(metrics) == [metric.name for metric in METRICS]
    assert metrics["hpwl"] == 140
    assert metrics["wirelength"] == pytest.approx(140 / 240)
    assert metrics["density"] == pytest.approx(0.5)  # the densest tenth is one cell, which is full
    assert metrics["placed"] == 1
    assert metrics["overlap"] == 0
    expected = costs.evaluate(problem.netlist, design_.technology, *problem.centres(state.places))
    assert metrics["congestion"] == pytest.approx(expected.congestion)
    assert metrics["proxy"] == pytest.approx(expected.proxy)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), orientation=st.sampled_from(["fixed", "mirror", "any"]))
def test_any_actions_give_legal_placements_whose_growths_add_up(seed: int, orientation: str) -> None:
    problem = generated(seed, 12, orientation, macros=7)
    state, rng = initial_state(problem), np.random.default_rng(seed)
    grown = problem.fixed_wirelength
    while not state.over:
        action = int(rng.integers(problem.num_choices * 144))
        grown += place_next(problem, state, action, 0.8).wirelength
        assert occupied_cells(problem, state.places).max() == 1
        np.testing.assert_array_equal(state.free, legality.free_cells(problem.arrays, state.places))
        np.testing.assert_allclose(state.bounds, all_bounds(problem.arrays, state.places))
        if not state.dead_end:
            placed_area = problem.area_shares[: state.num_placed].sum() * 1e6
            assert state.bin_area.sum() == pytest.approx(placed_area)
    assert grown == pytest.approx(state.wirelength)
    if not state.dead_end:
        expected = costs.hpwl(problem.netlist, *problem.centres(state.places))
        assert state.wirelength == pytest.approx(expected)

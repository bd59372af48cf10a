"""Classical placers: legal, no worse than where they start, exact in their sums, held to their budget."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from chip_support import design, generated, netlist, occupied_cells
from hypothesis import given, settings
from hypothesis import strategies as st

import sandbox
from sandbox.api import InvalidValueError
from sandbox_chip import costs
from sandbox_chip.generator import Recipe, generate_problem
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.netlist import MACRO, PAD
from sandbox_chip.placers import annealing, overlap_annealing, rebuild
from sandbox_chip.placers.analytic import analytic
from sandbox_chip.placers.annealing import anneal
from sandbox_chip.placers.greedy import greedy, start_placement
from sandbox_chip.placers.hill_climbing import hill_climbing
from sandbox_chip.placers.initial import initial
from sandbox_chip.placers.quadratic import quadratic_targets
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem, build_problem

Search = Callable[[Problem, SearchBudget, int], SearchResult]

SEARCHES: dict[str, tuple[Search, int]] = {
    "hill-climbing": (hill_climbing, 200),
    "annealing": (anneal, 6_000),
    "rebuild": (rebuild.rebuild, 600),
    "overlap-annealing": (overlap_annealing.overlap_annealing, 6_000),
    "analytic": (analytic, 60),
}
"""Each search with evaluations that take some 100 ms."""


def a_problem(orientation: str = "fixed") -> Problem:
    return generate_problem(Recipe("heavy", (14, 14), (0.4, 0.4), grid=20), 3, orientation)[1]


def small_problem() -> Problem:
    """Three macros of one cell each on a grid of 3 × 3 whose best placement is not the greedy one.

    Greedy puts the first macro in the middle between its pads; there it is in the way of the others.
    """
    nets = [
        [(0, 0.0, 0.0), (3, 0.0, 0.0), (4, 0.0, 0.0)],
        [(1, 0.0, 0.0), (5, 0.0, 0.0)],
        [(2, 0.0, 0.0), (0, 0.0, 0.0)],
        [(1, 0.0, 0.0), (2, 0.0, 0.0)],
    ]
    sizes = [(10.0, 10.0), (9.9, 9.9), (9.8, 9.8)]
    return build_problem(
        design(sizes, [(0.0, 15.0), (30.0, 15.0), (15.0, 15.0)], nets, 30.0, [1, 4, 1, 1]), 3
    )


def optimum(problem: Problem) -> float:
    """The least wirelength of all placements of macros of one cell each."""
    cells = list(itertools.product(range(problem.grid), repeat=2))
    placements = itertools.permutations(cells, problem.num_macros)
    upright = np.zeros(problem.num_macros, np.int64)
    return min(
        wirelength(problem.arrays, all_bounds(problem.arrays, np.column_stack((np.array(cells_), upright))))
        for cells_ in placements
    )


@pytest.mark.parametrize("name", ["hill-climbing", "annealing", "rebuild", "overlap-annealing"])
def test_searches_reach_the_optimum_of_a_problem_small_enough_to_enumerate(name: str) -> None:
    problem = small_problem()
    search, evaluations = SEARCHES[name]
    best = optimum(problem)
    assert greedy(problem).cost > best + 1e-9
    assert search(problem, SearchBudget(None, evaluations), 0).cost == pytest.approx(best)


@pytest.mark.parametrize("orientation", ["fixed", "mirror"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_places_everything_without_overlap_and_counts_its_wirelength(
    name: str, orientation: str
) -> None:
    problem = a_problem(orientation)
    search, evaluations = SEARCHES[name]
    result = search(problem, SearchBudget(None, evaluations), 0)
    x, y, turned = problem.centres(result.places)
    assert occupied_cells(problem, result.places).max() == 1
    assert costs.overlap(problem.netlist, x, y, turned) == 0
    assert result.cost == pytest.approx(costs.hpwl(problem.netlist, x, y, turned))
    assert result.evaluations >= evaluations


@pytest.mark.parametrize("size", [16, 70])
def test_greedy_and_searches_place_everything_on_grids_of_one_and_two_words(size: int) -> None:
    problem = generated(5, size, macros=12)
    start = greedy(problem)
    climbed = hill_climbing(problem, SearchBudget(None, 60), 0)
    rebuilt = rebuild.rebuild(problem, SearchBudget(None, 300), 0)
    for result in (start, climbed, rebuilt):
        assert occupied_cells(problem, result.places).max() == 1
        expected = costs.hpwl(problem.netlist, *problem.centres(result.places))
        assert result.cost == pytest.approx(expected)
    assert climbed.cost <= start.cost
    assert rebuilt.cost <= start.cost


@pytest.mark.parametrize("name", SEARCHES)
def test_the_same_seed_repeats_a_search(name: str) -> None:
    problem = a_problem()
    search, evaluations = SEARCHES[name]
    runs = [search(problem, SearchBudget(None, evaluations // 4), seed) for seed in (1, 1, 2)]
    assert (runs[0].places == runs[1].places).all()
    assert runs[0].cost == runs[1].cost
    if name in ("annealing", "rebuild"):
        assert (runs[0].places != runs[2].places).any()


@pytest.mark.parametrize("name", ["hill-climbing", "annealing", "rebuild", "overlap-annealing"])
def test_a_search_never_ends_above_greedy_and_its_history_falls(name: str) -> None:
    problem = a_problem()
    search, evaluations = SEARCHES[name]
    result = search(problem, SearchBudget(None, evaluations), 0)
    best = [cost for _, cost in result.history]
    assert best[0] == greedy(problem).cost
    assert all(after <= before + 1e-6 for before, after in itertools.pairwise(best))
    assert best[-1] == result.cost < best[0]
    times = [seconds for seconds, _ in result.history]
    assert times == sorted(times)


@pytest.mark.parametrize("orientation", ["fixed", "mirror"])
def test_what_annealing_adds_up_over_its_moves_is_the_wirelength(orientation: str) -> None:
    result = anneal(a_problem(orientation), SearchBudget(None, 20_000), 0)
    # What the moves added up, and what was counted from scratch at the end, are the last two entries.
    assert result.history[-1][1] == pytest.approx(result.history[-2][1], rel=1e-9)


def test_a_search_from_a_given_placement_never_ends_above_it() -> None:
    problem = a_problem()
    start = hill_climbing(problem, SearchBudget(None, 50), 1)
    for search in (rebuild.rebuild, anneal, overlap_annealing.overlap_annealing):
        result = search(problem, SearchBudget(None, 200), 2, start=start.places)
        assert result.cost <= start.cost + 1e-6
        assert result.history[0][1] == pytest.approx(start.cost)


def test_where_greedy_ends_in_a_dead_end_a_search_begins_from_a_packing() -> None:
    # A pad in the middle draws the first macro of 2 × 2 cells there, and no other fits beside it on a grid of
    # 4.
    nets = [[(node, 0.0, 0.0), (4, 0.0, 0.0)] for node in range(4)]
    problem = build_problem(design([(20.0, 20.0)] * 4, [(20.0, 20.0)], nets, 40.0), 4)
    assert np.isinf(greedy(problem).cost)
    start = start_placement(problem)
    # Four corners: each centre is 10 + 10 from the pad.
    assert start.cost == 4 * 20
    assert rebuild.rebuild(problem, SearchBudget(None, 20), 0).cost == 80


def test_a_single_macro_needs_no_search() -> None:
    problem = build_problem(design([(20.0, 20.0)], [(55.0, 45.0)], [[(0, 0, 0), (1, 0, 0)]]), 10)
    # Its centre lies at 10, 20 … 90: 50 or 60, and 40 or 50.
    for search, _ in SEARCHES.values():
        assert search(problem, SearchBudget(None, 50), 0).cost == 10


# Moves of simulated annealing


def proposals(problem: Problem, move: str, count: int = 200) -> list[tuple[list[int], np.ndarray]]:
    """Macros and new places of moves of one kind from the greedy placement."""
    chances = np.array([name == move for name in annealing.MOVES], float)
    rng, places = np.random.default_rng(0), greedy(problem).places
    drawn = []
    for _ in range(count):
        chosen = np.full(annealing.MAX_MACROS, -1, np.int64)
        new = np.empty((annealing.MAX_MACROS, 3), np.int64)
        size = annealing.propose(problem.arrays, rng, places, chosen, new, np.cumsum(chances))
        drawn.append((chosen[:size].tolist(), new[:size].copy()))
    return drawn


def test_a_shift_moves_a_macro_by_one_cell_along_one_axis() -> None:
    problem = a_problem("mirror")
    places = greedy(problem).places
    steps = {tuple((new[0] - places[macro]).tolist()) for (macro,), new in proposals(problem, "shift")}
    assert steps == {(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0)}


def test_a_move_takes_a_macro_to_any_cell_of_the_grid() -> None:
    problem = a_problem("mirror")
    places = greedy(problem).places
    for (macro,), new in proposals(problem, "move"):
        assert new[0, 2] == places[macro, 2]
        assert 0 <= new[0, :2].min() <= new[0, :2].max() < problem.grid
    columns = {int(new[0, 0]) for _, new in proposals(problem, "move")}
    assert len(columns) > 0.9 * problem.grid


def test_a_mirror_changes_the_orientation_alone_and_becomes_a_shift_where_there_is_one() -> None:
    problem = a_problem("mirror")
    places = greedy(problem).places
    drawn = proposals(problem, "mirror")
    for (macro,), new in drawn:
        assert (new[0, :2] == places[macro, :2]).all()
    assert {int(new[0, 2]) for _, new in drawn} == {0, 1, 2, 3}
    upright = a_problem()
    places = greedy(upright).places
    for (macro,), new in proposals(upright, "mirror"):
        assert abs(new[0] - places[macro]).sum() == 1


@pytest.mark.parametrize(("move", "size"), [("swap", 2), ("shuffle", 4)])
def test_a_swap_and_a_shuffle_pass_corners_around(move: str, size: int) -> None:
    problem = a_problem("mirror")
    places = greedy(problem).places
    for macros, new in proposals(problem, move):
        assert len(set(macros)) == size
        before, after = places[macros], new
        assert sorted(map(tuple, after[:, :2].tolist())) == sorted(map(tuple, before[:, :2].tolist()))
        assert (after[:, :2] != before[:, :2]).any(1).all()
        assert (after[:, 2] == before[:, 2]).all()


def test_two_macros_alone_are_swapped_where_that_is_shorter() -> None:
    # Both are of one cell; each lies at the other's pad.
    nets = [[(0, 0.0, 0.0), (2, 0.0, 0.0)], [(1, 0.0, 0.0), (3, 0.0, 0.0)]]
    problem = build_problem(design([(10.0, 10.0)] * 2, [(5.0, 5.0), (95.0, 95.0)], nets), 10)
    crossed = np.array([[9, 9, 0], [0, 0, 0]])
    budget, swap_only = SearchBudget(None, 1), (1.0, 0.0, 0.0, 0.0, 0.0)
    result = anneal(problem, budget, 0, start=crossed, chances=swap_only)
    assert result.cost == 0
    assert result.places.tolist() == [[0, 0, 0], [9, 9, 0]]


# Annealing in which macros may overlap


def moves_of_overlap_annealing(
    problem: Problem, places: np.ndarray, heat: float, price: float, tries: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Cells as the moves count them, and bounds of nets; ``places`` is changed."""
    arrays, nets = problem.arrays, len(problem.arrays.net_weight)
    covered, bounds = overlap_annealing._covered(arrays, places), all_bounds(arrays, places)
    memory = np.empty(2 * nets, np.int64), np.empty((2 * nets, 4)), np.zeros(nets, np.int64)
    rng = np.random.default_rng(seed)
    overlap_annealing._make_moves(arrays, rng, places, covered, bounds, heat, price, 10, tries, memory, 0)
    return covered, bounds


@pytest.mark.parametrize("orientation", ["fixed", "any"])
def test_moves_that_may_overlap_keep_count_of_cells_and_nets(orientation: str) -> None:
    problem = a_problem(orientation)
    places = greedy(problem).places
    start = places.copy()
    covered, bounds = moves_of_overlap_annealing(problem, places, 1e6, 0.0, 2000)
    assert (places != start).any(0).tolist() == [True, True, orientation == "any"]
    assert occupied_cells(problem, places).max() > 1
    np.testing.assert_array_equal(covered, occupied_cells(problem, places))
    np.testing.assert_allclose(bounds, all_bounds(problem.arrays, places))


@pytest.mark.parametrize("orientation", ["fixed", "any"])
def test_where_shared_cells_are_dear_no_move_shares_more(orientation: str) -> None:
    problem = a_problem(orientation)
    places = greedy(problem).places
    moves_of_overlap_annealing(problem, places, 1e6, 0.0, 2000)
    shared = []
    for seed in range(60):
        covered, _ = moves_of_overlap_annealing(problem, places, 1e-6, 1e9, 40, seed)
        shared.append(int((covered * (covered - 1) // 2).sum()))
    assert all(after <= before for before, after in itertools.pairwise(shared))
    assert shared[-1] < shared[0]


# Ruin and recreate


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), most=st.integers(1, 8))
def test_macros_that_are_taken_out_are_different_ones(seed: int, most: int) -> None:
    problem, rng = generated(seed, macros=12), np.random.default_rng(seed)
    places, chosen = greedy(problem).places, np.empty(8, np.int64)
    for _ in range(20):
        size = rebuild._choose(problem.arrays, rng, places, chosen, most)
        assert 1 <= size <= most
        assert len(set(chosen[:size].tolist())) == size


def test_related_macros_share_a_net_or_are_the_nearest_of_a_few() -> None:
    # Two clusters without a common net, in opposite corners.
    nets = [
        [(a, 0.0, 0.0), (b, 0.0, 0.0)] for cluster in ((0, 1, 2), (3, 4, 5)) for a in cluster for b in cluster
    ]
    problem = build_problem(design([(10.0, 10.0)] * 6, [], [net for net in nets if net[0] != net[1]]), 10)
    places = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [9, 9, 0], [8, 9, 0], [9, 8, 0]])
    rng = np.random.default_rng(0)
    by_net = {rebuild._related(problem.arrays, rng, places, 0, False) for _ in range(100)}
    assert by_net <= {0, 1, 2}
    near = [rebuild._related(problem.arrays, rng, places, 0, True) for _ in range(300)]
    # The nearest of four drawn at random is one of the own corner unless none of them was drawn: (4/6)⁴.
    assert 0 not in near
    assert np.isin(near, [1, 2]).mean() == pytest.approx(1 - (4 / 6) ** 4, abs=0.08)


# Quadratic and analytic placement


def chain() -> Problem:
    """Two cells in a row between pads at 0 and 100."""
    nets = [
        [(2, 0.0, 0.0), (0, 0.0, 0.0)],
        [(0, 0.0, 0.0), (1, 0.0, 0.0)],
        [(1, 0.0, 0.0), (3, 0.0, 0.0)],
    ]
    return build_problem(design([(10.0, 10.0)] * 2, [(0.0, 55.0), (100.0, 55.0)], nets), 10)


def test_the_quadratic_placement_of_a_chain_is_that_of_its_energy() -> None:
    # Two pins have the energy (a − b)²/2, a pad's like any other: three equal springs in a row, each 100/3
    # long. Version 1 counted a pad twice and had 30 and 70.
    targets = quadratic_targets(chain())
    assert targets == pytest.approx(np.array([[100 / 3, 55.0], [200 / 3, 55.0]]), abs=0.01)


def test_the_quadratic_placement_minimises_its_energy() -> None:
    problem = generated(4, macros=8)
    targets = quadratic_targets(problem)

    def energy(centres: np.ndarray) -> float:
        arrays, total = problem.arrays, 0.0
        for net in range(len(arrays.net_weight)):
            entries = range(arrays.net_start[net], arrays.net_start[net + 1])
            pins = [
                centres[arrays.net_macro[at]] + arrays.pin_box[0, arrays.net_entry[at]].reshape(2, 2).mean(1)
                for at in entries
            ]
            count, sum_x, sum_y = arrays.fixed_pins[net]
            assert count <= 1  # a generated net has one pad at most
            pins += [np.array([sum_x, sum_y])] * int(count)
            total += arrays.net_weight[net] * ((np.array(pins) - np.mean(pins, 0)) ** 2).sum()
        return total

    rng = np.random.default_rng(0)
    best = energy(targets)
    for _ in range(30):
        # Targets at the edge of the canvas are cut there, so that steps go inwards.
        moved = targets + rng.normal(0, 20, targets.shape)
        moved[:, 0] = np.clip(moved[:, 0], problem.arrays.half_w[0], 1000 - problem.arrays.half_w[0])
        moved[:, 1] = np.clip(moved[:, 1], problem.arrays.half_h[0], 1000 - problem.arrays.half_h[0])
        assert energy(moved) > best * (1 - 1e-3)


def test_without_nets_macros_are_held_in_the_middle_and_anchors_draw_them() -> None:
    nets = [[(0, 0.0, 0.0), (1, 0.0, 0.0)]]
    problem = build_problem(design([(20.0, 20.0), (10.0, 10.0)], [], nets), 10)
    assert quadratic_targets(problem) == pytest.approx(np.full((2, 2), 50.0))
    anchors = np.array([[20.0, 30.0], [80.0, 90.0]])
    drawn = quadratic_targets(problem, anchors, np.full(2, 1e6))
    assert drawn == pytest.approx(anchors, abs=0.01)


def test_targets_stay_where_the_macro_lies_inside_the_canvas() -> None:
    nets = [[(0, 0.0, 0.0), (1, 0.0, 0.0)]]
    problem = build_problem(design([(40.0, 20.0)], [(0.0, 100.0)], nets), 10)
    assert quadratic_targets(problem)[0] == pytest.approx([20, 90])
    as_long_as_the_canvas = build_problem(design([(100.0, 20.0)], [(0.0, 100.0)], nets), 10)
    assert quadratic_targets(as_long_as_the_canvas)[0] == pytest.approx([50, 90])


def test_the_analytic_placer_has_the_optimum_of_a_chain() -> None:
    # Any order-keeping placement on the pads' row has the wirelength of the distance of the pads.
    assert analytic(chain(), SearchBudget(None, 3), 0).cost == pytest.approx(100.0)


# The file's own placement


def placed_pair(x: float, other_x: float) -> Problem:
    nodes, nets = [(MACRO, 20, 20), (MACRO, 20, 20), (PAD, 0, 0)], [[(0, 0, 0), (1, 0, 0), (2, 0, 0)]]
    return build_problem(netlist(nodes, nets, {0: (x, 30.0), 1: (other_x, 30.0), 2: (0.0, 0.0)}), 10)


def test_a_placement_of_the_file_moves_to_the_nearest_legal_cells() -> None:
    result = initial(placed_pair(31.0, 34.0))
    assert result is not None
    # The first macro's corner goes to (20, 20). The second wants (24, 20): two cells to the right is the
    # nearest corner that does not overlap in its row; two rows up or down is (20, 40), 4 + 20 away.
    assert result.places[0].tolist() == [2, 2, 0]
    assert result.places[1].tolist() == [4, 2, 0]
    assert result.cost == 50 + 30


def test_a_placement_on_the_grid_stays_where_it_is() -> None:
    problem = placed_pair(40.0, 80.0)
    result = initial(problem)
    assert result is not None
    x, y, _ = problem.centres(result.places)
    assert x[:2].tolist() == [40, 80]
    assert y[:2].tolist() == [30, 30]
    assert result.cost == costs.hpwl(problem.netlist, problem.netlist.x, problem.netlist.y)


def test_a_file_that_has_not_been_placed_has_no_placement() -> None:
    assert initial(placed_pair(np.nan, 34.0)) is None
    # All corners in one point.
    assert initial(placed_pair(10.0, 10.0)) is None
    shifted = placed_pair(10.0, 10.0)
    assert initial(replace(shifted, netlist=replace(shifted.netlist, y=shifted.netlist.y + 5))) is None


# Budgets


def test_a_budget_counts_evaluations_or_time() -> None:
    budget = SearchBudget(None, 10)
    assert (budget.spent, budget.batch(4)) == (0, 4)
    budget.done = 8
    assert (budget.spent, budget.batch(4)) == (0.8, 2)
    budget.done = 10
    assert (budget.spent, budget.batch(4)) == (1, 0)
    clock = iter([100.0, 101.0, 104.0])
    timed = SearchBudget(4.0, timer=lambda: next(clock))
    assert timed.spent == 0.25
    assert timed.elapsed == 4
    assert timed.batch(4) == 4


def test_time_limits_are_kept_and_refused_where_nobody_searches() -> None:
    problem = a_problem()
    anneal(problem, SearchBudget(None, 10), 0)  # compiled before the clock starts
    begun = time.perf_counter()
    result = anneal(problem, SearchBudget(0.3), 0)
    assert 0.3 <= time.perf_counter() - begun < 3.0
    assert result.history[-1][0] >= 0.3
    with pytest.raises(InvalidValueError, match="none of the agents searches"):
        sandbox.evaluate(["greedy"], "chip/small", episodes=1, seconds=1.0)
    with pytest.raises(InvalidValueError, match="must be positive"):
        sandbox.evaluate(["annealing"], "chip/small", episodes=1, seconds=-1.0)

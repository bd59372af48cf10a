"""Go with the winners: its cost is the proxy cost, its moves are legal, and it lowers what it is asked to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chip_support import two_macros
from test_chip_soft_macros import clustered

from sandbox_chip import costs
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import Design, DesignSource
from sandbox_chip.fit import packing
from sandbox_chip.kernels.proxy import AREA, ROUTES_H, ROUTES_V, Blocks, count_macros, move_block
from sandbox_chip.placers import walkers
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.placers.walkers import WEIGHTS, go_with_the_winners, winners_by_wirelength

GENERATED = {"netlist": "generated:heavy", "grid": 24, "macros_min": 12, "macros_max": 12, "design_seed": 4}


def design_of(folder: Path, name: str) -> Design:
    config = ChipConfig(**clustered(folder), grid=20) if name == "clustered" else ChipConfig(**GENERATED)
    return DesignSource(config).design(0)


def cost_from_scratch(design: Design, blocks: Blocks) -> float:
    proxy, weights = walkers._proxy_arrays(design.problem, design.technology), np.array(WEIGHTS)
    maps, hpwl, _ = walkers.start_counting(proxy, blocks, weights)
    return float(walkers.weighted_cost(proxy, maps, hpwl, weights))


@pytest.mark.parametrize("name", ["generated", "clustered"])
@pytest.mark.parametrize("orientation", ["fixed", "any"])
def test_the_cost_of_a_walker_is_the_proxy_cost_after_any_moves(
    tmp_path: Path, name: str, orientation: str
) -> None:
    options = clustered(tmp_path) | {"grid": 20} if name == "clustered" else GENERATED
    design = DesignSource(ChipConfig(**options, orientation=orientation)).design(0)
    problem, technology = design.problem, design.technology
    proxy = walkers._proxy_arrays(problem, technology)
    walker = walkers._walker(problem, technology, design.soft, greedy(problem).places, WEIGHTS)
    weights = np.array(WEIGHTS)
    assert cost_from_scratch(design, walker.blocks) == pytest.approx(walker.cost)
    x_before, _, _ = problem.centres(walker.places)
    rng = np.random.default_rng(0)
    chances = np.cumsum([0.2] * 5)
    carried = walkers._make_moves(
        problem.arrays, proxy, walker.blocks, rng, walker.places, weights, 1.0, chances, 400
    )
    x, y, orientations = problem.centres(walker.places)
    assert not np.array_equal(x, x_before, equal_nan=True)
    # Soft macros have stayed where the forces had put them.
    soft = problem.netlist.kind == 2
    left, bottom = problem.netlist.canvas[:2]
    if soft.any():
        x[soft], y[soft] = walker.blocks.x[-soft.sum() :] + left, walker.blocks.y[-soft.sum() :] + bottom
    expected = costs.evaluate(problem.netlist, technology, x, y, orientations)
    assert carried == pytest.approx(expected.proxy, rel=1e-12)
    assert cost_from_scratch(design, walker.blocks) == pytest.approx(expected.proxy, rel=1e-12)
    assert costs.overlap(problem.netlist, x, y, orientations) == 0


def proxy(design: Design, places: np.ndarray) -> float:
    x, y, orientation = design.problem.centres(places)
    if design.soft is not None:
        x, y = design.soft.place(x, y, orientation)
    return costs.evaluate(design.problem.netlist, design.technology, x, y, orientation).proxy


@pytest.mark.parametrize("name", ["generated", "clustered"])
def test_the_winner_has_a_lower_proxy_cost_than_greedy_and_repeats(tmp_path: Path, name: str) -> None:
    design = design_of(tmp_path, name)
    result, again = (
        go_with_the_winners(design.problem, design.technology, design.soft, SearchBudget(None, 4000), 1)
        for _ in range(2)
    )
    np.testing.assert_array_equal(result.places, again.places)
    assert result.cost == pytest.approx(proxy(design, result.places))
    assert result.cost < proxy(design, greedy(design.problem).places)
    falling = [cost for _, cost in result.history]
    assert falling == sorted(falling, reverse=True)


def test_a_move_changes_the_cost_as_worked_out_by_hand() -> None:
    """A of 20 × 20 at (10, 10); B of 10 × 10 goes from (25, 5) to (25, 25)."""
    design = two_macros()
    proxy = walkers._proxy_arrays(design.problem, design.technology)
    places = np.array([[0, 0, 0], [2, 0, 0]])
    walker = walkers._walker(design.problem, design.technology, None, places, WEIGHTS)
    weights, moved = np.array(WEIGHTS), np.array([1])
    maps, hpwl, scratch = walkers.start_counting(proxy, walker.blocks, weights)
    # Net 0 spans 10 + 10; net 1, of weight 2, x from 10 to 40 and y from 5 to 40.
    assert hpwl == 20 + 2 * (30 + 35)
    # The densest of 16 cells is full. The most congested has a capacity of 50, of which A takes 20, and 2 for
    # net 1, which runs from A to the right in A's upper right cell.
    assert walkers.weighted_cost(proxy, maps, hpwl, weights) == pytest.approx(150 / 240 + 0.25 + 0.22)
    assert walker.cost == pytest.approx(150 / 240 + 0.25 + 0.22)
    assert maps[ROUTES_H].tolist() == [[1, 0, 0, 0], [0, 2, 2, 0], [0] * 4, [0] * 4]
    assert maps[ROUTES_V].tolist() == [[0, 1, 2, 0], [0, 0, 0, 2], [0, 0, 0, 2], [0] * 4]

    assert count_macros(proxy, walker.blocks, moved, 1, maps, scratch, -1.0) == 130
    assert maps[AREA].tolist() == [[100, 100, 0, 0], [100, 100, 0, 0], [0] * 4, [0] * 4]
    # Without net 1 only net 0 is routed: from the pad at the origin to the right, then up to A's middle.
    assert maps[ROUTES_H].tolist() == [[1, 0, 0, 0], [0] * 4, [0] * 4, [0] * 4]
    move_block(proxy, walker.blocks, 1, 0, 25.0, 25.0, 5.0, 5.0)
    assert count_macros(proxy, walker.blocks, moved, 1, maps, scratch, 1.0) == 2 * (30 + 30)
    assert maps[AREA].tolist() == [[100, 100, 0, 0], [100, 100, 0, 0], [0, 0, 100, 0], [0] * 4]
    # Net 1 is a staircase now, from A through B to the pad at the upper right.
    assert maps[ROUTES_H].tolist() == [[1, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0] * 4]
    assert maps[ROUTES_V].tolist() == [[0, 1, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2], [0] * 4]
    assert walkers.weighted_cost(proxy, maps, 140.0, weights) == pytest.approx(140 / 240 + 0.25 + 0.22)


def test_the_worse_half_follows_the_better_and_goes_its_own_way() -> None:
    design = two_macros()
    corners = [(2, 0), (2, 2), (0, 2), (3, 3)]
    crowd = [
        walkers._walker(
            design.problem, design.technology, None, np.array([[0, 0, 0], [x, y, 0]]), (1.0, 0.0, 0.0)
        )
        for x, y in corners
    ]
    costs_before = sorted(walker.cost for walker in crowd)
    walkers._follow(crowd)
    assert [walker.cost for walker in crowd] == [*costs_before[:2], costs_before[1], costs_before[0]]
    for winner, follower in ((crowd[0], crowd[3]), (crowd[1], crowd[2])):
        np.testing.assert_array_equal(winner.places, follower.places)
        np.testing.assert_array_equal(winner.blocks.pin_x, follower.blocks.pin_x)
        assert not np.shares_memory(winner.places, follower.places)
        assert not np.shares_memory(winner.blocks.pin_x, follower.blocks.pin_x)


def test_other_seeds_are_other_searches_from_any_start(tmp_path: Path) -> None:
    problem = design_of(tmp_path, "generated").problem
    start = packing(problem)
    assert start is not None
    results = [winners_by_wirelength(problem, SearchBudget(None, 4000), seed, start) for seed in (2, 2, 3)]
    np.testing.assert_array_equal(results[0].places, results[1].places)
    assert not np.array_equal(results[0].places, results[2].places)
    before = costs.hpwl(problem.netlist, *problem.centres(start))
    for result in results:
        assert result.cost == pytest.approx(costs.hpwl(problem.netlist, *problem.centres(result.places)))
        assert result.cost < before
        assert result.history[0][1] == pytest.approx(before)


def test_other_weights_make_it_a_search_for_wirelength(tmp_path: Path) -> None:
    design = design_of(tmp_path, "generated")
    result = go_with_the_winners(
        design.problem, design.technology, None, SearchBudget(None, 8000), 0, (1.0, 0.0, 0.0)
    )
    x, y, orientation = design.problem.centres(result.places)
    hpwl = costs.hpwl(design.problem.netlist, x, y, orientation)
    assert result.cost == pytest.approx(hpwl / design.problem.scale)
    assert hpwl < greedy(design.problem).cost

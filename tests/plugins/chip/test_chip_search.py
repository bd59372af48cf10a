"""Classical placers: legal, no worse than where they start, exact in their sums, held to their time."""

from __future__ import annotations

import time

import numpy as np
import pytest
from chip_support import design

import sandbox
from sandbox.api import InvalidValueError
from sandbox_chip import costs, grid, search
from sandbox_chip.analytic import analytic, initial
from sandbox_chip.anneal import anneal
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.search import Clock


def a_problem(orientation: str = "fixed") -> grid.Problem:
    return grid.build(generate(Recipe("heavy", (14, 14), (0.4, 0.4), grid=20), 3), 20, orientation)


@pytest.mark.parametrize("orientation", ["fixed", "mirror"])
def test_annealing_is_legal_and_its_running_sum_is_the_wirelength(orientation: str) -> None:
    problem = a_problem(orientation)
    found = anneal(problem, Clock(None, 20_000), 0)
    x, y, turned = problem.centres(found.places)
    assert costs.overlap(problem.netlist, x, y, turned) == 0
    assert found.cost == pytest.approx(costs.hpwl(problem.netlist, x, y, turned))
    assert found.cost < search.greedy(problem).cost
    # What the moves added up, and what was counted from scratch at the end, are the last two entries.
    assert found.history[-1][1] == pytest.approx(found.history[-2][1], rel=1e-9)


def test_the_analytic_placer_finds_a_legal_placement_and_the_optimum_of_a_chain() -> None:
    problem = a_problem()
    found = analytic(problem, Clock(None, 40), 0)
    assert costs.overlap(problem.netlist, *problem.centres(found.places)) == 0
    assert np.isfinite(found.cost)
    # Two cells in a row between pads at 0 and 100: the quadratic optimum puts their centres at thirds,
    # and any order-keeping placement on the pads' row has the wirelength of the distance of the pads.
    netlist = design(
        [(10.0, 10.0)] * 2,
        [(0.0, 55.0), (100.0, 55.0)],
        [[(2, 0.0, 0.0), (0, 0.0, 0.0)], [(0, 0.0, 0.0), (1, 0.0, 0.0)], [(1, 0.0, 0.0), (3, 0.0, 0.0)]],
    )
    chain = analytic(grid.build(netlist, 10), Clock(None, 3), 0)
    assert chain.cost == pytest.approx(100.0)


def test_a_placement_of_the_file_moves_to_the_nearest_legal_cells() -> None:
    from dataclasses import replace

    netlist = design(
        [(20.0, 20.0), (20.0, 20.0)], [(0.0, 0.0)], [[(0, 0.0, 0.0), (1, 0.0, 0.0), (2, 0.0, 0.0)]]
    )
    assert initial(grid.build(netlist, 10)) is None
    placed = replace(netlist, x=np.array([31.0, 34.0, 0.0]), y=np.array([30.0, 30.0, 0.0]))
    found = initial(grid.build(placed, 10))
    assert found is not None
    # The first macro's corner goes to (20, 20). The second wants (24, 20): two cells to the right is the
    # nearest corner that does not overlap in its row; two rows up or down is (20, 40), 4 + 20 away.
    assert found.places[0].tolist() == [2, 2, 0]
    assert found.places[1].tolist() == [4, 2, 0]


def test_a_search_from_a_given_placement_never_ends_above_it() -> None:
    problem = a_problem()
    start = search.order_search(problem, Clock(None, 50), 1)
    for method in (search.rebuild_search, anneal):
        assert method(problem, Clock(None, 200), 2, start=start.places).cost <= start.cost + 1e-6


def test_time_limits_are_kept_and_refused_where_nobody_searches() -> None:
    problem = a_problem()
    anneal(problem, Clock(None, 10), 0)  # compiled before the clock starts
    begun = time.perf_counter()
    found = anneal(problem, Clock(0.3), 0)
    assert 0.3 <= time.perf_counter() - begun < 3.0
    assert found.history[-1][0] >= 0.3
    with pytest.raises(InvalidValueError, match="none of the agents searches"):
        sandbox.evaluate(["greedy"], "chip/small", episodes=1, seconds=1.0)
    with pytest.raises(InvalidValueError, match="must be positive"):
        sandbox.evaluate(["annealing"], "chip/small", episodes=1, seconds=-1.0)

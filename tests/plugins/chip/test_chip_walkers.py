"""Go with the winners: its cost is the proxy cost, its moves are legal, and it lowers what it is asked to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_chip_soft_macros import clustered

from sandbox_chip import costs
from sandbox_chip.config import ChipConfig
from sandbox_chip.designs import Design, DesignSource
from sandbox_chip.placers import walkers
from sandbox_chip.placers.greedy import greedy
from sandbox_chip.placers.search import SearchBudget
from sandbox_chip.placers.walkers import WEIGHTS, go_with_the_winners

GENERATED = {"netlist": "generated:heavy", "grid": 24, "macros_min": 12, "macros_max": 12, "design_seed": 4}


def design_of(folder: Path, name: str) -> Design:
    config = ChipConfig(**clustered(folder), grid=20) if name == "clustered" else ChipConfig(**GENERATED)
    return DesignSource(config).design(0)


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
    assert walkers.weighted_cost(proxy, walker.blocks, weights) == pytest.approx(walker.cost)
    x_before, _, _ = problem.centres(walker.places)
    rng = np.random.default_rng(0)
    chances = np.cumsum([0.2] * 5)
    walkers._make_moves(problem.arrays, proxy, walker.blocks, rng, walker.places, weights, 1.0, chances, 400)
    x, y, orientations = problem.centres(walker.places)
    assert not np.array_equal(x, x_before, equal_nan=True)
    # Soft macros have stayed where the forces had put them.
    soft = problem.netlist.kind == 2
    left, bottom = problem.netlist.canvas[:2]
    if soft.any():
        x[soft], y[soft] = walker.blocks.x[-soft.sum() :] + left, walker.blocks.y[-soft.sum() :] + bottom
    expected = costs.evaluate(problem.netlist, technology, x, y, orientations)
    assert walkers.weighted_cost(proxy, walker.blocks, weights) == pytest.approx(expected.proxy)
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


def test_other_weights_make_it_a_search_for_wirelength(tmp_path: Path) -> None:
    design = design_of(tmp_path, "generated")
    result = go_with_the_winners(
        design.problem, design.technology, None, SearchBudget(None, 8000), 0, (1.0, 0.0, 0.0)
    )
    x, y, orientation = design.problem.centres(result.places)
    hpwl = costs.hpwl(design.problem.netlist, x, y, orientation)
    assert result.cost == pytest.approx(hpwl / design.problem.scale)
    assert hpwl < greedy(design.problem).cost

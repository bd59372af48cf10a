"""Analytic placement: quadratic placements, pulled apart by springs to the last legal placement.

Each round solves the quadratic placement with springs to the last legal placement (SimPL, Kim, Lee and Markov
2012), then puts every macro at the legal cell nearest to its solution, largest first. The springs grow from
round to round; the best legal placement is kept.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.decoders import legalise
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.placers.quadratic import quadratic_targets
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Floats, Places

GROWTH = 0.05
"""Springs of round r are r times this share of a macro's own connections."""

ROUNDS = 40
"""Rounds after which the springs start anew, with another order of placing."""


def analytic(problem: Problem, budget: SearchBudget, seed: int) -> SearchResult:
    """The best legal placement of rounds of quadratic placement; an evaluation is one round.

    Args:
        problem: The problem.
        budget: When to stop.
        seed: Of the generator of orders.
    """
    rng = np.random.default_rng(seed)
    arrays, count = problem.arrays, problem.num_macros
    degree = np.diff(arrays.entry_start).astype(float)
    upright = np.zeros(count, np.int64)
    best = SearchResult(np.inf, np.full((count, 3), -1, np.int64))
    targets, rounds = quadratic_targets(problem), 0
    order = np.arange(count)
    while budget.spent < 1 or budget.done == 0:
        places = np.empty((count, 3), np.int64)
        failed = legalise(arrays, order, targets[:, 0].copy(), targets[:, 1].copy(), upright, places)
        budget.done += 1
        best.evaluations += 1
        if not failed:
            cost = wirelength(arrays, all_bounds(arrays, places))
            if cost < best.cost:
                best.cost, best.places = cost, places
                best.record(budget)
        rounds += 1
        if failed or rounds % ROUNDS == 0:
            # Neighbours in the order by area change ranks: large macros still come first.
            order = np.argsort(np.arange(count) + rng.normal(0.0, 0.1 * count, count))
            targets = quadratic_targets(problem)
            continue
        pull = GROWTH * (rounds % ROUNDS) * np.maximum(degree, 1.0)
        targets = quadratic_targets(problem, _macro_centres(problem, places), pull)
    best.record(budget)
    return best


def _macro_centres(problem: Problem, places: Places) -> Floats:
    """Centres of all macros in a complete placement, the canvas' corner at the origin, shape ``(n, 2)``."""
    arrays, index = problem.arrays, np.arange(problem.num_macros)
    k = places[:, 2]
    return np.stack(
        (
            places[:, 0] * arrays.cell_w + arrays.centre_x[k, index],
            places[:, 1] * arrays.cell_h + arrays.centre_y[k, index],
        ),
        axis=1,
    )

"""Hill climbing on the order in which the greedy decoder places the macros.

Two macros swap ranks, or one moves to another rank; a result that is not worse is kept.
Source: Shi et al. 2023, WireMask-BBO.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.decoders import greedy_decode
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.placers.greedy import greedy, start_placement
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Ints, Places


def hill_climbing(problem: Problem, budget: SearchBudget, seed: int) -> SearchResult:
    """The best placement of a hill climb from the order by area; an evaluation is one greedy decoding.

    Args:
        problem: The problem.
        budget: When to stop.
        seed: Of the search's generator.
    """
    rng = np.random.default_rng(seed)
    best = greedy(problem)
    if not np.isfinite(best.cost):
        best = SearchResult(np.inf, start_placement(problem).places, evaluations=1)
    best.record(budget)
    if problem.num_macros < 2:
        return best
    order, budget.done = np.arange(problem.num_macros), budget.done + 1
    while budget.spent < 1:
        batch = budget.batch(max(1, 20_000 // problem.num_macros**2 + 1))
        cost, places = _climb(problem.arrays, rng, order, best.cost, best.places.copy(), batch)
        budget.done += batch
        best.evaluations += batch
        if cost < best.cost:
            best.cost, best.places = float(cost), places
            best.record(budget)
    best.record(budget)
    return best


@njit
def _climb(
    arrays: ProblemArrays, rng: np.random.Generator, order: Ints, cost: float, best: Places, tries: int
) -> tuple[float, Places]:
    """Try neighbours of ``order``, which is changed; the best cost and its placement."""
    count = len(order)
    places = best.copy()
    for _ in range(tries):
        i, j = int(rng.random() * count), int(rng.random() * count)
        old = order.copy()
        if rng.random() < 0.5:
            order[i], order[j] = order[j], order[i]
        else:
            moved = order[i]
            if i < j:
                order[i:j] = old[i + 1 : j + 1]
            else:
                order[j + 1 : i + 1] = old[j:i]
            order[j] = moved
        new_cost, failed = greedy_decode(arrays, order, places)
        if failed == 0 and new_cost <= cost:
            if new_cost < cost:
                best[:] = places
            cost = new_cost
        else:
            order[:] = old
    return cost, best

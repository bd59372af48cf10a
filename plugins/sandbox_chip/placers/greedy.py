"""The greedy placer, and where local searches begin."""

from __future__ import annotations

import numpy as np

from sandbox_chip.fit import packing
from sandbox_chip.kernels.decoders import greedy_decode
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.placers.search import SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Places


def greedy(problem: Problem) -> SearchResult:
    """Every macro, largest first, at the legal cell where the wirelength grows least."""
    places = np.empty((problem.num_macros, 3), np.int64)
    cost, failed = greedy_decode(problem.arrays, np.arange(problem.num_macros), places)
    return SearchResult(float(cost) if not failed else np.inf, places, evaluations=1)


def start_placement(problem: Problem, start: Places | None = None) -> SearchResult:
    """Where a local search begins: the given complete placement, else the greedy one.

    Where greedy leaves macros out, it is the bottom-left packing of `sandbox_chip.fit.packing`.
    """
    if start is None:
        result = greedy(problem)
        if np.isfinite(result.cost):
            return result
        start = packing(problem)
        if start is None:
            return result
    cost = wirelength(problem.arrays, all_bounds(problem.arrays, start))
    return SearchResult(cost, start.copy(), evaluations=1)

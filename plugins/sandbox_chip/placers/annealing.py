"""Simulated annealing on a grid with the five moves of the TILOS assessment, compiled by Numba.

Swap two macros; shift one to a neighbouring cell; move one to a random cell; mirror one; shuffle four. A move
that is not legal is not made. The temperature falls geometrically over the budget.
Source: Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import fits_for, free_cells, occupy, release
from sandbox_chip.kernels.local_search import nets_wirelength
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Floats, Ints, Places

MAX_MACROS = 4
"""Macros that one move may touch."""

MOVES = ("swap", "shift", "move", "mirror", "shuffle")
SWAP, SHIFT, MOVE, MIRROR, SHUFFLE = range(5)

CHANCES = (0.26, 0.17, 0.31, 0.07, 0.19)
"""Probabilities of `MOVES`; a mirror that the problem does not offer becomes a shift.

Found with the temperatures by ``python -m benchmarks.chip_annealing`` on generated designs.
"""

HOT, COLD = 0.028, 1.1e-5
"""First and last temperature, as shares of the starting cost divided by the square root of the macros."""


def anneal(
    problem: Problem,
    budget: SearchBudget,
    seed: int,
    start: Places | None = None,
    hot: float = HOT,
    cold: float = COLD,
    chances: Sequence[float] = CHANCES,
) -> SearchResult:
    """The best placement that simulated annealing visits; an evaluation is one move.

    Args:
        problem: The problem.
        budget: When to stop.
        seed: Of the search's generator.
        start: A complete legal placement to begin from; see `start_placement`.
        hot: See `HOT`.
        cold: See `COLD`.
        chances: See `CHANCES`.
    """
    rng = np.random.default_rng(seed)
    best = start_placement(problem, start)
    best.record(budget)
    if not np.isfinite(best.cost):
        return best
    places, cost = best.places.copy(), best.cost
    unit = best.cost / np.sqrt(problem.num_macros)
    cumulated = np.cumsum(chances)
    while (spent := budget.spent) < 1:
        batch = budget.batch(2000)
        heat = unit * hot * (cold / hot) ** spent
        cost, lowest, best_places = _make_moves(
            problem.arrays, rng, places, cost, best.cost, heat, cumulated, batch
        )
        budget.done += batch
        best.evaluations += batch
        if lowest < best.cost:
            best.cost, best.places = float(lowest), best_places
            best.record(budget)
    # The cost was summed up over many moves: it is computed once more from scratch.
    best.cost = wirelength(problem.arrays, all_bounds(problem.arrays, best.places))
    best.record(budget)
    return best


@njit
def _make_moves(
    arrays: ProblemArrays,
    rng: np.random.Generator,
    places: Places,
    cost: float,
    lowest: float,
    heat: float,
    cumulated: Floats,
    tries: int,
) -> tuple[float, float, Places]:
    """Moves at one temperature; ``places`` is changed.

    Returns:
        The present cost, the lowest one seen, and its placement (only meaningful if it fell).
    """
    best = places.copy()
    free = free_cells(arrays, places)
    bounds = all_bounds(arrays, places)
    marks = np.zeros(len(arrays.net_weight), np.int64)
    stamp = 0
    chosen = np.empty(MAX_MACROS, np.int64)
    old = np.empty((MAX_MACROS, 3), np.int64)
    new = np.empty((MAX_MACROS, 3), np.int64)
    for _ in range(tries):
        size = propose(arrays, rng, places, chosen, new, cumulated)
        for index in range(size):
            macro = chosen[index]
            old[index] = places[macro]
            release(arrays, free, macro, places[macro])
        done = 0
        for index in range(size):
            macro, k = chosen[index], new[index, 2]
            width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
            column, row = new[index, 0], new[index, 1]
            inside = 0 <= column <= arrays.grid - width and 0 <= row <= arrays.grid - height
            if not inside or not fits_for(arrays, macro, free, column, row, width, height):
                break
            occupy(arrays, free, macro, new[index])
            done += 1
        if done == size and size > 0:
            stamp += 1
            before = nets_wirelength(arrays, chosen, size, places, bounds, False, marks, stamp)
            for index in range(size):
                places[chosen[index]] = new[index]
            stamp += 1
            change = nets_wirelength(arrays, chosen, size, places, bounds, True, marks, stamp) - before
            if change <= 0 or rng.random() < np.exp(-change / heat):
                cost += change
                if cost < lowest - 1e-9:
                    lowest = cost
                    best[:] = places
                continue
            for index in range(size):
                places[chosen[index]] = old[index]
            stamp += 1
            nets_wirelength(arrays, chosen, size, places, bounds, True, marks, stamp)
        for index in range(done):
            release(arrays, free, chosen[index], new[index])
        for index in range(size):
            occupy(arrays, free, chosen[index], old[index])
    return cost, lowest, best


@njit
def propose(
    arrays: ProblemArrays,
    rng: np.random.Generator,
    places: Places,
    chosen: Ints,
    new: Places,
    cumulated: Floats,
) -> int:
    """Draw a move.

    Args:
        arrays: The problem.
        rng: Generator.
        places: The present placement.
        chosen: Written: the macros that the move touches.
        new: Written: their new places.
        cumulated: Cumulated probabilities of `MOVES`.

    Returns:
        How many macros the move touches, 0 for no move.
    """
    count, choices = len(places), arrays.footprint_w.shape[0]
    kind = SWAP
    draw = rng.random()
    while kind < SHUFFLE and draw >= cumulated[kind]:
        kind += 1
    if kind == MIRROR and choices < 2:
        kind = SHIFT
    first = int(rng.random() * count)
    chosen[0] = first
    new[0] = places[first]
    if kind == SHIFT:
        axis = int(rng.random() * 2)
        new[0, axis] += 1 if rng.random() < 0.5 else -1
        return 1
    if kind == MOVE:
        new[0, 0] = int(rng.random() * arrays.grid)
        new[0, 1] = int(rng.random() * arrays.grid)
        return 1
    if kind == MIRROR:
        new[0, 2] = int(rng.random() * choices)
        return 1
    if count < 2:
        return 0
    size = 2 if kind == SWAP else min(MAX_MACROS, count)
    _draw_others(rng, count, chosen, size)
    # Each macro takes the corner of the next: a swap of two macros, a shuffle of four.
    for index in range(size):
        source = places[chosen[(index + 1) % size]]
        new[index, 0], new[index, 1] = source[0], source[1]
        new[index, 2] = places[chosen[index], 2]
    return size


@njit
def _draw_others(rng: np.random.Generator, count: int, chosen: Ints, size: int) -> None:
    """Draw macros into ``chosen[1:size]``, all different from each other and from ``chosen[0]``."""
    for index in range(1, size):
        while True:
            other = int(rng.random() * count)
            is_new = True
            for before in range(index):
                if chosen[before] == other:
                    is_new = False
            if is_new:
                break
        chosen[index] = other

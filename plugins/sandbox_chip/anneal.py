"""Simulated annealing on a grid with the five moves of the TILOS assessment, compiled by Numba.

Swap two macros; shift one to a neighbouring cell; move one to a random cell; mirror one; shuffle four.
A move that is not legal is not made. The temperature falls geometrically over the budget.
Source: Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_chip.cells import fits, njit
from sandbox_chip.grid import Problem
from sandbox_chip.kernels import all_bounds, take, wirelength
from sandbox_chip.moves import length, occupied
from sandbox_chip.search import Clock, Found, Places, beginning

MOST = 4
"""Macros that one move may touch."""

SWAP, SHIFT, MOVE, MIRROR, SHUFFLE = 0, 1, 2, 3, 4

CHANCES = (0.26, 0.17, 0.31, 0.07, 0.19)
"""Of the five moves in that order; a mirror that the problem does not offer becomes a shift.

Found with the temperatures by ``python -m benchmarks.chip_annealing`` on generated designs.
"""

HOT, COLD = 0.028, 1.1e-5
"""First and last temperature, as shares of the starting cost divided by the square root of the macros."""


def anneal(
    problem: Problem,
    clock: Clock,
    seed: int,
    start: Places | None = None,
    hot: float = HOT,
    cold: float = COLD,
    chances: Sequence[float] = CHANCES,
) -> Found:
    """Simulated annealing from a placement; the best placement seen is kept.

    Args:
        problem: The problem.
        clock: When to stop; an evaluation is one move.
        seed: Of the generator.
        start: A complete legal placement; see `sandbox_chip.search.beginning`.
        hot: See `HOT`.
        cold: See `COLD`.
        chances: See `CHANCES`.
    """
    rng = np.random.default_rng(seed)
    best = beginning(problem, start)
    best.note(clock)
    if not np.isfinite(best.cost):
        return best
    places, cost = best.places.copy(), best.cost
    unit = best.cost / np.sqrt(problem.count)
    bars = np.cumsum(chances)
    while (share := clock.share) < 1:
        batch = clock.batch(2000)
        heat = unit * hot * (cold / hot) ** share
        cost, lowest, found = _moves(problem.arrays, rng, places, cost, best.cost, heat, bars, batch)
        clock.done += batch
        best.evaluations += batch
        if lowest < best.cost:
            best.cost, best.places = float(lowest), found
            best.note(clock)
    best.cost = float(wirelength(problem.arrays, all_bounds(problem.arrays, best.places)))
    best.note(clock)
    return best


@njit
def _moves(arrays, rng, places, cost, lowest, heat, chances, tries):  # type: ignore[no-untyped-def]
    """Moves at one temperature; ``places`` changes in place. Present cost, lowest seen, its placement."""
    best = places.copy()
    free = occupied(arrays, places)
    bounds = all_bounds(arrays, places)
    marks = np.zeros(len(arrays.weight), np.int64)
    stamp = 0
    chosen = np.empty(MOST, np.int64)
    old = np.empty((MOST, 3), np.int64)
    new = np.empty((MOST, 3), np.int64)
    for _ in range(tries):
        size = _propose(arrays, rng, places, chosen, new, chances)
        for index in range(size):
            macro = chosen[index]
            old[index] = places[macro]
            take(arrays, free, macro, places[macro], False)
        done = 0
        for index in range(size):
            macro, k = chosen[index], new[index, 2]
            wide, high = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
            column, row = new[index, 0], new[index, 1]
            inside = 0 <= column <= arrays.grid - wide and 0 <= row <= arrays.grid - high
            if not inside or not fits(free, column, row, wide, high):
                break
            take(arrays, free, macro, new[index], True)
            done += 1
        if done == size and size > 0:
            stamp += 1
            before = length(arrays, chosen, size, places, bounds, False, marks, stamp)
            for index in range(size):
                places[chosen[index]] = new[index]
            stamp += 1
            change = length(arrays, chosen, size, places, bounds, True, marks, stamp) - before
            if change <= 0 or rng.random() < np.exp(-change / heat):
                cost += change
                if cost < lowest - 1e-9:
                    lowest = cost
                    best[:] = places
                continue
            for index in range(size):
                places[chosen[index]] = old[index]
            stamp += 1
            length(arrays, chosen, size, places, bounds, True, marks, stamp)
        for index in range(done):
            take(arrays, free, chosen[index], new[index], False)
        for index in range(size):
            take(arrays, free, chosen[index], old[index], True)
    return cost, lowest, best


@njit
def _propose(arrays, rng, places, chosen, new, chances):  # type: ignore[no-untyped-def]
    """Macros that a random move touches, and where they would go; how many (0 for no move)."""
    count, choices = len(places), arrays.cells_w.shape[0]
    kind = SWAP
    draw = rng.random()
    while kind < SHUFFLE and draw >= chances[kind]:
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
    size = 2 if kind == SWAP else min(MOST, count)
    if count < 2:
        return 0
    for index in range(1, size):
        while True:
            other = int(rng.random() * count)
            fresh = True
            for before in range(index):
                if chosen[before] == other:
                    fresh = False
            if fresh:
                break
        chosen[index] = other
    # Corners go round: a swap for two, a shuffle for four.
    for index in range(size):
        source = places[chosen[(index + 1) % size]]
        new[index, 0], new[index, 1] = source[0], source[1]
        new[index, 2] = places[chosen[index], 2]
    return size

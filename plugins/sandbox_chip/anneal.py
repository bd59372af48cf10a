"""Simulated annealing on a grid with the five moves of the TILOS assessment, compiled by Numba.

Swap two macros; shift one to a neighbouring cell; move one to a random cell; mirror one; shuffle four.
A move that is not legal is not made. The temperature falls geometrically over the budget.
Source: Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement, section 4.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.grid import Problem
from sandbox_chip.kernels import all_bounds, fill, fits, njit, wirelength
from sandbox_chip.search import Clock, Found, Places, _occupied, _touched, greedy

MOST = 4
"""Macros that one move may touch."""

SWAP, SHIFT, MOVE, MIRROR, SHUFFLE = 0, 1, 2, 3, 4

CHANCES = (0.35, 0.3, 0.2, 0.05, 0.1)
"""Of the five moves in that order; a mirror that the problem does not offer becomes a shift."""

HOT, COLD = 0.01, 1e-5
"""First and last temperature, as shares of the starting cost divided by the square root of the macros."""


def anneal(
    problem: Problem,
    clock: Clock,
    seed: int,
    start: Places | None = None,
    hot: float = HOT,
    cold: float = COLD,
) -> Found:
    """Simulated annealing from a placement; the best placement seen is kept.

    Args:
        problem: The problem.
        clock: When to stop; an evaluation is one move.
        seed: Of the generator.
        start: A complete legal placement; the greedy one if absent.
        hot: See `HOT`.
        cold: See `COLD`.
    """
    rng = np.random.default_rng(seed)
    best = greedy(problem) if start is None else _given(problem, start)
    best.note(clock)
    if not np.isfinite(best.cost):
        return best
    places, cost = best.places.copy(), best.cost
    unit = best.cost / np.sqrt(problem.count)
    chances = np.cumsum(CHANCES)
    while (share := clock.share) < 1:
        batch = clock.batch(2000)
        heat = unit * hot * (cold / hot) ** share
        cost, lowest, found = _moves(problem.arrays, rng, places, cost, best.cost, heat, chances, batch)
        clock.done += batch
        best.evaluations += batch
        if lowest < best.cost:
            best.cost, best.places = float(lowest), found
            best.note(clock)
    best.cost = float(wirelength(problem.arrays, all_bounds(problem.arrays, best.places)))
    best.note(clock)
    return best


def _given(problem: Problem, start: Places) -> Found:
    return Found(float(wirelength(problem.arrays, all_bounds(problem.arrays, start))), start.copy())


@njit
def _moves(arrays, rng, places, cost, lowest, heat, chances, tries):  # type: ignore[no-untyped-def]
    """Moves at one temperature; ``places`` changes in place. Present cost, lowest seen, its placement."""
    best = places.copy()
    free = _occupied(arrays, places)
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
            _cells(arrays, free, macro, places[macro], False)
        done = 0
        for index in range(size):
            macro, k = chosen[index], new[index, 2]
            wide, high = arrays.cells_w[k, macro], arrays.cells_h[k, macro]
            column, row = new[index, 0], new[index, 1]
            inside = 0 <= column <= arrays.grid - wide and 0 <= row <= arrays.grid - high
            if not inside or not fits(free, column, row, wide, high):
                break
            _cells(arrays, free, macro, new[index], True)
            done += 1
        if done == size and size > 0:
            stamp += 1
            before = _now(arrays, chosen, size, bounds, marks, stamp)
            for index in range(size):
                places[chosen[index]] = new[index]
            stamp += 1
            change = _touched(arrays, chosen, size, places, bounds, marks, stamp) - before
            if change <= 0 or rng.random() < np.exp(-change / heat):
                cost += change
                if cost < lowest - 1e-9:
                    lowest = cost
                    best[:] = places
                continue
            for index in range(size):
                places[chosen[index]] = old[index]
            stamp += 1
            _touched(arrays, chosen, size, places, bounds, marks, stamp)
        for index in range(done):
            _cells(arrays, free, chosen[index], new[index], False)
        for index in range(size):
            _cells(arrays, free, chosen[index], old[index], True)
    return cost, lowest, best


@njit
def _cells(arrays, free, macro, at, occupy):  # type: ignore[no-untyped-def]
    k = at[2]
    fill(free, at[0], at[1], arrays.cells_w[k, macro], arrays.cells_h[k, macro], occupy)


@njit
def _now(arrays, macros, count, bounds, marks, stamp):  # type: ignore[no-untyped-def]
    """Wirelength of all nets of some macros, from bounds that are right."""
    total = 0.0
    for index in range(count):
        macro = macros[index]
        for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
            net = arrays.entry_net[entry]
            if marks[net] != stamp:
                marks[net] = stamp
                total += arrays.weight[net] * (
                    bounds[net, 1] - bounds[net, 0] + bounds[net, 3] - bounds[net, 2]
                )
    return total


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

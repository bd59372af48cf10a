"""Ruin and recreate: a few related macros at a time are taken out and put back greedily.

Related macros share nets or lie near each other. Each is put back at its cheapest legal cell; a worse result
is kept with a probability that falls over the search.
Source: Schrimpf et al. 2000, Record breaking optimization results using the ruin and recreate principle.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.bitgrid import INFINITY
from sandbox_chip.kernels.decoders import best_place
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import free_cells, occupy, release
from sandbox_chip.kernels.local_search import nets_wirelength
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import add_to_nets, all_bounds, wirelength
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Bits, Floats, Ints, Places

MAX_MACROS = 8
"""Macros that may be taken out at once."""


def rebuild(
    problem: Problem,
    budget: SearchBudget,
    seed: int,
    start: Places | None = None,
    temperature: float = 0.002,
) -> SearchResult:
    """The best placement of a local search by ruin and recreate; an evaluation is one try.

    Args:
        problem: The problem.
        budget: When to stop.
        seed: Of the search's generator.
        start: A complete legal placement to begin from; see `start_placement`.
        temperature: How much worse a result may be at first to be kept with probability 1/e, as a share of
            the starting cost; it falls geometrically to a hundredth of that.
    """
    rng = np.random.default_rng(seed)
    best = start_placement(problem, start)
    best.record(budget)
    if not np.isfinite(best.cost):
        return best
    places, cost, first = best.places.copy(), best.cost, best.cost
    while (spent := budget.spent) < 1:
        batch = budget.batch(50)
        heat = temperature * first * 0.01**spent
        cost, lowest, best_places = _ruin_and_recreate(
            problem.arrays, rng, places, cost, best.cost, heat, batch
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
def _ruin_and_recreate(
    arrays: ProblemArrays,
    rng: np.random.Generator,
    places: Places,
    cost: float,
    lowest: float,
    heat: float,
    tries: int,
) -> tuple[float, float, Places]:
    """Tries at one temperature; ``places`` is changed.

    Returns:
        The present cost, the lowest one seen, and its placement (only meaningful if it fell).
    """
    count = len(places)
    best = places.copy()
    free = free_cells(arrays, places)
    bounds = all_bounds(arrays, places)
    scratch = np.empty((4, 2 * arrays.grid))
    line = np.empty(free.shape[1], np.uint64)
    marks = np.zeros(len(arrays.net_weight), np.int64)
    stamp = 0
    most = min(MAX_MACROS, count)
    chosen = np.empty(most, np.int64)
    old = np.empty((most, 3), np.int64)
    for _ in range(tries):
        size = _choose(arrays, rng, places, chosen, most)
        before = nets_wirelength(arrays, chosen, size, places, bounds, False, marks, stamp + 1)
        for index in range(size):
            macro = chosen[index]
            old[index] = places[macro]
            release(arrays, free, macro, places[macro])
            places[macro, 2] = -1
        nets_wirelength(arrays, chosen, size, places, bounds, True, marks, stamp + 2)
        done = _put_back(arrays, chosen, size, places, free, bounds, scratch, line)
        after = INFINITY
        if done == size:
            after = nets_wirelength(arrays, chosen, size, places, bounds, False, marks, stamp + 3)
        stamp += 4
        change = after - before
        if done == size and (change <= 0 or (heat > 0 and rng.random() < np.exp(-change / heat))):
            cost += change
            if cost < lowest - 1e-9:
                lowest = cost
                best[:] = places
            continue
        for index in range(done):
            release(arrays, free, chosen[index], places[chosen[index]])
        for index in range(size):
            places[chosen[index]] = old[index]
            occupy(arrays, free, chosen[index], old[index])
        nets_wirelength(arrays, chosen, size, places, bounds, True, marks, stamp)
    return cost, lowest, best


@njit
def _put_back(
    arrays: ProblemArrays,
    chosen: Ints,
    size: int,
    places: Places,
    free: Bits,
    bounds: Floats,
    scratch: Floats,
    line: Bits,
) -> int:
    """Place macros greedily one after another, up to the first without a legal cell; how many were placed."""
    for index in range(size):
        macro = chosen[index]
        place = places[macro]
        best_place(arrays, macro, free, bounds, scratch, line, INFINITY, place)
        if place[2] < 0:
            return index
        occupy(arrays, free, macro, place)
        add_to_nets(arrays, macro, place, bounds)
    return size


@njit
def _choose(arrays: ProblemArrays, rng: np.random.Generator, places: Places, chosen: Ints, most: int) -> int:
    """Write macros to take out together into ``chosen``: a random one and some related to it; how many."""
    count = len(places)
    size = min(1 + int(most * rng.random() ** 2), most)
    chosen[0] = int(rng.random() * count)
    done = 1
    by_nearness = rng.random() < 0.5
    for _ in range(4 * size):
        if done >= size:
            break
        other = _related(arrays, rng, places, chosen[int(rng.random() * done)], by_nearness)
        is_new = other >= 0
        for index in range(done):
            if chosen[index] == other:
                is_new = False
        if is_new:
            chosen[done] = other
            done += 1
    for index in range(done - 1, 0, -1):
        other = int(rng.random() * (index + 1))
        chosen[index], chosen[other] = chosen[other], chosen[index]
    return done


@njit
def _related(
    arrays: ProblemArrays, rng: np.random.Generator, places: Places, anchor: int, by_nearness: bool
) -> int:
    """A macro on one of the anchor's nets, or the nearest of four at random; −1 if there is none."""
    count = len(places)
    first, last = arrays.entry_start[anchor], arrays.entry_start[anchor + 1]
    if not by_nearness and last > first:
        net = arrays.entry_net[first + int(rng.random() * (last - first))]
        begin, end = arrays.net_start[net], arrays.net_start[net + 1]
        return int(arrays.net_macro[begin + int(rng.random() * (end - begin))])
    nearest, least = -1, INFINITY
    for _ in range(4):
        candidate = int(rng.random() * count)
        distance = abs(places[candidate, 0] - places[anchor, 0]) + abs(
            places[candidate, 1] - places[anchor, 1]
        )
        if candidate != anchor and distance < least:
            least, nearest = distance, candidate
    return nearest

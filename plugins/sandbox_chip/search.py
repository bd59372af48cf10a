"""Searches for good placements on a grid, compiled by Numba; each goes on until it is told to stop.

- `order_search`: hill climbing on the order in which the greedy decoder places the macros (WireMask-BBO,
  Shi et al. 2023): two macros swap ranks, or one moves to another rank; a result that is not worse stays.
- `rebuild_search`: local search on a placement: a few macros that share nets are taken out and put back
  greedily, each at its cheapest legal cell; worse results stay with a probability that falls (ruin and
  recreate, Schrimpf et al. 2000).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sandbox_chip import kernels
from sandbox_chip.cells import INFINITY, njit
from sandbox_chip.grid import Problem, packing
from sandbox_chip.kernels import all_bounds, best_place, extend, greedy_decode, take, wirelength
from sandbox_chip.moves import length, occupied

Places = NDArray[np.int64]


class Clock:
    """Says when a search ends, and how far it has come.

    Args:
        seconds: Time, or None to count evaluations.
        evaluations: How many evaluations, where no time is given.
        timer: Tells the time, s: of the wall, or of the processor where a machine is shared.
    """

    def __init__(
        self,
        seconds: float | None = None,
        evaluations: int = 0,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.seconds, self.evaluations = seconds, max(evaluations, 1)
        self.done = 0
        self.timer, self.began = timer, timer()

    @property
    def share(self) -> float:
        """Share of the budget that is spent; 1 or more when it is over."""
        if self.seconds is not None:
            return self.elapsed / max(self.seconds, 1e-9)
        return self.done / self.evaluations

    @property
    def elapsed(self) -> float:
        """Time since the start, s."""
        return self.timer() - self.began

    def batch(self, wanted: int) -> int:
        """How many evaluations to do before looking again."""
        return wanted if self.seconds is not None else max(min(wanted, self.evaluations - self.done), 0)


@dataclass
class Found:
    """What a search found.

    Attributes:
        cost: Wirelength, µm; infinite if nothing legal was found.
        places: Column, row and orientation of every macro, shape ``(n, 3)``.
        history: Time (s) and best cost, whenever it fell and at the end.
        evaluations: How many placements, or moves, were tried.
    """

    cost: float
    places: Places
    history: list[tuple[float, float]] = field(default_factory=list)
    evaluations: int = 0

    def note(self, clock: Clock) -> None:
        """Add the best cost so far to the history."""
        self.history.append((clock.elapsed, self.cost))


def greedy(problem: Problem) -> Found:
    """The greedy decoding of the order by area."""
    places = np.empty((problem.count, 3), np.int64)
    cost, failed = greedy_decode(problem.arrays, np.arange(problem.count), places)
    return Found(float(cost) if not failed else np.inf, places, evaluations=1)


def beginning(problem: Problem, start: Places | None = None) -> Found:
    """Where a local search begins: the given placement, else the greedy one.

    Where greedy ends in a dead end, the simple packing that `sandbox_chip.grid.packs` knows.
    """
    if start is None:
        found = greedy(problem)
        if np.isfinite(found.cost):
            return found
        start = packing(problem)
        if start is None:
            return found
    cost = float(wirelength(problem.arrays, all_bounds(problem.arrays, start)))
    return Found(cost, start.copy(), evaluations=1)


def order_search(problem: Problem, clock: Clock, seed: int) -> Found:
    """Hill climbing on the order of the greedy decoder, from the order by area."""
    rng = np.random.default_rng(seed)
    best = greedy(problem)
    if not np.isfinite(best.cost):
        best = Found(np.inf, beginning(problem).places, evaluations=1)
    best.note(clock)
    if problem.count < 2:
        return best
    order, clock.done = np.arange(problem.count), clock.done + 1
    while clock.share < 1:
        batch = clock.batch(max(1, 20_000 // problem.count**2 + 1))
        cost, places = _climb(problem.arrays, rng, order, best.cost, best.places.copy(), batch)
        clock.done += batch
        best.evaluations += batch
        if cost < best.cost:
            best.cost, best.places = float(cost), places
            best.note(clock)
    best.note(clock)
    return best


@njit
def _climb(arrays, rng, order, cost, best, tries):  # type: ignore[no-untyped-def]
    """Tries of hill climbing; ``order`` changes in place."""
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
        found, failed = greedy_decode(arrays, order, places)
        if failed == 0 and found <= cost:
            if found < cost:
                best[:] = places
            cost = found
        else:
            order[:] = old
    return cost, best


def rebuild_search(
    problem: Problem,
    clock: Clock,
    seed: int,
    start: Places | None = None,
    temperature: float = 0.002,
) -> Found:
    """Local search on a placement by taking out related macros and putting them back greedily.

    Args:
        problem: The problem.
        clock: When to stop.
        seed: Of the search's own generator.
        start: A complete legal placement to begin from; see `beginning`.
        temperature: Of the first worse results that stay, as a share of the starting cost; falls
            geometrically to a hundredth of that.
    """
    rng = np.random.default_rng(seed)
    best = beginning(problem, start)
    best.note(clock)
    if not np.isfinite(best.cost):
        return best
    places, cost, first = best.places.copy(), best.cost, best.cost
    while (share := clock.share) < 1:
        batch = clock.batch(50)
        heat = temperature * first * 0.01**share
        cost, lowest, best_places = _rebuild(problem.arrays, rng, places, cost, best.cost, heat, batch)
        clock.done += batch
        best.evaluations += batch
        if lowest < best.cost:
            best.cost, best.places = float(lowest), best_places
            best.note(clock)
    # What was added up over many moves is counted once more from scratch.
    best.cost = float(wirelength(problem.arrays, all_bounds(problem.arrays, best.places)))
    best.note(clock)
    return best


@njit
def _rebuild(arrays, rng, places, cost, lowest, heat, tries):  # type: ignore[no-untyped-def]
    """Tries of ruin and recreate; ``places`` changes in place.

    Returns:
        The present cost, the lowest one seen, and its placement (only meaningful if it fell).
    """
    count = len(places)
    best = places.copy()
    free = occupied(arrays, places)
    bounds = all_bounds(arrays, places)
    scratch = np.empty((4, 2 * arrays.grid))
    line = np.empty(free.shape[1], np.uint64)
    marks = np.zeros(len(arrays.weight), np.int64)
    stamp = 0
    most = min(8, count)
    chosen = np.empty(most, np.int64)
    old = np.empty((most, 3), np.int64)
    for _ in range(tries):
        size = _choose(arrays, rng, places, chosen, most)
        before = length(arrays, chosen, size, places, bounds, False, marks, stamp + 1)
        for index in range(size):
            macro = chosen[index]
            old[index] = places[macro]
            take(arrays, free, macro, places[macro], False)
            places[macro, 2] = -1
        length(arrays, chosen, size, places, bounds, True, marks, stamp + 2)
        done = _put_back(arrays, chosen, size, places, free, bounds, scratch, line)
        after = INFINITY
        if done == size:
            after = length(arrays, chosen, size, places, bounds, False, marks, stamp + 3)
        stamp += 4
        change = after - before
        if done == size and (change <= 0 or (heat > 0 and rng.random() < np.exp(-change / heat))):
            cost += change
            if cost < lowest - 1e-9:
                lowest = cost
                best[:] = places
            continue
        for index in range(done):
            take(arrays, free, chosen[index], places[chosen[index]], False)
        for index in range(size):
            places[chosen[index]] = old[index]
            take(arrays, free, chosen[index], old[index], True)
        length(arrays, chosen, size, places, bounds, True, marks, stamp)
    return cost, lowest, best


@njit
def _put_back(arrays, chosen, size, places, free, bounds, scratch, line):  # type: ignore[no-untyped-def]
    """Place macros greedily one after another, to the first that has no legal cell; how many were placed."""
    for index in range(size):
        macro = chosen[index]
        at = places[macro]
        best_place(arrays, macro, free, bounds, scratch, line, INFINITY, at)
        if at[2] < 0:
            return index
        take(arrays, free, macro, at, True)
        extend(arrays, macro, at, bounds)
    return size


@njit
def _choose(arrays, rng, places, chosen, most):  # type: ignore[no-untyped-def]
    """Macros to take out together: one at random, and others by shared nets or nearness; shuffled."""
    count = len(places)
    size = min(1 + int(most * rng.random() ** 2), most)
    chosen[0] = int(rng.random() * count)
    found = 1
    near = rng.random() < 0.5
    for _ in range(4 * size):
        if found >= size:
            break
        anchor = chosen[int(rng.random() * found)]
        other = -1
        first, last = arrays.entry_start[anchor], arrays.entry_start[anchor + 1]
        if not near and last > first:
            net = arrays.entry_net[first + int(rng.random() * (last - first))]
            begin, end = arrays.net_start[net], arrays.net_start[net + 1]
            other = arrays.net_macro[begin + int(rng.random() * (end - begin))]
        else:
            distance = INFINITY
            for _ in range(4):
                candidate = int(rng.random() * count)
                apart = abs(places[candidate, 0] - places[anchor, 0]) + abs(
                    places[candidate, 1] - places[anchor, 1]
                )
                if candidate != anchor and apart < distance:
                    distance, other = apart, candidate
        new = other >= 0
        for index in range(found):
            if chosen[index] == other:
                new = False
        if new:
            chosen[found] = other
            found += 1
    for index in range(found - 1, 0, -1):
        other = int(rng.random() * (index + 1))
        chosen[index], chosen[other] = chosen[other], chosen[index]
    return found


Search = Callable[[Problem, Clock, int], Found]

DECODE = kernels.greedy_decode
"""The greedy decoder, for those who bring a search of their own."""

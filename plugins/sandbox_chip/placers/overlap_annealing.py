"""Simulated annealing in which macros may overlap, at a price that rises; then ruin and recreate.

On a grid that is 60 % full most moves of a legal search run into another macro. Here they are made, and every
cell that two macros share costs something: little at first, so that the places of all macros relative to each
other are found by the wires; more and more, until hardly anything overlaps. What is left is moved to the
nearest legal cells, and `rebuild` takes the rest of the time. Moves reach less far as the temperature falls.

Source: Sechen and Sangiovanni-Vincentelli 1985, The TimberWolf placement and routing package.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.bitgrid import bit_is_set, fits
from sandbox_chip.kernels.decoders import legalise
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.wirelength import all_bounds, half_perimeter, placed_box, wirelength
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Floats, Ints, Places

SHARE = 0.75
"""Share of the budget for annealing; the rest is for `rebuild`."""

HOT, COLD = 0.016, 3e-4
"""First and last temperature, as shares of the starting cost divided by the square root of the macros."""

CHEAP, DEAR = 0.14, 7.0
"""First and last price of a shared cell, in units of the starting cost over the cells of all macros."""

SWAPS, PULLS, TURNS = 0.35, 0.15, 0.05
"""Shares of moves: two macros change places, one goes into the box of one of its nets, one is turned (where
the problem offers it). The others go to a cell within reach."""

REBUILD_TEMPERATURE = 0.001
"""First temperature of `rebuild` at the end."""


def overlap_annealing(
    problem: Problem, budget: SearchBudget, seed: int, start: Places | None = None
) -> SearchResult:
    """The best placement of the search; an evaluation is a move, or a try of `rebuild`.

    Args:
        problem: The problem.
        budget: When to stop.
        seed: Of the search's generator.
        start: A complete legal placement to begin from; see `start_placement`.
    """
    rng = np.random.default_rng(seed)
    best = start_placement(problem, start)
    best.record(budget)
    if not np.isfinite(best.cost):
        return best
    arrays, places = problem.arrays, best.places.copy()
    shared, bounds = _covered(arrays, places), all_bounds(arrays, places)
    unit = best.cost / np.sqrt(problem.num_macros)
    price = best.cost / max(int(shared.sum()), 1)
    degree = int(np.diff(arrays.entry_start).max(initial=1))
    nets, boxes = np.empty(2 * degree, np.int64), np.empty((2 * degree, 4))
    marks, stamp = np.zeros(len(arrays.net_weight), np.int64), 0
    share = None if budget.seconds is None else SHARE * budget.seconds
    first = SearchBudget(share, int(SHARE * budget.evaluations), budget.timer)
    while (spent := first.spent) < 1:
        batch = first.batch(2000)
        heat = unit * HOT * (COLD / HOT) ** spent
        reach = max(int(problem.grid / 2 * (1 - spent) ** 2), 2)
        cell = price * CHEAP * (DEAR / CHEAP) ** spent
        stamp = _make_moves(
            arrays, rng, places, shared, bounds, heat, cell, reach, batch, (nets, boxes, marks), stamp
        )
        first.done += batch
        best.evaluations += batch
    legal = _legal(problem, places)
    if legal is not None:
        cost = wirelength(arrays, all_bounds(arrays, legal))
        if cost < best.cost:
            best.cost, best.places = cost, legal
            best.record(budget)
    passed = budget.elapsed
    left = None if budget.seconds is None else max(budget.seconds - passed, 0.0)
    rest = SearchBudget(left, budget.evaluations - first.done, budget.timer)
    last = rebuild(problem, rest, seed, best.places, REBUILD_TEMPERATURE)
    last.history = best.history + [(passed + seconds, cost) for seconds, cost in last.history]
    last.evaluations += best.evaluations
    return last


def _legal(problem: Problem, places: Places) -> Places | None:
    """Every macro at the legal cell nearest to its place, largest first; None if one has none."""
    arrays, macros = problem.arrays, np.arange(len(places))
    column, row, k = places.T
    x = column * arrays.cell_w + arrays.centre_x[k, macros]
    y = row * arrays.cell_h + arrays.centre_y[k, macros]
    legal = np.empty_like(places)
    failed = legalise(arrays, macros, x, y, np.ascontiguousarray(k), legal)
    return None if failed else legal


@njit
def _covered(arrays: ProblemArrays, places: Places) -> Ints:
    """How many macros and blocks cover each cell, shape ``(grid, grid)``."""
    covered = np.zeros((arrays.grid, arrays.grid), np.int64)
    for j in range(arrays.grid):
        for i in range(arrays.grid):
            if not bit_is_set(arrays.free[j], i):
                covered[j, i] = 1
    for macro in range(len(places)):
        _cover(arrays, macro, places[macro, 0], places[macro, 1], places[macro, 2], covered, 1)
    return covered


@njit
def _cover(arrays: ProblemArrays, macro: int, column: int, row: int, k: int, covered: Ints, by: int) -> None:
    for j in range(row, row + arrays.footprint_h[k, macro]):
        for i in range(column, column + arrays.footprint_w[k, macro]):
            covered[j, i] += by


@njit
def _sum(arrays: ProblemArrays, macro: int, column: int, row: int, k: int, covered: Ints) -> int:
    total = 0
    for j in range(row, row + arrays.footprint_h[k, macro]):
        for i in range(column, column + arrays.footprint_w[k, macro]):
            total += covered[j, i]
    return total


@njit
def _common(arrays: ProblemArrays, macro: int, place: Ints, other: int, its: Ints) -> int:
    """Cells that two footprints share."""
    right = min(place[0] + arrays.footprint_w[place[2], macro], its[0] + arrays.footprint_w[its[2], other])
    top = min(place[1] + arrays.footprint_h[place[2], macro], its[1] + arrays.footprint_h[its[2], other])
    width, height = right - max(place[0], its[0]), top - max(place[1], its[1])
    return width * height if width > 0 and height > 0 else 0


@njit
def _make_moves(
    arrays: ProblemArrays,
    rng: np.random.Generator,
    places: Places,
    covered: Ints,
    bounds: Floats,
    heat: float,
    price: float,
    reach: int,
    tries: int,
    memory: tuple[Ints, Floats, Ints],
    stamp: int,
) -> int:
    """Moves at one temperature; ``places``, ``covered`` and ``bounds`` are changed.

    Args:
        arrays: The problem.
        rng: Generator.
        places: The placement, whose macros may overlap.
        covered: See `_covered`.
        bounds: Of all nets, shape ``(N, 4)``.
        heat: Temperature, µm.
        price: Of a cell that is shared once more, µm.
        reach: How many cells a macro may go along each axis.
        tries: How many moves.
        memory: Nets and their boxes of a move, and the last stamp of every net.
        stamp: Last stamp.

    Returns:
        Last stamp.
    """
    nets, boxes, marks = memory
    chosen = np.empty(2, np.int64)
    old, new = np.empty((2, 3), np.int64), np.empty((2, 3), np.int64)
    for _ in range(tries):
        size = _propose(arrays, rng, places, bounds, reach, chosen, new)
        if size == 0:
            continue
        more = 0
        for index in range(size):
            old[index] = places[chosen[index]]
        for index in range(size):
            macro = chosen[index]
            more += _sum(arrays, macro, new[index, 0], new[index, 1], new[index, 2], covered)
            more -= _sum(arrays, macro, old[index, 0], old[index, 1], old[index, 2], covered)
            more += arrays.footprint_w[old[index, 2], macro] * arrays.footprint_h[old[index, 2], macro]
            for other in range(size):
                more -= _common(arrays, macro, new[index], chosen[other], old[other])
        if size == 2:
            # The two did not stand in each other's way twice, and may do so once now.
            more += _common(arrays, chosen[0], old[0], chosen[1], old[1])
            more += _common(arrays, chosen[0], new[0], chosen[1], new[1])
        for index in range(size):
            places[chosen[index]] = new[index]
        stamp += 1
        change, count = _change(arrays, chosen, size, places, bounds, nets, boxes, marks, stamp)
        change += price * more
        if change <= 0 or rng.random() < np.exp(-change / heat):
            for index in range(count):
                bounds[nets[index]] = boxes[index]
            for index in range(size):
                macro = chosen[index]
                _cover(arrays, macro, old[index, 0], old[index, 1], old[index, 2], covered, -1)
                _cover(arrays, macro, new[index, 0], new[index, 1], new[index, 2], covered, 1)
        else:
            for index in range(size):
                places[chosen[index]] = old[index]
    return stamp


@njit
def _change(
    arrays: ProblemArrays,
    chosen: Ints,
    size: int,
    places: Places,
    bounds: Floats,
    nets: Ints,
    boxes: Floats,
    marks: Ints,
    stamp: int,
) -> tuple[float, int]:
    """Change of the wirelength by moves that ``places`` holds already, and how many nets they touch.

    The nets and their new boxes are written to ``nets`` and ``boxes``.
    """
    change, count = 0.0, 0
    for index in range(size):
        macro = chosen[index]
        for entry in range(arrays.entry_start[macro], arrays.entry_start[macro + 1]):
            net = arrays.entry_net[entry]
            if marks[net] == stamp:
                continue
            marks[net] = stamp
            box = placed_box(arrays, net, places)
            change += arrays.net_weight[net] * (half_perimeter(box) - half_perimeter(bounds[net]))
            nets[count] = net
            boxes[count, 0], boxes[count, 1], boxes[count, 2], boxes[count, 3] = box
            count += 1
    return change, count


@njit
def _propose(
    arrays: ProblemArrays,
    rng: np.random.Generator,
    places: Places,
    bounds: Floats,
    reach: int,
    chosen: Ints,
    new: Places,
) -> int:
    """Draw a move: macros into ``chosen`` and their new places into ``new``; how many, 0 for no move."""
    count, choices = len(places), arrays.footprint_w.shape[0]
    first = int(rng.random() * count)
    place = places[first]
    chosen[0] = first
    new[0] = place
    draw = rng.random()
    if draw < SWAPS:
        other = int(rng.random() * count)
        its = places[other]
        if other == first or abs(place[0] - its[0]) > reach or abs(place[1] - its[1]) > reach:
            return 0
        chosen[1] = other
        new[1] = its
        _centre_on(arrays, first, place[2], other, its, new[0])
        _centre_on(arrays, other, its[2], first, place, new[1])
        return 2 if _inside(arrays, first, new[0]) and _inside(arrays, other, new[1]) else 0
    if draw < SWAPS + PULLS:
        begin, end = arrays.entry_start[first], arrays.entry_start[first + 1]
        if begin == end:
            return 0
        box = bounds[arrays.entry_net[begin + int(rng.random() * (end - begin))]]
        x = box[0] + rng.random() * (box[1] - box[0]) - arrays.centre_x[place[2], first]
        y = box[2] + rng.random() * (box[3] - box[2]) - arrays.centre_y[place[2], first]
        new[0, 0], new[0, 1] = int(np.round(x / arrays.cell_w)), int(np.round(y / arrays.cell_h))
    elif choices > 1 and draw < SWAPS + PULLS + TURNS:
        new[0, 2] = int(rng.random() * choices)
        _centre_on(arrays, first, new[0, 2], first, place, new[0])
    else:
        new[0, 0] += int(rng.random() * (2 * reach + 1)) - reach
        new[0, 1] += int(rng.random() * (2 * reach + 1)) - reach
    _into_grid(arrays, first, new[0])
    same = new[0, 0] == place[0] and new[0, 1] == place[1] and new[0, 2] == place[2]
    return 0 if same or not _inside(arrays, first, new[0]) else 1


@njit
def _centre_on(arrays: ProblemArrays, macro: int, k: int, other: int, its: Ints, out: Ints) -> None:
    """Write the column and row at which a macro in orientation choice k lies over the middle of another."""
    out[0] = its[0] + (arrays.footprint_w[its[2], other] - arrays.footprint_w[k, macro]) // 2
    out[1] = its[1] + (arrays.footprint_h[its[2], other] - arrays.footprint_h[k, macro]) // 2
    _into_grid(arrays, macro, out)


@njit
def _into_grid(arrays: ProblemArrays, macro: int, place: Ints) -> None:
    place[0] = max(min(place[0], arrays.grid - arrays.footprint_w[place[2], macro]), 0)
    place[1] = max(min(place[1], arrays.grid - arrays.footprint_h[place[2], macro]), 0)


@njit
def _inside(arrays: ProblemArrays, macro: int, place: Ints) -> bool:
    """Whether the footprint lies inside the grid, and in the macro's region where it has one."""
    width, height = arrays.footprint_w[place[2], macro], arrays.footprint_h[place[2], macro]
    if place[0] + width > arrays.grid or place[1] + height > arrays.grid:
        return False
    region = arrays.region[macro]
    return bool(region < 0 or fits(arrays.allowed[region], place[0], place[1], width, height))

"""Go with the winners: several annealing walkers on the proxy cost, of which the worse follow the better.

Every walker makes the five moves of `sandbox_chip.placers.annealing` at one temperature, which falls over the
budget. Now and then soft macros are placed anew by forces, all walkers are measured, and the worse half goes
on from the places of the better half. The cost of a move is the whole proxy cost: wirelength + ½ density + ½
congestion, or what other weights are given. Only what the moved macros and their nets add to it is computed
anew.

Sources: Cheng et al. 2023, Assessment of Reinforcement Learning for Macro Placement (TILOS), section 4;
Aldous and Vazirani 1994 (go with the winners).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox_chip import costs
from sandbox_chip.kernels.congestion import max_degree
from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.legality import fits_for, free_cells, occupy, release
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.kernels.proxy import (
    Blocks,
    ProxyArrays,
    Scratch,
    copied,
    count_macros,
    density_and_congestion,
    move_block,
    new_maps,
)
from sandbox_chip.kernels.wirelength import macro_centre, pin_wirelength
from sandbox_chip.netlist import MACRO, SOFT
from sandbox_chip.orientation import turned_offsets, turned_sizes
from sandbox_chip.placers.annealing import CHANCES, MAX_MACROS, propose
from sandbox_chip.placers.forces import SoftPlacer
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.technology import Technology
from sandbox_chip.types import Bits, Floats, Ints, Places

WALKERS = 4
MEETINGS = 25
"""How often over the budget the worse half follows the better one."""

COUNTED_BATCH, TIMED_BATCH = 64, 1024
"""Moves of all walkers between two changes of the temperature: where moves are counted, and where time is, of
which beginning from scratch should take little."""

HOT, COLD = 0.05, 1e-5
"""First and last temperature, as shares of the starting cost divided by the square root of the macros."""

WEIGHTS = (1.0, 0.5, 0.5)
"""Of wirelength, density and congestion in the cost."""


@dataclass
class _Walker:
    places: Places
    blocks: Blocks
    cost: float


def go_with_the_winners(
    problem: Problem,
    technology: Technology,
    soft: SoftPlacer | None,
    budget: SearchBudget,
    seed: int,
    weights: tuple[float, float, float] = WEIGHTS,
    start: Places | None = None,
) -> SearchResult:
    """The best placement that the walkers have when they meet; an evaluation is one move of one walker.

    Args:
        problem: The problem.
        technology: What density and congestion are measured with.
        soft: Places the soft macros after each meeting; None where they stay, or there are none.
        budget: When to stop.
        seed: Of the generator.
        weights: See `WEIGHTS`.
        start: A complete legal placement to begin from; see `start_placement`.
    """
    rng = np.random.default_rng(seed)
    begin = start_placement(problem, start)
    if not np.isfinite(begin.cost):
        return begin
    proxy = _proxy_arrays(problem, technology)
    crowd = [_walker(problem, technology, soft, begin.places.copy(), weights) for _ in range(WALKERS)]
    best = SearchResult(crowd[0].cost, begin.places.copy())
    best.record(budget)
    unit, cumulated, weighted = best.cost / np.sqrt(problem.num_macros), np.cumsum(CHANCES), np.array(weights)
    size = COUNTED_BATCH if budget.seconds is None else TIMED_BATCH
    while (spent := budget.spent) < 1:
        until = min((np.floor(spent * MEETINGS) + 1) / MEETINGS, 1.0)
        while budget.spent < until:
            batch = max(budget.batch(size) // WALKERS, 1)
            heat = unit * HOT * (COLD / HOT) ** budget.spent
            for walker in crowd:
                _make_moves(
                    problem.arrays,
                    proxy,
                    walker.blocks,
                    rng,
                    walker.places,
                    weighted,
                    heat,
                    cumulated,
                    batch,
                )
                budget.done += batch
                best.evaluations += batch
        crowd = [_walker(problem, technology, soft, walker.places, weights) for walker in crowd]
        _follow(crowd)
        if crowd[0].cost < best.cost:
            best.cost, best.places = crowd[0].cost, crowd[0].places.copy()
            best.record(budget)
    best.record(budget)
    return best


def winners_by_wirelength(
    problem: Problem, budget: SearchBudget, seed: int, start: Places | None = None
) -> SearchResult:
    """`go_with_the_winners` for the wirelength between macros alone; the cost is that, in µm."""
    result = go_with_the_winners(problem, Technology(), None, budget, seed, (1.0, 0.0, 0.0), start)
    if np.isfinite(result.cost):
        result.cost *= problem.scale
        result.history = [(seconds, cost * problem.scale) for seconds, cost in result.history]
    return result


def _follow(crowd: list[_Walker]) -> None:
    """Sort walkers by their cost; the worse half goes on from the places of the better half."""
    crowd.sort(key=lambda walker: walker.cost)
    for index in range(len(crowd) // 2):
        winner = crowd[index]
        crowd[-1 - index] = _Walker(winner.places.copy(), copied(winner.blocks), winner.cost)


def _walker(
    problem: Problem,
    technology: Technology,
    soft: SoftPlacer | None,
    places: Places,
    weights: tuple[float, float, float],
) -> _Walker:
    """A placement with its soft macros placed, and its cost."""
    x, y, orientation = problem.centres(places)
    if soft is not None:
        x, y = soft.place(x, y, orientation)
    netlist = problem.netlist
    measured = costs.evaluate(netlist, technology, x, y, orientation)
    wirelength_weight, density_weight, congestion_weight = weights
    cost = (
        wirelength_weight * measured.hpwl / problem.scale
        + density_weight * measured.density
        + congestion_weight * measured.congestion
    )
    width, height = turned_sizes(orientation, netlist.width, netlist.height)
    placed = np.isfinite(x)
    fixed = np.flatnonzero((netlist.kind == MACRO) & netlist.fixed & placed)
    nodes = np.concatenate((problem.macros, fixed, np.flatnonzero((netlist.kind == SOFT) & placed)))
    left, bottom = netlist.canvas[:2]
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    blocks = Blocks(
        x[nodes] - left,
        y[nodes] - bottom,
        width[nodes],
        height[nodes],
        len(problem.macros) + len(fixed),
        pin_x - left,
        pin_y - bottom,
    )
    return _Walker(places, blocks, cost)


def _proxy_arrays(problem: Problem, technology: Technology) -> ProxyArrays:
    netlist = problem.netlist
    width, height = netlist.size
    rank = np.full(len(netlist.kind), problem.num_macros, np.int64)
    rank[problem.macros] = np.arange(problem.num_macros)
    pin_macro = rank[netlist.pin_node]
    by_macro = np.argsort(pin_macro, kind="stable")
    turn = [choice[np.minimum(pin_macro, problem.num_macros - 1)] for choice in problem.orientations]
    offsets = [turned_offsets(choice, netlist.pin_x, netlist.pin_y) for choice in turn]
    net = np.repeat(np.arange(len(netlist.net_weight)), np.diff(netlist.net_start))
    pairs = np.unique(np.stack((pin_macro[netlist.net_pins], net)), axis=1)
    macro_of, nets_by_macro = pairs[:, pairs[0] < problem.num_macros]
    return ProxyArrays(
        netlist.net_start,
        netlist.net_pins,
        netlist.net_weight,
        np.searchsorted(pin_macro[by_macro], np.arange(problem.num_macros + 1)),
        by_macro,
        np.searchsorted(macro_of, np.arange(problem.num_macros + 1)),
        nets_by_macro.copy(),
        np.array([dx for dx, _ in offsets]),
        np.array([dy for _, dy in offsets]),
        width,
        height,
        technology.columns,
        technology.rows,
        height / technology.rows * technology.routes_h,
        width / technology.columns * technology.routes_v,
        technology.blocked_h,
        technology.blocked_v,
        technology.smoothing,
        problem.scale,
    )


@njit
def start_counting(proxy: ProxyArrays, blocks: Blocks, weights: Floats) -> tuple[Floats, float, Scratch]:
    """Maps of a placement, without cells where only wirelength counts; its wirelength; scratch memory."""
    plain = weights[1] == 0.0 and weights[2] == 0.0
    maps = np.zeros((5, 0, 0)) if plain else new_maps(proxy, blocks)
    hpwl = pin_wirelength(proxy.net_start, proxy.net_pins, proxy.net_weight, blocks.pin_x, blocks.pin_y)
    marks, stamp = np.zeros(len(proxy.net_weight), np.int64), np.zeros(1, np.int64)
    return maps, hpwl, Scratch(marks, stamp, np.empty((max_degree(proxy.net_start), 2), np.int64))


@njit
def weighted_cost(proxy: ProxyArrays, maps: Floats, hpwl: float, weights: Floats) -> float:
    """The weighted cost of a placement from its maps and its wirelength."""
    total = float(weights[0]) * hpwl / proxy.scale
    if maps.size > 0:
        density, congestion = density_and_congestion(proxy, maps)
        total += float(weights[1]) * density + float(weights[2]) * congestion
    return total


@njit
def _make_moves(
    arrays: ProblemArrays,
    proxy: ProxyArrays,
    blocks: Blocks,
    rng: np.random.Generator,
    places: Places,
    weights: Floats,
    heat: float,
    cumulated: Floats,
    tries: int,
) -> float:
    """Moves of one walker at one temperature; ``blocks`` and ``places`` are changed; the cost after them.

    Only what the moved macros and their nets add to the cost is computed anew. That is begun from scratch in
    each call, so that rounding errors do not add up.
    """
    free = free_cells(arrays, places)
    maps, hpwl, scratch = start_counting(proxy, blocks, weights)
    trial = maps.copy()
    cost = weighted_cost(proxy, maps, hpwl, weights)
    chosen = np.empty(MAX_MACROS, np.int64)
    old, new = np.empty((MAX_MACROS, 3), np.int64), np.empty((MAX_MACROS, 3), np.int64)
    for _ in range(tries):
        size = propose(arrays, rng, places, chosen, new, cumulated)
        for index in range(size):
            old[index] = places[chosen[index]]
            release(arrays, free, chosen[index], old[index])
        done = _occupied(arrays, free, chosen, new, size)
        if done == size and size > 0:
            trial[:] = maps
            changed_hpwl = hpwl - count_macros(proxy, blocks, chosen, size, trial, scratch, -1.0)
            _put(arrays, proxy, blocks, chosen, new, size)
            changed_hpwl += count_macros(proxy, blocks, chosen, size, trial, scratch, 1.0)
            changed = weighted_cost(proxy, trial, changed_hpwl, weights)
            if changed <= cost or rng.random() < np.exp((cost - changed) / heat):
                cost, hpwl = changed, changed_hpwl
                maps[:] = trial
                for index in range(size):
                    places[chosen[index]] = new[index]
                continue
            _put(arrays, proxy, blocks, chosen, old, size)
        for index in range(done):
            release(arrays, free, chosen[index], new[index])
        for index in range(size):
            occupy(arrays, free, chosen[index], old[index])
    return cost


@njit
def _occupied(arrays: ProblemArrays, free: Bits, chosen: Ints, new: Places, size: int) -> int:
    """Occupy the new cells of macros up to the first whose cells are not legal; how many were occupied."""
    for index in range(size):
        macro, column, row, k = chosen[index], new[index, 0], new[index, 1], new[index, 2]
        width, height = arrays.footprint_w[k, macro], arrays.footprint_h[k, macro]
        inside = 0 <= column <= arrays.grid - width and 0 <= row <= arrays.grid - height
        if not inside or not fits_for(arrays, macro, free, column, row, width, height):
            return index
        occupy(arrays, free, macro, new[index])
    return size


@njit
def _put(
    arrays: ProblemArrays, proxy: ProxyArrays, blocks: Blocks, chosen: Ints, places: Places, size: int
) -> None:
    """Put the first ``size`` of the chosen macros with their pins at places."""
    for index in range(size):
        macro, k = chosen[index], places[index, 2]
        x, y = macro_centre(arrays, macro, places[index, 0], places[index, 1], k)
        move_block(proxy, blocks, macro, k, x, y, arrays.half_w[k, macro], arrays.half_h[k, macro])

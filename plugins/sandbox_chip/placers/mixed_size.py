"""Mixed-size placement: macros and standard cells move together, so that the whole design's wires are short.

The placer of standard cells places the macros too, cut into pieces where it spreads them. The macros then go
to the legal cells of the grid that are nearest, largest first, and the cells are placed around them. Each
round does so with another density, up to a share of the budget. The rest refines the best placement: the
cells stay for a while, the macros are rebuilt for the nets that join them to cells as well, and the cells
are placed anew; what does not make the total wirelength shorter is undone.

Sources: Kim, Lee and Markov 2012, SimPL; Kim and Markov 2012, ComPLx (macros in pieces).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sandbox_chip import costs
from sandbox_chip.kernels.decoders import legalise
from sandbox_chip.netlist import CELL, SOFT
from sandbox_chip.placers.cells import moving_cells, placer_of
from sandbox_chip.placers.greedy import start_placement
from sandbox_chip.placers.rebuild import rebuild
from sandbox_chip.placers.search import SearchBudget, SearchResult
from sandbox_chip.placers.whole import WholeDesign
from sandbox_chip.problem import CHOICES, Problem, build_problem
from sandbox_chip.types import Floats, Places

FIRST_TARGET, TARGETS = 0.8, (0.6, 1.0)
"""Density of the first round, and the least and greatest of the others."""

TOGETHER = 0.4
"""Share of the budget in which macros and cells move together; at least one round."""

TRIES = (20, 400)
"""Least and greatest number of tries of one rebuilding."""


OF_NETS = (
    "entry_start", "entry_net", "pin_box", "net_start", "net_macro", "net_entry", "net_weight",
    "fixed_bounds", "fixed_pins",
)  # fmt: skip
"""Arrays of a problem that depend on its nets."""


def mixed_size(problem: Problem, whole: WholeDesign, budget: SearchBudget, seed: int) -> SearchResult:
    """The placement of macros around which the whole design has the shortest wires.

    An evaluation is one placement of all cells; costs are HPWL of all nets, µm.

    Args:
        problem: The macros on their grid.
        whole: The same design with its cells.
        budget: When to stop.
        seed: Of the densities, and of the rebuilding.
    """
    rng = np.random.default_rng(seed)
    best = SearchResult(np.inf, np.full((problem.num_macros, 3), -1, np.int64))
    best_x = best_y = np.empty(0)
    while not best.evaluations or budget.spent < 1:
        places: Places | None
        if budget.spent >= TOGETHER and np.isfinite(best.cost):
            places = _rebuilt(problem, whole, best.places, best_x, best_y, rng)
        else:
            target = rng.uniform(*TARGETS) if best.evaluations else FIRST_TARGET
            places = _placed_together(problem, whole, target)
        budget.done += 1
        best.evaluations += 1
        if places is None:
            continue
        x, y, orientation = whole.place(*problem.centres(places))
        cost = costs.hpwl(whole.netlist, x, y, orientation)
        if cost < best.cost:
            best.cost, best.places, best_x, best_y = cost, places, x, y
            best.record(budget)
    if not np.isfinite(best.cost):
        best.places = start_placement(problem).places
    best.record(budget)
    return best


def _placed_together(problem: Problem, whole: WholeDesign, target: float) -> Places | None:
    """Macros where they lie best together with the cells, moved to legal cells; None if that fails."""
    netlist, macros = whole.netlist, whole.kept[problem.macros]
    moves = moving_cells(netlist, soft=True)
    moves[macros] = True
    x, y, orientation = whole.with_macros_at(
        problem.netlist.x, problem.netlist.y, problem.netlist.orientation
    )
    x, y = placer_of(netlist, moves, target).place(x, y, orientation)
    left, bottom = netlist.canvas[:2]
    places = np.empty((problem.num_macros, 3), np.int64)
    order, upright = np.arange(problem.num_macros), np.zeros(problem.num_macros, np.int64)
    failed = legalise(problem.arrays, order, x[macros] - left, y[macros] - bottom, upright, places)
    return None if failed else places


def _rebuilt(
    problem: Problem, whole: WholeDesign, places: Places, x: Floats, y: Floats, rng: np.random.Generator
) -> Places:
    """Some macros rebuilt for all their nets, with the cells where they are."""
    netlist = whole.netlist
    # Cells that stay are what soft macros are to a problem: pins that do not move.
    kind = np.where(netlist.kind == CELL, SOFT, netlist.kind).astype(np.int8)
    orientation = next(key for key, names in CHOICES.items() if len(names) == problem.num_choices)
    with_cells = build_problem(replace(netlist, kind=kind, x=x, y=y), problem.grid, orientation, soft=True)
    nets = {name: getattr(with_cells.arrays, name) for name in OF_NETS}
    arrays = problem.arrays._replace(**nets)
    tries = int(np.exp(rng.uniform(*np.log(TRIES))))
    return rebuild(
        replace(with_cells, arrays=arrays),
        SearchBudget(None, tries),
        int(rng.integers(2**31)),
        start=places,
        temperature=0.0,
    ).places

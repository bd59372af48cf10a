"""Analytic placement: quadratic solutions drawn apart by a legal placement, again and again.

Each round solves the quadratic placement with springs to the last legal placement (SimPL, Kim, Lee and
Markov 2012), then puts every macro at the legal cell nearest to its solution, largest first. The springs
grow from round to round; the best legal placement is kept.
"""

from __future__ import annotations

import numpy as np

from sandbox_chip.grid import Problem
from sandbox_chip.kernels import all_bounds, legalise, wirelength
from sandbox_chip.netlist import Floats
from sandbox_chip.search import Clock, Found, Places
from sandbox_chip.targets import quadratic_targets

GROWTH = 0.05
"""Springs of round r are r times this share of a macro's own connections."""

ROUNDS = 40
"""After so many rounds the springs start anew, with a mixed order of placing."""


def analytic(problem: Problem, clock: Clock, seed: int) -> Found:
    """The best legal placement of rounds of quadratic placement; an evaluation is one round."""
    rng = np.random.default_rng(seed)
    degree = np.diff(problem.arrays.entry_start).astype(float)
    best = Found(np.inf, np.full((problem.count, 3), -1, np.int64))
    targets, round_ = quadratic_targets(problem), 0
    order = np.arange(problem.count)
    while clock.share < 1 or clock.done == 0:
        places = np.empty((problem.count, 3), np.int64)
        upright = np.zeros(problem.count, np.int64)
        failed = legalise(problem.arrays, order, targets[:, 0].copy(), targets[:, 1].copy(), upright, places)
        clock.done += 1
        best.evaluations += 1
        if not failed:
            cost = float(wirelength(problem.arrays, all_bounds(problem.arrays, places)))
            if cost < best.cost:
                best.cost, best.places = cost, places
                best.note(clock)
        round_ += 1
        if failed or round_ % ROUNDS == 0:
            # Neighbours in the order by area change ranks: large macros still come first.
            order = np.argsort(np.arange(problem.count) + rng.normal(0.0, 0.1 * problem.count, problem.count))
            targets = quadratic_targets(problem)
            continue
        pull = GROWTH * (round_ % ROUNDS) * np.maximum(degree, 1.0)
        targets = quadratic_targets(problem, _centres(problem, places), pull)
    best.note(clock)
    return best


def initial(problem: Problem) -> Found | None:
    """The file's own placement on the grid's legal cells, largest macros first; None if it has none."""
    netlist, macros = problem.netlist, problem.macros
    x, y = netlist.x[macros], netlist.y[macros]
    if np.isnan(x).any():
        return None
    corners = np.stack((x - netlist.width[macros] / 2, y - netlist.height[macros] / 2))
    if problem.count > 1 and np.ptp(corners, axis=1).max() == 0:
        return None  # all corners on one point, mostly the origin: a file that has not been placed yet
    left, bottom = netlist.canvas[:2]
    choices = {choice: k for k, choice in enumerate(problem.orientations)}
    turned = np.array([choices.get(int(netlist.orientation[m]), 0) for m in macros], np.int64)
    places = np.empty((problem.count, 3), np.int64)
    failed = legalise(problem.arrays, np.arange(problem.count), x - left, y - bottom, turned, places)
    if failed:
        return Found(np.inf, places, evaluations=1)
    return Found(float(wirelength(problem.arrays, all_bounds(problem.arrays, places))), places, evaluations=1)


def _centres(problem: Problem, places: Places) -> Floats:
    arrays, index = problem.arrays, np.arange(problem.count)
    k = places[:, 2]
    return np.stack(
        (
            places[:, 0] * arrays.step_x + arrays.half_w[k, index],
            places[:, 1] * arrays.step_y + arrays.half_h[k, index],
        ),
        axis=1,
    )

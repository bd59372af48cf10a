"""The placement that a design's file brings along, moved to legal cells of the grid."""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.decoders import legalise
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.placers.search import SearchResult
from sandbox_chip.problem import Problem


def initial(problem: Problem) -> SearchResult | None:
    """The file's own placement at the nearest legal cells, largest macros first; None if it has none."""
    netlist, macros = problem.netlist, problem.macros
    x, y = netlist.x[macros], netlist.y[macros]
    if np.isnan(x).any():
        return None
    corners = np.stack((x - netlist.width[macros] / 2, y - netlist.height[macros] / 2))
    if problem.num_macros > 1 and np.ptp(corners, axis=1).max() == 0:
        return None  # all corners in one point, mostly the origin: a file that has not been placed yet
    left, bottom = netlist.canvas[:2]
    choices = {orientation: k for k, orientation in enumerate(problem.orientations)}
    turned = np.array([choices.get(int(netlist.orientation[macro]), 0) for macro in macros], np.int64)
    places = np.empty((problem.num_macros, 3), np.int64)
    order = np.arange(problem.num_macros)
    if legalise(problem.arrays, order, x - left, y - bottom, turned, places):
        return SearchResult(np.inf, places, evaluations=1)
    cost = wirelength(problem.arrays, all_bounds(problem.arrays, places))
    return SearchResult(cost, places, evaluations=1)

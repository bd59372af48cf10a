"""The placement that a design's file brings along: as it is, or moved to legal cells of the grid."""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.decoders import legalise
from sandbox_chip.kernels.wirelength import all_bounds, wirelength
from sandbox_chip.netlist import Netlist
from sandbox_chip.placers.search import SearchResult
from sandbox_chip.problem import Problem
from sandbox_chip.types import Floats, Ints


def filed_centres(netlist: Netlist, macros: Ints) -> Floats | None:
    """Centres of some macros in the file, the canvas' lower-left corner at the origin, shape ``(n, 2)``.

    None where the file does not place them all.
    """
    x, y = netlist.x[macros], netlist.y[macros]
    if np.isnan(x).any():
        return None
    corners = np.stack((x - netlist.width[macros] / 2, y - netlist.height[macros] / 2))
    if len(macros) > 1 and np.ptp(corners, axis=1).max() == 0:
        return None  # all corners in one point, mostly the origin: a file that has not been placed yet
    left, bottom = netlist.canvas[:2]
    return np.stack((x - left, y - bottom), axis=1)


def initial(problem: Problem, filed: Netlist | None = None) -> SearchResult | None:
    """The file's own placement at the nearest legal cells, largest macros first; None if it has none.

    Args:
        problem: The problem.
        filed: The problem's netlist with the places of the file, where the problem's are others.
    """
    centres = filed_centres(problem.netlist if filed is None else filed, problem.macros)
    if centres is None:
        return None
    upright = np.zeros(problem.num_macros, np.int64)
    places = np.empty((problem.num_macros, 3), np.int64)
    order = np.arange(problem.num_macros)
    x, y = centres.T.copy()
    if legalise(problem.arrays, order, x, y, upright, places):
        return SearchResult(np.inf, places, evaluations=1)
    cost = wirelength(problem.arrays, all_bounds(problem.arrays, places))
    return SearchResult(cost, places, evaluations=1)

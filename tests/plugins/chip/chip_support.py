"""Small designs for the tests of the chip domain, whose values can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sandbox_chip.designs import Design
from sandbox_chip.generator import Recipe, generate
from sandbox_chip.netlist import MACRO, PAD, Netlist
from sandbox_chip.problem import Problem, build_problem
from sandbox_chip.technology import Technology
from sandbox_chip.types import Places

Pin = tuple[int, float, float]
"""Node, and offset from its centre."""


def netlist(
    nodes: Sequence[tuple[int, float, float]],
    nets: Sequence[Sequence[Pin]],
    at: dict[int, tuple[float, float]] | None = None,
    *,
    canvas: tuple[float, float, float, float] = (0.0, 0.0, 100.0, 100.0),
    weights: Sequence[float] | None = None,
    fixed: Sequence[int] = (),
) -> Netlist:
    """A netlist from nodes (kind, width, height), nets of pins, and centres of some nodes; pads are fixed."""
    pins = [pin for net in nets for pin in net]
    kinds = [kind for kind, _, _ in nodes]
    centres = [(at or {}).get(node, (np.nan, np.nan)) for node in range(len(nodes))]
    return Netlist(
        name="test",
        nodes=[f"n{node}" for node in range(len(nodes))],
        kind=np.array(kinds, np.int8),
        fixed=np.array([kind == PAD or node in fixed for node, kind in enumerate(kinds)]),
        width=np.array([width for _, width, _ in nodes], float),
        height=np.array([height for _, _, height in nodes], float),
        x=np.array([x for x, _ in centres], float),
        y=np.array([y for _, y in centres], float),
        orientation=np.zeros(len(nodes), np.int8),
        pin_node=np.array([node for node, _, _ in pins], np.int64),
        pin_x=np.array([dx for _, dx, _ in pins], float),
        pin_y=np.array([dy for _, _, dy in pins], float),
        net_start=np.concatenate(([0], np.cumsum([len(net) for net in nets]))).astype(np.int64),
        net_pins=np.arange(len(pins)),
        net_weight=np.array(weights if weights is not None else [1.0] * len(nets), float),
        canvas=tuple(float(side) for side in canvas),
    )


def design(
    sizes: Sequence[tuple[float, float]],
    pads: Sequence[tuple[float, float]],
    nets: Sequence[Sequence[Pin]],
    side: float = 100.0,
    weights: Sequence[float] | None = None,
) -> Netlist:
    """Macros of some sizes, then pads at some points, on a square canvas."""
    nodes = [(MACRO, width, height) for width, height in sizes] + [(PAD, 0.0, 0.0)] * len(pads)
    at = {len(sizes) + index: point for index, point in enumerate(pads)}
    return netlist(nodes, nets, at, canvas=(0.0, 0.0, side, side), weights=weights)


def two_macros() -> Design:
    """A of 20 × 20 and B of 10 × 10 on a canvas of 40 × 40 with a grid of 4 × 4; pads at two corners.

    Net 0 joins A to the pad at (0, 0). Net 1, of weight 2, joins A and B to the pad at (40, 40). All pins lie
    at centres; B is expected at (30, 20).
    """
    nets = [[(2, 0.0, 0.0), (0, 0.0, 0.0)], [(0, 0.0, 0.0), (1, 0.0, 0.0), (3, 0.0, 0.0)]]
    drawn = design([(20.0, 20.0), (10.0, 10.0)], [(0.0, 0.0), (40.0, 40.0)], nets, 40.0, [1.0, 2.0])
    targets = np.array([[20.0, 20.0], [30.0, 20.0]])
    return Design(build_problem(drawn, 4), Technology(4, 4, 5.0, 5.0, 2.0, 2.0, 0), targets)


def generated(
    seed: int, grid: int = 16, orientation: str = "fixed", macros: int = 9, family: str = "mixed"
) -> Problem:
    """A generated design on a grid."""
    recipe = Recipe(family, (macros, macros), (0.35, 0.5), grid=grid)
    return build_problem(generate(recipe, seed), grid, orientation)


def occupied_cells(problem: Problem, places: Places) -> np.ndarray:
    """How many placed macros lie on each cell, shape ``(grid, grid)``, from footprints alone."""
    cells = np.zeros((problem.grid, problem.grid), int)
    for macro, (column, row, k) in enumerate(places):
        if k >= 0:
            width, height = problem.arrays.footprint_w[k, macro], problem.arrays.footprint_h[k, macro]
            cells[row : row + height, column : column + width] += 1
    return cells


def bits_to_cells(free: np.ndarray, grid: int) -> np.ndarray:
    """Free cells as booleans, shape ``(grid, grid)``."""
    return np.array([[bool(int(row[i // 64]) >> (i % 64) & 1) for i in range(grid)] for row in free])


def cells_to_bits(cells: np.ndarray) -> np.ndarray:
    """Booleans of shape ``(rows, columns)`` as bits, 64 columns a word."""
    free = np.zeros((cells.shape[0], (cells.shape[1] + 63) // 64), np.uint64)
    for row, column in np.argwhere(cells):
        free[row, column // 64] |= np.uint64(1) << np.uint64(column % 64)
    return free

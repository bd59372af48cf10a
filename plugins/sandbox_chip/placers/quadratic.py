"""Quadratic placement: where macros would lie if they had no size."""

from __future__ import annotations

import numpy as np

from sandbox_chip.kernels.jit import njit
from sandbox_chip.kernels.problem_arrays import ProblemArrays
from sandbox_chip.problem import Problem
from sandbox_chip.types import Floats

CENTRE_PULL = 1e-4
"""Weak springs to the canvas' centre, as a share of a macro's weight: they hold designs without pads."""


def quadratic_targets(problem: Problem, anchors: Floats | None = None, pull: Floats | None = None) -> Floats:
    """Centres that minimise Σ w · Σ (pin − mean of the net's pins)², shape ``(n, 2)``, inside the canvas.

    A net of d pins is a star around their mean, which equals a clique with weights w/d. Pins on fixed nodes
    hold the rest; ``anchors`` add springs.

    Args:
        problem: Macros and nets.
        anchors: Points that macros are pulled to, shape ``(n, 2)``.
        pull: Strength of the springs to the anchors, shape ``(n,)``.
    """
    arrays, count = problem.arrays, problem.num_macros
    matrix, right = np.zeros((count, count)), np.zeros((count, 2))
    _add_nets(arrays, matrix, right)
    width, height = problem.netlist.size
    springs = CENTRE_PULL * np.maximum(np.diag(matrix), 1e-9) + 1e-9
    right += springs[:, None] * np.array([width / 2, height / 2])
    if anchors is not None and pull is not None:
        springs = springs + pull
        right += pull[:, None] * anchors
    matrix[np.diag_indices(count)] += springs
    targets: Floats = np.asarray(np.linalg.solve(matrix, right), np.float64)
    targets[:, 0] = inside(targets[:, 0], arrays.half_w[0], width)
    targets[:, 1] = inside(targets[:, 1], arrays.half_h[0], height)
    return targets


def inside(centre: Floats, half: Floats, length: float) -> Floats:
    """Centres moved so that macros lie inside the canvas; to its middle where a macro is longer than it."""
    return np.clip(centre, np.minimum(half, length / 2), np.maximum(length - half, length / 2))


@njit
def _add_nets(arrays: ProblemArrays, matrix: Floats, right: Floats) -> None:
    """Add all nets to the Laplacian, shape ``(n, n)``, and to the right-hand side of both axes, ``(n, 2)``.

    A macro's pins on a net count as one pin in the middle of their box.
    """
    for net in range(len(arrays.net_weight)):
        begin, end = arrays.net_start[net], arrays.net_start[net + 1]
        pins = float(end - begin) + arrays.fixed_pins[net, 0]
        sum_x, sum_y = arrays.fixed_pins[net, 1], arrays.fixed_pins[net, 2]
        if pins < 2:
            continue
        for at in range(begin, end):
            e = arrays.net_entry[at]
            sum_x += (arrays.pin_box[0, e, 0] + arrays.pin_box[0, e, 1]) / 2
            sum_y += (arrays.pin_box[0, e, 2] + arrays.pin_box[0, e, 3]) / 2
        w = arrays.net_weight[net]
        for at in range(begin, end):
            macro, e = arrays.net_macro[at], arrays.net_entry[at]
            matrix[macro, macro] += w
            for other in range(begin, end):
                matrix[macro, arrays.net_macro[other]] -= w / pins
            right[macro, 0] += w * (sum_x / pins - (arrays.pin_box[0, e, 0] + arrays.pin_box[0, e, 1]) / 2)
            right[macro, 1] += w * (sum_y / pins - (arrays.pin_box[0, e, 2] + arrays.pin_box[0, e, 3]) / 2)

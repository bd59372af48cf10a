"""Where macros would lie if they had no size: the quadratic placement of a problem."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from sandbox_chip.grid import Problem
from sandbox_chip.netlist import Floats

njit: Any = numba.njit(cache=True, nogil=True)

CENTRE_PULL = 1e-4
"""Weak springs to the canvas' centre, as a share of a macro's weight: they hold designs without pads."""


def quadratic_targets(problem: Problem, anchors: Floats | None = None, pull: Floats | None = None) -> Floats:
    """Centres that minimise Σ w · Σ (pin − mean of the net's pins)², shape ``(n, 2)``.

    A net of d pins is a star round its mean, which is a clique with weights w/d. Fixed pins hold the
    rest; ``anchors`` add springs.

    Args:
        problem: Macros and nets.
        anchors: Points that macros are drawn to, shape ``(n, 2)``.
        pull: Strength of the springs to the anchors, shape ``(n,)``.
    """
    arrays, count = problem.arrays, problem.count
    matrix, right = np.zeros((count, count)), np.zeros((count, 2))
    _system(arrays, matrix, right)
    width, height = problem.netlist.size
    springs = CENTRE_PULL * np.maximum(np.diag(matrix), 1e-9) + 1e-9
    right += springs[:, None] * np.array([width / 2, height / 2])
    if anchors is not None and pull is not None:
        springs = springs + pull
        right += pull[:, None] * anchors
    matrix[np.diag_indices(count)] += springs
    found: Floats = np.asarray(np.linalg.solve(matrix, right), np.float64)
    half_w, half_h = arrays.half_w[0], arrays.half_h[0]
    # An axis on which a macro is as long as the canvas leaves it no choice.
    found[:, 0] = np.clip(found[:, 0], np.minimum(half_w, width / 2), np.maximum(width - half_w, width / 2))
    found[:, 1] = np.clip(
        found[:, 1], np.minimum(half_h, height / 2), np.maximum(height - half_h, height / 2)
    )
    return found


@njit
def _system(arrays, matrix, right):  # type: ignore[no-untyped-def]
    """Laplacian and right-hand side of both axes; a macro's pins on a net count as one in their middle."""
    for net in range(len(arrays.weight)):
        begin, end = arrays.net_start[net], arrays.net_start[net + 1]
        pins = float(end - begin)
        sum_x = sum_y = 0.0
        if arrays.fixed[net, 0] <= arrays.fixed[net, 1]:
            # All that is known of a net's fixed pins is their box: two pins at its corners.
            pins += 2.0
            sum_x += arrays.fixed[net, 0] + arrays.fixed[net, 1]
            sum_y += arrays.fixed[net, 2] + arrays.fixed[net, 3]
        if pins < 2:
            continue
        for at in range(begin, end):
            e = arrays.net_entry[at]
            sum_x += (arrays.offsets[0, e, 0] + arrays.offsets[0, e, 1]) / 2
            sum_y += (arrays.offsets[0, e, 2] + arrays.offsets[0, e, 3]) / 2
        w = arrays.weight[net]
        for at in range(begin, end):
            macro, e = arrays.net_macro[at], arrays.net_entry[at]
            matrix[macro, macro] += w
            for other in range(begin, end):
                matrix[macro, arrays.net_macro[other]] -= w / pins
            right[macro, 0] += w * (sum_x / pins - (arrays.offsets[0, e, 0] + arrays.offsets[0, e, 1]) / 2)
            right[macro, 1] += w * (sum_y / pins - (arrays.offsets[0, e, 2] + arrays.offsets[0, e, 3]) / 2)

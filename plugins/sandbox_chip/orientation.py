"""The eight orientations of LEF and DEF, and what they do to sizes and to the offsets of pins."""

from __future__ import annotations

import numpy as np

from sandbox_chip.types import Floats, Orientations

ORIENTATIONS = ("N", "S", "W", "E", "FN", "FS", "FW", "FE")
"""N as drawn; S, W and E turned by 180, 90 and 270 degrees counter-clockwise; with F then flipped sideways.

In LEF/DEF's other notation R0, R180, R90, R270, MY, MX, MX90 and MY90.
"""

_MATRIX = np.array(
    [
        [[1, 0], [0, 1]],
        [[-1, 0], [0, -1]],
        [[0, -1], [1, 0]],
        [[0, 1], [-1, 0]],
        [[-1, 0], [0, 1]],
        [[1, 0], [0, -1]],
        [[0, 1], [1, 0]],
        [[0, -1], [-1, 0]],
    ],
    dtype=np.float64,
)
"""Matrix of each orientation, applied to an offset from the centre."""

_SWAPS_SIDES = _MATRIX[:, 0, 0] == 0

_SIDES = np.array([[-1.0, 0.0], [0.0, -1.0], [1.0, 0.0], [0.0, 1.0]])
"""Directions of the left, bottom, right and top side."""

_SIDE_BEFORE = np.array(
    [[int((side @ turn == _SIDES).all(1).argmax()) for side in _SIDES] for turn in _MATRIX], dtype=np.intp
)
"""Which side of a node in N lies on the left, at the bottom, on the right and at the top."""

_COMPOSED = np.array(
    [[int((after @ before == _MATRIX).all((1, 2)).argmax()) for before in _MATRIX] for after in _MATRIX],
    dtype=np.int8,
)
"""Index of the orientation that ``[after, before]`` make one after the other."""


def turned_offsets(orientation: int | Orientations, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Offsets from a node's centre after turning.

    Args:
        orientation: Index into `ORIENTATIONS`: one for all offsets, or one each.
        x: Offsets in orientation N, shape ``(pins,)``.
        y: As ``x``.
    """
    turn = _MATRIX[orientation]
    return turn[..., 0, 0] * x + turn[..., 0, 1] * y, turn[..., 1, 0] * x + turn[..., 1, 1] * y


def swaps_sides(orientation: int) -> bool:
    """Whether width and height change places in an orientation (index into `ORIENTATIONS`)."""
    return bool(_SWAPS_SIDES[orientation])


def turned_size(orientation: int, width: float, height: float) -> tuple[float, float]:
    """Width and height in an orientation (index into `ORIENTATIONS`) of a node that is drawn in N."""
    return (height, width) if swaps_sides(orientation) else (width, height)


def turned_sizes(orientation: Orientations, width: Floats, height: Floats) -> tuple[Floats, Floats]:
    """Widths and heights of many nodes, each in its orientation."""
    swapped = _SWAPS_SIDES[orientation]
    return np.where(swapped, height, width), np.where(swapped, width, height)


def turned_margins(orientation: int | Orientations, margins: Floats) -> Floats:
    """Left, bottom, right and top margins of nodes after turning, shape ``(n, 4)``.

    Args:
        orientation: Index into `ORIENTATIONS`: one for all nodes, or one each.
        margins: Of the nodes as they are drawn in N, in the same order.
    """
    before = _SIDE_BEFORE[orientation]
    return margins[:, before] if before.ndim == 1 else np.take_along_axis(margins, before, axis=1)


def composed(after: int, before: int | Orientations) -> Orientations:
    """Index of the orientation of a node that is in ``before`` and is then turned by ``after``."""
    return np.asarray(_COMPOSED[after, before])

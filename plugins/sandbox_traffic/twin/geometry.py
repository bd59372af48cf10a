"""Where the ways through a junction cross one another."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from sandbox_traffic.twin.jit import njit

Points = NDArray[np.float64]


def read_shape(text: str) -> Points:
    """A shape as network files have it, ``x,y x,y …`` or with heights, shape ``(points, 2)``."""
    return np.array([[float(part) for part in point.split(",")[:2]] for point in text.split()])


@njit
def crossing(way: Points, other: Points) -> tuple[float, float]:
    """Where two ways first cross, as shares of their lengths from 0 to 1; −1 where they do not.

    Args:
        way: Shape ``(n, 2)``, m.
        other: Shape ``(m, 2)``, m.
    """
    for i in range(len(way) - 1):
        for j in range(len(other) - 1):
            dx, dy = way[i + 1, 0] - way[i, 0], way[i + 1, 1] - way[i, 1]
            ex, ey = other[j + 1, 0] - other[j, 0], other[j + 1, 1] - other[j, 1]
            area = dx * ey - dy * ex
            if area == 0.0:
                continue
            x, y = other[j, 0] - way[i, 0], other[j, 1] - way[i, 1]
            along, across = (x * ey - y * ex) / area, (x * dy - y * dx) / area
            if 0.0 <= along <= 1.0 and 0.0 <= across <= 1.0:
                return _share(way, i, along), _share(other, j, across)
    return -1.0, -1.0


@njit
def _share(way: Points, segment: int, part: float) -> float:
    total = before = 0.0
    for i in range(len(way) - 1):
        length = math.hypot(way[i + 1, 0] - way[i, 0], way[i + 1, 1] - way[i, 1])
        if i < segment:
            before += length
        elif i == segment:
            before += part * length
        total += length
    return before / max(total, 1e-9)


def on_shape(shape: Points, share: float) -> tuple[Points, float]:
    """A point at a share of a shape's length, and the heading there, degrees clockwise from north."""
    steps = np.diff(shape, axis=0)
    lengths = np.hypot(*steps.T)
    way = min(max(share, 0.0), 1.0) * float(lengths.sum())
    ends = np.cumsum(lengths)
    segment = min(int(np.searchsorted(ends, way)), len(steps) - 1)
    rest = (way - (ends[segment] - lengths[segment])) / max(lengths[segment], 1e-9)
    heading = float(np.degrees(np.arctan2(steps[segment, 0], steps[segment, 1]))) % 360.0
    return shape[segment] + rest * steps[segment], heading

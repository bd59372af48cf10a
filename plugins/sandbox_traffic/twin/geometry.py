"""Where the ways through a junction cross one another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def read_shape(text: str) -> Points:
    """A shape as network files have it, ``x,y x,y …`` or with heights, shape ``(points, 2)``."""
    return np.array([[float(part) for part in point.split(",")[:2]] for point in text.split()])


def crossing(way: Points, other: Points) -> tuple[float, float] | None:
    """Where two ways first cross, as shares of their lengths from 0 to 1; None where they do not.

    Args:
        way: Shape ``(n, 2)``, m.
        other: Shape ``(m, 2)``, m.
    """
    start, step = way[:-1, None], np.diff(way, axis=0)[:, None]
    other_start, other_step = other[None, :-1], np.diff(other, axis=0)[None]
    area = _cross(step, other_step)
    offset = other_start - start
    with np.errstate(divide="ignore", invalid="ignore"):
        along, across = _cross(offset, other_step) / area, _cross(offset, step) / area
    meets = (area != 0) & (along >= 0) & (along <= 1) & (across >= 0) & (across <= 1)
    places = np.argwhere(meets)
    if not len(places):
        return None
    row, column = places[0]
    return _share(way, row, along[row, column]), _share(other, column, across[row, column])


def _cross(first: Points, second: Points) -> Points:
    product: Points = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    return product


def _share(way: Points, segment: int, part: float) -> float:
    lengths = np.hypot(*np.diff(way, axis=0).T)
    return float((lengths[:segment].sum() + part * lengths[segment]) / max(lengths.sum(), 1e-9))


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

"""Polygons as rectangles: of a die, of blockages and of ports."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sandbox_chip.types import Canvas, Rectangles

Point = tuple[float, float]


def bounding_box(points: Sequence[Point]) -> Canvas:
    """Left, bottom, right and top of some points."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def covering(points: Sequence[Point]) -> Rectangles:
    """Rectangles that cover a polygon: exactly where its edges are parallel to the axes.

    Args:
        points: Corners in their order; the last is joined to the first. Two points are opposite corners.
    """
    if len(points) == 2:
        return np.array([bounding_box(points)])
    return _merged(
        [
            (min(x), bottom, max(other), top)
            for bottom, top, crossings in _strips(points)
            for x, other in zip(crossings[::2], crossings[1::2], strict=True)
        ]
    )


def outside(points: Sequence[Point], box: Canvas | None = None) -> Rectangles:
    """Rectangles that cover what lies in a box (by default the polygon's own) but outside a polygon."""
    left, bottom, right, top = box or bounding_box(points)
    rectangles: list[Canvas] = []
    for low, high, crossings in _strips(points):
        ends = [left]
        for x, other in zip(crossings[::2], crossings[1::2], strict=True):
            ends += [max(x), min(other)]
        ends.append(right)
        rectangles += [(a, low, b, high) for a, b in zip(ends[::2], ends[1::2], strict=True) if b > a]
    _, lowest, _, highest = bounding_box(points)
    rectangles += [(left, bottom, right, lowest)] if lowest > bottom else []
    rectangles += [(left, highest, right, top)] if highest < top else []
    return _merged(rectangles)


def _strips(points: Sequence[Point]) -> list[tuple[float, float, list[Point]]]:
    """Strips between neighbouring heights of corners: bottom, top, and where edges cross, left to right.

    Where an edge crosses is a pair: its x at the bottom and at the top of the strip.
    """
    edges = list(zip(points, [*points[1:], points[0]], strict=True))
    heights = sorted({y for _, y in points})
    strips = []
    for bottom, top in pairwise(heights):
        crossings = [
            (_x_at(edge, bottom), _x_at(edge, top))
            for edge in edges
            if min(edge[0][1], edge[1][1]) <= bottom and max(edge[0][1], edge[1][1]) >= top
        ]
        strips.append((bottom, top, sorted(crossings, key=sum)))
    return strips


def _x_at(edge: tuple[Point, Point], y: float) -> float:
    (x0, y0), (x1, y1) = edge
    return x0 if x0 == x1 else x0 + (x1 - x0) * (y - y0) / (y1 - y0)


def _merged(rectangles: Sequence[Canvas]) -> Rectangles:
    """Rectangles of the same columns on top of each other become one."""
    merged: list[Canvas] = []
    for left, bottom, right, top in sorted(rectangles, key=lambda box: (box[0], box[2], box[1])):
        if merged and (merged[-1][0], merged[-1][2], merged[-1][3]) == (left, right, bottom):
            merged[-1] = (left, merged[-1][1], right, top)
        else:
            merged.append((left, bottom, right, top))
    return np.array(merged, float).reshape(-1, 4)

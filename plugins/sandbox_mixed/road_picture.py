"""Pictures of roads from above, drawn with NumPy alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sandbox_mixed.kernels import Floats, Integers

Picture = NDArray[np.uint8]

SIZE = 480
"""Of a picture of the ring, pixels a side."""

FAST = 6.0
"""Speed that is drawn in the colour of fast vehicles, m/s."""

BACKGROUND, ROAD, AUTOMATED = (250, 250, 248), (205, 207, 210), (20, 70, 200)
SLOW_TO_FAST = np.array([[196, 30, 40], [235, 170, 40], [40, 150, 70]], np.float64)


def speed_colour(speed: float, fast: float = FAST) -> Floats:
    """Red for standing, green for fast vehicles; shape ``(3,)``, 0 to 255."""
    place = np.clip(speed / fast, 0.0, 1.0) * 2.0
    lower = min(int(place), 1)
    colour: Floats = SLOW_TO_FAST[lower] + (place - lower) * (SLOW_TO_FAST[lower + 1] - SLOW_TO_FAST[lower])
    return colour


def draw_ring(
    position: Floats, speed: Floats, length: float, automated: Integers, vehicle_length: float
) -> Picture:
    """A ring from above; vehicles coloured by speed, automated ones with a blue roof.

    Args:
        position: Of front bumpers along the ring, m, shape ``(n,)``.
        speed: m/s, shape ``(n,)``.
        length: Of the ring, m.
        automated: Indices of automated vehicles.
        vehicle_length: m.
    """
    radius = length / (2 * np.pi)
    scale = 0.42 * SIZE / radius
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5 - SIZE / 2
    distance = np.hypot(x, y) / scale
    picture = np.empty((SIZE, SIZE, 3))
    picture[:] = BACKGROUND
    picture[np.abs(distance - radius) < 2.4] = ROAD
    around = np.arctan2(-y, x)
    across = np.abs(distance - radius) < 1.1
    for i, front in enumerate(position):
        middle = (front - vehicle_length / 2) / radius
        along = np.abs((around - middle + np.pi) % (2 * np.pi) - np.pi) * radius
        picture[across & (along < vehicle_length / 2)] = speed_colour(float(speed[i]))
        if i in automated:
            picture[(np.abs(distance - radius) < 2.2) & (along < vehicle_length / 2 + 1)] = AUTOMATED
            picture[(np.abs(distance - radius) < 1.0) & (along < vehicle_length / 4)] = speed_colour(
                float(speed[i])
            )
    return picture.astype(np.uint8)


def draw_lane(position: Floats, speed: Floats, automated: Integers, vehicle_length: float) -> Picture:
    """A single lane from above, as long as its vehicles and the leader at the right end; see `draw_ring`."""
    height, width = 120, 2 * SIZE
    span = max(float(position[-1] - position[0]) * 1.05 + 2 * vehicle_length, 120.0)
    x = position[-1] + vehicle_length - (width - np.arange(width) - 0.5) * span / width
    picture = np.empty((height, width, 3))
    picture[:] = BACKGROUND
    picture[44:76] = ROAD
    for i, front in enumerate(position):
        along = (x < front) & (x > front - vehicle_length)
        along[min(int(np.searchsorted(x, front - vehicle_length / 2)), width - 1)] = True
        picture[50:70, along] = speed_colour(float(speed[i]), 25.0)
        if i in automated:
            picture[46:50, along] = picture[70:74, along] = AUTOMATED
    return picture.astype(np.uint8)


def draw_roads(lanes: Sequence[Sequence[Sequence[float]]], vehicles: Sequence[Sequence[float]]) -> Picture:
    """A network from above; x points right and y up.

    Args:
        lanes: Centre lines, each a list of points, m.
        vehicles: x, y, heading (degrees clockwise from north), speed (m/s), whether automated.
    """
    points = np.array([point[:2] for lane in lanes for point in lane], np.float64)
    low, high = points.min(0) - 8.0, points.max(0) + 8.0
    width, height = high - low
    scale = min(2 * SIZE / width, SIZE / max(height, 1e-9))
    shape = (max(int(height * scale), 60), max(int(width * scale), 60), 3)
    picture = np.empty(shape)
    picture[:] = BACKGROUND

    def paint(x: Floats, y: Floats, half: float, colour: Sequence[int] | Floats) -> None:
        rows = shape[0] - 1 - ((y - low[1]) * scale).astype(int)
        columns = ((x - low[0]) * scale).astype(int)
        reach = max(int(half * scale), 1)
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            picture[max(row - reach, 0) : row + reach + 1, max(column - reach, 0) : column + reach + 1] = (
                colour
            )

    for lane in lanes:
        for start, end in itertools.pairwise(np.array(lane, np.float64)[:, :2]):
            along = np.linspace(0.0, 1.0, max(int(np.hypot(*(end - start)) * scale), 1) + 1)
            paint(start[0] + along * (end[0] - start[0]), start[1] + along * (end[1] - start[1]), 1.6, ROAD)
    for x, y, heading, speed, automated in vehicles:
        angle = np.radians(90.0 - heading)
        back = np.linspace(0.0, 5.0, 8)
        xs, ys = x - back * np.cos(angle), y - back * np.sin(angle)
        if automated:
            paint(xs, ys, 1.8, AUTOMATED)
        paint(xs, ys, 1.0, speed_colour(float(speed), 15.0))
    return picture.astype(np.uint8)

"""Pictures of roads from above, drawn with NumPy alone."""

from __future__ import annotations

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

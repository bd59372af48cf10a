"""A network from above: roads, vehicles coloured by speed, and what the signals show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sandbox_traffic.control import SignalControl
from sandbox_traffic.shapes import Shapes, light, read_shapes
from sandbox_traffic.simulator import Vehicles

SIZE = 960
"""Longer side of a picture, pixels."""

NEAR = 0.7
"""Below so many pixels a metre, vehicles and signals are drawn as dots."""

SPAN = 420.0
"""One junction is shown with so much of its roads: a square of this side, m."""

GROUND, ROAD, JUNCTION, TEXT = "#f3f1ec", "#8d8f94", "#7c7e84", "#222222"
CROSSING, WALKER = "#b9bac0", "#6a1b9a"
LIGHTS = {"G": "#1f9d55", "y": "#f2b705", "u": "#f2b705", "r": "#d64545", "o": "#8d8f94"}
FAST = 13.9
"""Speed from which a vehicle is drawn in the colour of free flow, m/s."""


@dataclass(frozen=True, slots=True)
class Camera:
    """Which part of the network is shown, and at what scale."""

    low: NDArray[np.float64]
    scale: float
    width: int
    height: int

    def pixels(self, points: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Places in the picture of points in m."""
        x = (points[..., 0] - self.low[0]) * self.scale
        y = self.height - (points[..., 1] - self.low[1]) * self.scale
        return list(zip(np.ravel(x).tolist(), np.ravel(y).tolist(), strict=True))


def look_at(shapes: Shapes) -> Camera:
    """All of a network, or, where one junction is controlled, its surroundings."""
    low, high = shapes.low - 10.0, shapes.high + 10.0
    if len({stop.signal for stop in shapes.stops}) == 1:
        middle = np.mean([stop.ends.mean(axis=0) for stop in shapes.stops], axis=0)
        low = np.maximum(low, middle - SPAN / 2)
        high = np.minimum(high, middle + SPAN / 2)
    extent = high - low
    scale = SIZE / float(extent.max())
    # Even numbers of pixels: films in H.264 need them.
    width, height = (max(int(side * scale) // 2 * 2, 120) for side in extent)
    return Camera(low, scale, width, height)


class Painter:
    """Draws one simulation; roads are drawn once."""

    def __init__(self, control: SignalControl) -> None:
        self._control = control
        self._shapes = read_shapes(control.network)
        self._camera = look_at(self._shapes)
        self._font = ImageFont.load_default(14)
        self._road = self._background()

    def frame(self, vehicles: Vehicles) -> NDArray[np.uint8]:
        """The picture of the present time, shape ``(height, width, 3)``."""
        picture = self._road.copy()
        draw = ImageDraw.Draw(picture)
        states = shown_states(self._control)
        far = self._camera.scale < NEAR
        for stop in self._shapes.stops:
            colour = LIGHTS[light(states[stop.signal], stop.links)]
            if far:
                (place,) = self._camera.pixels(stop.middle - 6.0 * stop.heading)
                _dot(draw, place, 2, colour)
            else:
                draw.line(self._camera.pixels(stop.ends), fill=colour, width=self._thick(1.6))
        for corners, speed in zip(outlines(vehicles), vehicles.speed.tolist(), strict=True):
            if far:
                (place,) = self._camera.pixels(corners.mean(axis=0))
                _dot(draw, place, 2, _colour(speed))
            else:
                draw.polygon(self._camera.pixels(corners), fill=_colour(speed), outline="#333333")
        for place in self._camera.pixels(vehicles.walkers) if len(vehicles.walkers) else ():
            _dot(draw, place, 1 if far else max(self._thick(1.2) // 2, 2), WALKER)
        control = self._control
        minutes, seconds = divmod(control.now - control.begin, 60)
        queue, outside = control.approaches.queue.sum(), control.approaches.outside.sum()
        text = f"{minutes:02d}:{seconds:02d}   standing {queue:.0f}   outside {outside:.0f}"
        draw.rectangle((6, 6, 16 + draw.textlength(text, self._font), 28), fill="#ffffff")
        draw.text((11, 9), text, fill=TEXT, font=self._font)
        return np.asarray(picture, dtype=np.uint8)

    def _background(self) -> Image.Image:
        camera = self._camera
        picture = Image.new("RGB", (camera.width, camera.height), GROUND)
        draw = ImageDraw.Draw(picture)
        for road in self._shapes.roads:
            draw.line(camera.pixels(road.points), fill=ROAD, width=self._thick(road.width), joint="curve")
        for shape in self._shapes.junctions:
            draw.polygon(camera.pixels(shape), fill=JUNCTION)
        for crossing in self._shapes.crossings:
            draw.line(camera.pixels(crossing.points), fill=CROSSING, width=self._thick(crossing.width))
        return picture

    def _thick(self, metres: float) -> int:
        return max(round(metres * self._camera.scale), 1)


def _dot(draw: ImageDraw.ImageDraw, place: tuple[float, float], radius: int, colour: Any) -> None:
    x, y = place
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def shown_states(control: SignalControl) -> list[str]:
    """The state that each signal shows now."""
    return [clock.shown for clock in control.clocks]


def outlines(vehicles: Vehicles) -> NDArray[np.float64]:
    """Corners of the vehicles, shape ``(vehicles, 4, 2)``, m; positions are those of front bumpers."""
    angle = np.deg2rad(vehicles.angle)
    ahead = np.stack((np.sin(angle), np.cos(angle)), axis=1)  # degrees clockwise from north
    across = np.stack((ahead[:, 1], -ahead[:, 0]), axis=1) * 0.9
    front, back = vehicles.position, vehicles.position - ahead * vehicles.length[:, None]
    return np.stack((front + across, front - across, back - across, back + across), axis=1)


def _colour(speed: float) -> tuple[int, int, int]:
    """From red (standing) over yellow to blue (free flow)."""
    share = min(max(speed / FAST, 0.0), 1.0)
    stops = np.array([[214, 69, 69], [242, 183, 5], [58, 123, 213]], dtype=float)
    place = share * 2
    first = min(int(place), 1)
    mixed = stops[first] + (stops[first + 1] - stops[first]) * (place - first)
    red, green, blue = (int(value) for value in mixed)
    return red, green, blue

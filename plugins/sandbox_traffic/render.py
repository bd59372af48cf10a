"""Frames of a network from above: roads, vehicles coloured by speed, and the lights of the signals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sandbox_traffic.batch import SignalBatch
from sandbox_traffic.network.phases import stop_line_light
from sandbox_traffic.network.shapes import Shapes, read_shapes
from sandbox_traffic.simulation import SignalSimulation
from sandbox_traffic.sumo.interface import Vehicles

SIZE = 960
"""Longer side of a picture, pixels."""

MIN_SCALE = 0.7
"""At fewer pixels per metre, vehicles and signals are drawn as dots."""

SPAN = 420.0
"""Side of the square that is shown around the only junction, m."""

GROUND, ROAD, JUNCTION, TEXT = "#f3f1ec", "#8d8f94", "#7c7e84", "#222222"
CROSSING, PEDESTRIAN = "#b9bac0", "#6a1b9a"
LIGHTS = {"G": "#1f9d55", "y": "#f2b705", "u": "#f2b705", "r": "#d64545", "o": "#8d8f94"}
FREE_SPEED = 13.9
"""Speed from which a vehicle is drawn in the colour of free flow, m/s."""


@dataclass(frozen=True, slots=True)
class Camera:
    """The part of the network that is shown, and its scale, pixels per metre."""

    low: NDArray[np.float64]
    scale: float
    width: int
    height: int

    def pixels(self, points: NDArray[np.float64]) -> list[tuple[float, float]]:
        """Positions in the picture of points in m, shape ``(…, 2)``."""
        x = (points[..., 0] - self.low[0]) * self.scale
        y = self.height - (points[..., 1] - self.low[1]) * self.scale
        return list(zip(np.ravel(x).tolist(), np.ravel(y).tolist(), strict=True))


def make_camera(shapes: Shapes) -> Camera:
    """Show all of a network or, where one signal is controlled, the junction with part of its roads."""
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
    """Draws the first simulation of a batch; roads are drawn once."""

    def __init__(self, batch: SignalBatch) -> None:
        self._batch = batch
        self._shapes = read_shapes(batch.network.roads)
        self._camera = make_camera(self._shapes)
        self._font = ImageFont.load_default(14)
        self._road = self._background()

    def frame(self, vehicles: Vehicles) -> NDArray[np.uint8]:
        """The picture of the present time, shape ``(height, width, 3)``.

        Args:
            vehicles: The vehicles and pedestrians to draw.
        """
        picture = self._road.copy()
        draw = ImageDraw.Draw(picture)
        self._draw_signals(draw, vehicles)
        self._draw_vehicles(draw, vehicles)
        self._draw_text(draw)
        return np.asarray(picture, dtype=np.uint8)

    @property
    def _as_dots(self) -> bool:
        return self._camera.scale < MIN_SCALE

    def _draw_signals(self, draw: ImageDraw.ImageDraw, vehicles: Vehicles) -> None:
        states = shown_states(self._batch.simulations[0], vehicles)
        for stop in self._shapes.stops:
            colour = LIGHTS[stop_line_light(states[stop.signal], stop.links)]
            if self._as_dots:
                (centre,) = self._camera.pixels(stop.middle - 6.0 * stop.heading)
                _dot(draw, centre, 2, colour)
            else:
                draw.line(self._camera.pixels(stop.ends), fill=colour, width=self._thick(1.6))

    def _draw_vehicles(self, draw: ImageDraw.ImageDraw, vehicles: Vehicles) -> None:
        for corners, speed in zip(outlines(vehicles), vehicles.speed.tolist(), strict=True):
            if self._as_dots:
                (centre,) = self._camera.pixels(corners.mean(axis=0))
                _dot(draw, centre, 2, _colour(speed))
            else:
                draw.polygon(self._camera.pixels(corners), fill=_colour(speed), outline="#333333")
        radius = 1 if self._as_dots else max(self._thick(1.2) // 2, 2)
        for centre in self._camera.pixels(vehicles.pedestrians):
            _dot(draw, centre, radius, PEDESTRIAN)

    def _draw_text(self, draw: ImageDraw.ImageDraw) -> None:
        simulation = self._batch.simulations[0]
        minutes, seconds = divmod(simulation.now - simulation.begin, 60)
        standing, outside = self._batch.state.waiting_vehicles(0)
        text = f"{minutes:02d}:{seconds:02d}   standing {standing:.0f}   outside {outside:.0f}"
        draw.rectangle((6, 6, 16 + draw.textlength(text, self._font), 28), fill="#ffffff")
        draw.text((11, 9), text, fill=TEXT, font=self._font)

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


def _dot(draw: ImageDraw.ImageDraw, centre: tuple[float, float], radius: int, colour: Any) -> None:
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def shown_states(simulation: SignalSimulation, vehicles: Vehicles) -> list[str]:
    """The state that each signal shows now; ``vehicles`` has it where SUMO runs the programs."""
    return list(vehicles.lights) or [clock.shown for clock in simulation.clocks]


def outlines(vehicles: Vehicles) -> NDArray[np.float64]:
    """Corners of the vehicles, m, shape ``(vehicles, 4, 2)``."""
    angle = np.deg2rad(vehicles.angle)
    ahead = np.stack((np.sin(angle), np.cos(angle)), axis=1)  # degrees clockwise from north
    across = np.stack((ahead[:, 1], -ahead[:, 0]), axis=1) * 0.9
    front, back = vehicles.position, vehicles.position - ahead * vehicles.length[:, None]
    return np.stack((front + across, front - across, back - across, back + across), axis=1)


def _colour(speed: float) -> tuple[int, int, int]:
    """Colour of a speed, from red (standing) over yellow to blue (free flow)."""
    share = min(max(speed / FREE_SPEED, 0.0), 1.0)
    stops = np.array([[214, 69, 69], [242, 183, 5], [58, 123, 213]], dtype=float)
    position = share * 2
    first = min(int(position), 1)
    mixed = stops[first] + (stops[first + 1] - stops[first]) * (position - first)
    red, green, blue = (int(value) for value in mixed)
    return red, green, blue

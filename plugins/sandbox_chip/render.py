"""Pictures of placements: macros, pads, fly-lines of the longest nets, masks and congestion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_chip import planes
from sandbox_chip.episode import Episode
from sandbox_chip.grid import Problem
from sandbox_chip.kernels import all_bounds

MACRO_COLOUR, CURRENT_COLOUR = "#8fb7d9", "#f0a04b"
PAD_COLOUR, LINE_COLOUR, EDGE_COLOUR = "#555555", "#c0392b", "#2c3e50"
WORST_NETS = 12


def frame(episode: Episode, inches: float = 5.0) -> NDArray[np.uint8]:
    """The placement so far as an image, shape ``(height, width, 3)``."""
    figure, axes = canvas(1, 1, (inches, inches))
    draw_placement(axes[0], episode.problem, episode.places, latest=episode.index - 1)
    length = episode.length / episode.problem.scale
    axes[0].set_title(
        f"{episode.index} of {episode.problem.count} macros, wirelength {length:.4f}", fontsize=9
    )
    return to_array(figure)


def canvas(rows: int, columns: int, size: tuple[float, float]) -> tuple[Any, list[Any]]:
    """A figure without pyplot, and its axes row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(np.asarray(figure.subplots(rows, columns))).ravel())


def to_array(figure: Any) -> NDArray[np.uint8]:
    """The figure's pixels, shape ``(height, width, 3)``."""
    figure.canvas.draw()
    pixels: NDArray[np.uint8] = np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()
    return pixels


def draw_placement(axes: Any, problem: Problem, places: NDArray[np.int64], latest: int = -1) -> None:
    """Macros to scale, pads as dots, and fly-lines of the longest nets from pin to pin's middle.

    Args:
        axes: Where to draw.
        problem: The netlist on its grid.
        places: Column, row and orientation of every macro; orientation −1 where not placed.
        latest: A macro to show in another colour.
    """
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.patches import Rectangle

    netlist = problem.netlist
    x, y, _ = problem.centres(places)
    k = np.maximum(places[:, 2], 0)
    index = np.arange(problem.count)
    half_w, half_h = problem.arrays.half_w[k, index], problem.arrays.half_h[k, index]
    placed = [macro for macro in range(problem.count) if places[macro, 2] >= 0]
    boxes = [
        Rectangle(
            (x[problem.macros[m]] - half_w[m], y[problem.macros[m]] - half_h[m]), 2 * half_w[m], 2 * half_h[m]
        )
        for m in placed
    ]
    colours = [CURRENT_COLOUR if macro == latest else MACRO_COLOUR for macro in placed]
    axes.add_collection(PatchCollection(boxes, facecolor=colours, edgecolor=EDGE_COLOUR, linewidth=0.6))
    axes.add_collection(
        LineCollection(fly_lines(problem, places), colors=LINE_COLOUR, linewidths=0.7, alpha=0.7)
    )
    pads = netlist.kind == 1
    axes.scatter(x[pads], y[pads], s=6, color=PAD_COLOUR, zorder=3)
    left, bottom, right, top = netlist.canvas
    axes.plot(
        [left, right, right, left, left], [bottom, bottom, top, top, bottom], color=EDGE_COLOUR, linewidth=1
    )
    margin = 0.03 * max(right - left, top - bottom)
    axes.set(xlim=(left - margin, right + margin), ylim=(bottom - margin, top + margin), aspect="equal")
    axes.tick_params(labelsize=7)


def fly_lines(
    problem: Problem, places: NDArray[np.int64], most: int = WORST_NETS
) -> list[Sequence[tuple[float, float]]]:
    """Lines from each placed pin of the longest nets to the middle of its net's pins."""
    bounds, weight = all_bounds(problem.arrays, places), problem.arrays.weight
    spans = np.where(
        bounds[:, 0] <= bounds[:, 1],
        weight * (bounds[:, 1] - bounds[:, 0] + bounds[:, 3] - bounds[:, 2]),
        0.0,
    )
    x, y, orientation = problem.centres(places)
    netlist = problem.netlist
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    found: list[Sequence[tuple[float, float]]] = []
    for net in np.argsort(-spans)[:most]:
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        pins = pins[np.isfinite(pin_x[pins])]
        if len(pins) < 2 or spans[net] <= 0:
            continue
        middle = (float(pin_x[pins].mean()), float(pin_y[pins].mean()))
        found += [((float(pin_x[pin]), float(pin_y[pin])), middle) for pin in pins]
    return found


def masks(episode: Episode) -> NDArray[np.float32]:
    """Image planes of the observation, shape ``(5 + 3 K, grid, grid)``; see `sandbox_chip.env.ChipEnv`."""
    grid, choices = episode.problem.grid, len(episode.problem.orientations)
    image = np.zeros((planes.planes_for(choices), grid, grid), np.float32)
    episode.observe(image, np.zeros(planes.FEATURES, np.float32), np.zeros(choices * grid * grid, bool))
    return image

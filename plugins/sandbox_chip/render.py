"""Pictures of placements: macros, pads, and fly-lines of the longest nets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sandbox_chip.episode import Episode
from sandbox_chip.kernels.wirelength import all_bounds
from sandbox_chip.netlist import PAD
from sandbox_chip.problem import Problem
from sandbox_chip.types import Bytes, Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MACRO_COLOUR, CURRENT_COLOUR = "#8fb7d9", "#f0a04b"
PAD_COLOUR, LINE_COLOUR, EDGE_COLOUR = "#555555", "#c0392b", "#2c3e50"

MAX_FLY_LINE_NETS = 12
"""Nets whose fly-lines are drawn: the longest ones."""


def frame(episode: Episode, inches: float = 5.0) -> Bytes:
    """The placement so far as an image, shape ``(height, width, 3)``."""
    figure, axes = new_figure(1, 1, (inches, inches))
    state, problem = episode.state, episode.problem
    draw_placement(axes[0], problem, state.places, latest=state.num_placed - 1)
    cost = state.wirelength / problem.scale
    axes[0].set_title(f"{state.num_placed} of {problem.num_macros} macros, wirelength {cost:.4f}", fontsize=9)
    return pixels(figure)


def new_figure(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, list[Axes]]:
    """A figure that needs neither pyplot nor a screen, and its axes row by row."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(np.asarray(figure.subplots(rows, columns))).ravel())


def pixels(figure: Figure) -> Bytes:
    """The figure's pixels, shape ``(height, width, 3)``."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    image: Bytes = np.asarray(canvas.buffer_rgba())[..., :3].copy()  # type: ignore[no-untyped-call]
    return image


def draw_placement(axes: Axes, problem: Problem, places: Places, latest: int = -1) -> None:
    """Draw macros to scale, pads as dots, and fly-lines of the longest nets.

    Args:
        axes: Where to draw.
        problem: The netlist on its grid.
        places: A placement; macros that are not placed are not drawn.
        latest: A macro to show in another colour, or −1.
    """
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.patches import Rectangle

    netlist = problem.netlist
    x, y, _ = problem.centres(places)
    boxes, colours = [], []
    for macro in np.flatnonzero(places[:, 2] >= 0):
        k, node = places[macro, 2], problem.macros[macro]
        half_w, half_h = problem.arrays.half_w[k, macro], problem.arrays.half_h[k, macro]
        boxes.append(Rectangle((x[node] - half_w, y[node] - half_h), 2 * half_w, 2 * half_h))
        colours.append(CURRENT_COLOUR if macro == latest else MACRO_COLOUR)
    axes.add_collection(PatchCollection(boxes, facecolor=colours, edgecolor=EDGE_COLOUR, linewidth=0.6))
    axes.add_collection(
        LineCollection(fly_lines(problem, places), colors=LINE_COLOUR, linewidths=0.7, alpha=0.7)
    )
    pads = netlist.kind == PAD
    axes.scatter(x[pads], y[pads], s=6, color=PAD_COLOUR, zorder=3)
    left, bottom, right, top = netlist.canvas
    axes.plot(
        [left, right, right, left, left], [bottom, bottom, top, top, bottom], color=EDGE_COLOUR, linewidth=1
    )
    margin = 0.03 * max(right - left, top - bottom)
    axes.set(xlim=(left - margin, right + margin), ylim=(bottom - margin, top + margin), aspect="equal")
    axes.tick_params(labelsize=7)


def fly_lines(
    problem: Problem, places: Places, max_nets: int = MAX_FLY_LINE_NETS
) -> list[Sequence[tuple[float, float]]]:
    """Lines from each placed pin of the longest nets to the mean position of the net's placed pins."""
    bounds, weight = all_bounds(problem.arrays, places), problem.arrays.net_weight
    spans = np.where(
        bounds[:, 0] <= bounds[:, 1],
        weight * (bounds[:, 1] - bounds[:, 0] + bounds[:, 3] - bounds[:, 2]),
        0.0,
    )
    netlist = problem.netlist
    pin_x, pin_y = netlist.pin_positions(*problem.centres(places))
    lines: list[Sequence[tuple[float, float]]] = []
    for net in np.argsort(-spans)[:max_nets]:
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        pins = pins[np.isfinite(pin_x[pins])]
        if len(pins) < 2 or spans[net] <= 0:
            continue
        middle = (float(pin_x[pins].mean()), float(pin_y[pins].mean()))
        lines += [((float(pin_x[pin]), float(pin_y[pin])), middle) for pin in pins]
    return lines

"""Pictures of placements: macros, pads, and fly-lines of the longest nets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sandbox_chip.episode import Episode
from sandbox_chip.kernels.wirelength import all_bounds
from sandbox_chip.netlist import MACRO, PAD, SOFT, Netlist
from sandbox_chip.orientation import turned_sizes
from sandbox_chip.problem import Problem
from sandbox_chip.types import Bytes, Floats, Ints, Orientations, Places

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

MACRO_COLOUR, CURRENT_COLOUR = "#8fb7d9", "#f0a04b"
FIXED_COLOUR, SOFT_COLOUR = "#b5b5b5", "#a8d5a2"
PAD_COLOUR, LINE_COLOUR, EDGE_COLOUR = "#555555", "#c0392b", "#2c3e50"

MAX_FLY_LINE_NETS = 12
"""Nets whose fly-lines are drawn: the longest ones."""


def frame(episode: Episode, inches: float = 5.0) -> Bytes:
    """The placement so far as an image, shape ``(height, width, 3)``."""
    figure, axes = new_figure(1, 1, (inches, inches))
    state, problem = episode.state, episode.problem
    draw_placement(axes[0], episode, latest=state.num_placed - 1)
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


def draw_placement(axes: Axes, episode: Episode, latest: int = -1) -> None:
    """Draw macros to scale, pads as dots, and fly-lines of the longest nets.

    Args:
        axes: Where to draw.
        episode: The placement; macros that are not placed are not drawn.
        latest: A macro to show in another colour, or −1.
    """
    from matplotlib.collections import LineCollection, PatchCollection

    problem = episode.problem
    netlist, (x, y, orientation) = problem.netlist, episode.centres()
    axes.add_collection(
        PatchCollection(
            _boxes(netlist, _still(netlist), x, y, orientation),
            facecolor=FIXED_COLOUR,
            edgecolor=EDGE_COLOUR,
            linewidth=0.6,
        )
    )
    if episode.placement is not None:
        soft = np.flatnonzero(netlist.kind == SOFT)
        boxes = _boxes(netlist, soft, x, y, orientation)
        axes.add_collection(PatchCollection(boxes, facecolor=SOFT_COLOUR, alpha=0.6, linewidth=0))
    placed = np.flatnonzero(episode.state.places[:, 2] >= 0)
    colours = [CURRENT_COLOUR if macro == latest else MACRO_COLOUR for macro in placed]
    boxes = _boxes(netlist, problem.macros[placed], x, y, orientation)
    axes.add_collection(PatchCollection(boxes, facecolor=colours, edgecolor=EDGE_COLOUR, linewidth=0.6))
    lines = fly_lines(problem, episode.state.places, x, y, orientation)
    axes.add_collection(LineCollection(lines, colors=LINE_COLOUR, linewidths=0.7, alpha=0.7))
    pads = netlist.kind == PAD
    axes.scatter(x[pads], y[pads], s=6, color=PAD_COLOUR, zorder=3)
    left, bottom, right, top = netlist.canvas
    axes.plot(
        [left, right, right, left, left], [bottom, bottom, top, top, bottom], color=EDGE_COLOUR, linewidth=1
    )
    margin = 0.03 * max(right - left, top - bottom)
    axes.set(xlim=(left - margin, right + margin), ylim=(bottom - margin, top + margin), aspect="equal")
    axes.tick_params(labelsize=7)
    axes.set_xlabel("µm", fontsize=7)
    shortest = 0.04 * (right - left)  # what a name of a few letters needs
    for box, macro in zip(boxes, problem.macros[placed], strict=True):
        if box.get_width() > shortest and box.get_height() > shortest / 2:
            middle = (box.get_x() + box.get_width() / 2, box.get_y() + box.get_height() / 2)
            name = netlist.nodes[int(macro)].rpartition("/")[2]
            axes.annotate(name[:12], middle, ha="center", va="center", fontsize=6, annotation_clip=True)


def _still(netlist: Netlist) -> Ints:
    """Macros that the file fixes."""
    return np.flatnonzero((netlist.kind == MACRO) & netlist.fixed)


def _boxes(netlist: Netlist, nodes: Ints, x: Floats, y: Floats, orientation: Orientations) -> list[Rectangle]:
    """Rectangles of some nodes."""
    from matplotlib.patches import Rectangle

    width, height = turned_sizes(orientation[nodes], netlist.width[nodes], netlist.height[nodes])
    corners = zip(x[nodes] - width / 2, y[nodes] - height / 2, width, height, strict=True)
    return [Rectangle((left, bottom), wide, high) for left, bottom, wide, high in corners]


def fly_lines(
    problem: Problem,
    places: Places,
    x: Floats,
    y: Floats,
    orientation: Orientations,
    max_nets: int = MAX_FLY_LINE_NETS,
) -> list[Sequence[tuple[float, float]]]:
    """Lines from each placed pin of the longest nets to the mean position of the net's placed pins.

    Args:
        problem: The netlist on its grid.
        places: Which macros are placed.
        x: Centres of all nodes.
        y: As ``x``.
        orientation: Of all nodes.
        max_nets: How many nets.
    """
    bounds, weight = all_bounds(problem.arrays, places), problem.arrays.net_weight
    spans = np.where(
        bounds[:, 0] <= bounds[:, 1],
        weight * (bounds[:, 1] - bounds[:, 0] + bounds[:, 3] - bounds[:, 2]),
        0.0,
    )
    netlist = problem.netlist
    pin_x, pin_y = netlist.pin_positions(x, y, orientation)
    lines: list[Sequence[tuple[float, float]]] = []
    for net in np.argsort(-spans)[:max_nets]:
        pins = netlist.net_pins[netlist.net_start[net] : netlist.net_start[net + 1]]
        pins = pins[np.isfinite(pin_x[pins])]
        if len(pins) < 2 or spans[net] <= 0:
            continue
        middle = (float(pin_x[pins].mean()), float(pin_y[pins].mean()))
        lines += [((float(pin_x[pin]), float(pin_y[pin])), middle) for pin in pins]
    return lines

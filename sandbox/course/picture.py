"""Draws the picture of a measurement."""

from __future__ import annotations

import io

from sandbox.records.course import PlotRecord
from sandbox.records.words import number
from sandbox.registry.resolve import missing_modules

PALETTE = ("#2f6fde", "#d9722b", "#199473", "#a849b3", "#b8890b", "#2a9bc4", "#d14a76", "#6b6f2d")


def draw(plot: PlotRecord) -> bytes | None:
    """The picture as a PNG; None where Matplotlib is not installed."""
    if missing_modules(("matplotlib",)):
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axis = figure.subplots()
    if plot.bars:
        names = list(plot.bars)
        heights = [value if value is not None else 0.0 for value in plot.bars.values()]
        colours = [PALETTE[place % len(PALETTE)] for place in range(len(names))]
        axis.bar_label(axis.bar(names, heights, color=colours, width=0.6), fmt=number, fontsize=9)
        axis.tick_params(axis="x", labelrotation=0 if sum(map(len, names)) < 70 else 20)
    for index, (name, line) in enumerate(plot.lines.items()):
        values = [value if value is not None else float("nan") for value in line.y]
        marker = "o" if len(line.x) <= 24 else None
        axis.plot(line.x, values, marker=marker, ms=3.5, color=PALETTE[index % len(PALETTE)], label=name)
    for name, height in plot.marks.items():
        axis.axhline(height, color="#555555", linewidth=1, linestyle="--")
        axis.annotate(
            name,
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize=8,
            color="#555555",
        )
    axis.set(xlabel=plot.x, ylabel=plot.y, title=plot.title)
    if "x" in plot.log:
        axis.set_xscale("log")
    if "y" in plot.log:
        axis.set_yscale("log")
    if len(plot.lines) > 1:
        axis.legend(frameon=False, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()

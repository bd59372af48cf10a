"""Draws one frame: stock, demand and orders of the last periods of an episode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from sandbox_inventory.core.arrays import Array
from sandbox_inventory.core.model import Flow

MAX_PERIODS = 60
"""Most periods in a frame."""

SIZE = (6.4, 4.0)
DPI = 100


def frame(history: Sequence[Flow]) -> Array:
    """Stock, demand and orders of the last periods, shape ``(400, 640, 3)``, uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, dpi=DPI, layout="constrained")
    canvas: Any = FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    recent = history[-MAX_PERIODS:]
    periods = np.arange(len(history) - len(recent), len(history)) + 1
    draw_stock(upper, periods, recent)
    draw_orders(lower, periods, recent)
    lower.set_xlim(max(len(history) - MAX_PERIODS, 0) + 0.5, max(len(history), MAX_PERIODS) + 0.5)
    canvas.draw()
    picture: Array = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    return picture


def draw_stock(axes: Any, periods: Array, history: Sequence[Flow]) -> None:
    """Stock at the end of each period, and demand that was not met at once."""
    stock = np.array([flow.stock[0] for flow in history])
    missed = np.array([flow.demand[0] - flow.filled[0] for flow in history])
    axes.bar(periods, stock, 0.9, color="#4c78a8", label="stock at the end")
    axes.bar(periods, -missed, 0.9, color="#e45756", label="not met at once")
    axes.axhline(0, color="black", linewidth=0.6)
    axes.set_ylabel("units")
    axes.legend(loc="upper right", fontsize=8, ncols=2)


def draw_orders(axes: Any, periods: Array, history: Sequence[Flow]) -> None:
    """Demand and the orders to the outside."""
    axes.step(periods, [flow.demand[0] for flow in history], where="mid", color="#54a24b", label="demand")
    axes.step(periods, [flow.orders[0, -1] for flow in history], where="mid", color="#f58518", label="order")
    axes.set_ylabel("units")
    axes.set_xlabel("period")
    axes.legend(loc="upper right", fontsize=8, ncols=2)

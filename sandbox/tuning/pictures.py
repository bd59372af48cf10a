"""Two pictures of a search: how it went on, and which hyperparameters mattered."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.registry.resolve import missing_modules

_DONE, _PRUNED, _BEST = "#0072b2", "#bbbbbb", "#d55e00"


def draw_history(trials: Sequence[Mapping[str, Any]], metric: str, better: str) -> bytes | None:
    """Value of every trial in the order of their numbers, and the best so far; None without Matplotlib.

    Values that are far off are cut at the picture's edge, so that one diverged trial does not hide the rest.
    """
    done = [(trial["number"], trial["value"]) for trial in trials if trial["state"] == "complete"]
    if missing_modules(("matplotlib",)) or not done:
        return None
    import numpy as np

    figure, axes = _figure()
    numbers, values = (np.array(column, float) for column in zip(*sorted(done), strict=True))
    reach = np.minimum.accumulate(values) if better == "lower" else np.maximum.accumulate(values)
    axes.plot(numbers, values, "o", color=_DONE, label="finished trial", markersize=5)
    axes.step(numbers, reach, where="post", color=_BEST, label="best so far", linewidth=1.8)
    low, high = np.quantile(values, [0.0, 0.9] if better == "lower" else [0.1, 1.0])
    room = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - room, high + room)
    stopped = [trial["number"] for trial in trials if trial["state"] in ("pruned", "failed")]
    if stopped:
        edge = axes.get_ylim()[1 if better == "lower" else 0]
        axes.plot(stopped, [edge] * len(stopped), "x", color=_PRUNED, label="pruned or failed", clip_on=False)
    axes.set(xlabel="trial", ylabel=f"{metric} ({better} is better)")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    return _png(figure)


def draw_importances(importances: Mapping[str, float]) -> bytes | None:
    """How much each hyperparameter decides; None without Matplotlib or while it cannot be told."""
    if missing_modules(("matplotlib",)) or not importances:
        return None
    ordered = sorted(importances.items(), key=lambda item: item[1])
    figure, axes = _figure(height=1.2 + 0.32 * len(ordered))
    names = [name.removeprefix("1-") for name, _ in ordered]
    axes.barh(names, [value for _, value in ordered], color=_DONE)
    axes.set(xlabel="share of importance (PED-ANOVA)", xlim=(0, None))
    return _png(figure)


def _figure(height: float = 4.0) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Any) -> bytes:
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()

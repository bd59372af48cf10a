"""Two pictures of a search: how it went on, and which hyperparameters mattered."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sandbox.records.tuning import TrialRecord
from sandbox.registry.resolve import missing_modules

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DONE, _PRUNED, _BEST = "#0072b2", "#bbbbbb", "#d55e00"


def draw_history(trials: Sequence[TrialRecord], metric: str, better: str) -> bytes | None:
    """Value of every trial in the order of their numbers, and the best so far; None without Matplotlib.

    Values that are far off are cut at the picture's edge, so that one diverged trial does not hide the rest.
    """
    done = [
        (trial.number, trial.value)
        for trial in trials
        if trial.state == "complete" and trial.value is not None
    ]
    if missing_modules(("matplotlib",)) or not done:
        return None
    import numpy as np
    from matplotlib.ticker import AutoLocator

    figure, axes = _figure()
    numbers, values = (np.array(column, float) for column in zip(*sorted(done), strict=True))
    reach = np.minimum.accumulate(values) if better == "lower" else np.maximum.accumulate(values)
    axes.plot(numbers, values, "o", color=_DONE, label="finished trial", markersize=5)
    axes.step(numbers, reach, where="post", color=_BEST, label="best so far", linewidth=1.8)
    low, high = np.quantile(values, [0.0, 0.9] if better == "lower" else [0.1, 1.0])
    room = 0.08 * (high - low) or 1.0
    axes.set_ylim(low - room, high + room)
    stopped = [trial.number for trial in trials if trial.state in ("pruned", "failed")]
    if stopped:
        edge = axes.get_ylim()[1 if better == "lower" else 0]
        axes.plot(stopped, [edge] * len(stopped), "x", color=_PRUNED, label="pruned or failed", clip_on=False)
    axes.set(xlabel="trial", ylabel=f"{metric} ({better} is better)")
    ticks = AutoLocator()
    ticks.set_params(integer=True)
    axes.xaxis.set_major_locator(ticks)
    axes.legend(frameon=False)
    return _png(figure)


def draw_importances(importances: Mapping[str, float | None]) -> bytes | None:
    """How much each hyperparameter decides; None without Matplotlib or while that is not known."""
    if missing_modules(("matplotlib",)) or not importances:
        return None
    ordered = sorted((share or 0.0, name) for name, share in importances.items())
    figure, axes = _figure(height=1.2 + 0.32 * len(ordered))
    names = [name.removeprefix("1-") for _, name in ordered]
    axes.barh(names, [share for share, _ in ordered], color=_DONE)
    axes.set(xlabel="share of importance (PED-ANOVA)", xlim=(0, None))
    return _png(figure)


def _figure(height: float = 4.0) -> tuple[Figure, Axes]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()

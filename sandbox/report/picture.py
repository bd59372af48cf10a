"""One picture of a run: how it learned and how it compares."""

from __future__ import annotations

import io
from typing import Any

from sandbox.evaluation import Evaluation
from sandbox.registry import missing_modules
from sandbox.statistics import bootstrap_mean
from sandbox.store import Run, progress

_LEARNED, _CLASSICAL, _RANDOM = "#0072b2", "#999999", "#d9d9d9"  # distinct for colour-blind readers too


def draw_result(run: Run, evaluation: Evaluation) -> bytes | None:
    """The run's learning curve beside the agents' test results, as a PNG.

    Returns:
        The file's content; None where Matplotlib is not installed.
    """
    if missing_modules(("matplotlib",)):
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
    _learning_curve(left, run, evaluation)
    _bars(right, evaluation)
    figure.suptitle(evaluation.problem.scenario.title, fontsize=12)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def _learning_curve(axes: Any, run: Run, evaluation: Evaluation) -> None:
    metric = evaluation.metric
    records = progress(run)
    training = [(one["steps"], one[metric.name]) for one in records if one.get(metric.name) is not None]
    key = f"validation/{metric.name}"
    validation = [(one["steps"], one[key]) for one in records if one.get(key) is not None]
    if training:
        axes.plot(*zip(*training, strict=True), color=_LEARNED, alpha=0.45, label="training episodes")
    if validation:
        axes.plot(*zip(*validation, strict=True), "o-", color=_LEARNED, label="validation episodes")
    best = evaluation.best_baseline()
    if best is not None:
        axes.axhline(
            evaluation.mean(best), color="black", linestyle="--", linewidth=1, label=f"{best} (test)"
        )
    # A policy that has learned nothing yet can be worse by orders of magnitude.
    values = [value for _, value in training + validation if value > 0]
    if values and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel(f"{metric.name} ({metric.unit})")
    axes.set_title(f"{run.algorithm}, seed {run.record['seed']}", fontsize=10)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _bars(axes: Any, evaluation: Evaluation) -> None:
    names = evaluation.ranking()[::-1]
    kinds = {agent.name: agent.baseline for agent in evaluation.agents}
    means = [evaluation.mean(name) for name in names]
    intervals = [bootstrap_mean(evaluation.values(name)) for name in names]
    errors = [
        [max(0.0, mean - low) for mean, (low, _) in zip(means, intervals, strict=True)],
        [max(0.0, high - mean) for mean, (_, high) in zip(means, intervals, strict=True)],
    ]
    colours = [
        _LEARNED if kinds[name] is None else _RANDOM if kinds[name] == "random" else _CLASSICAL
        for name in names
    ]
    axes.barh(names, means, xerr=errors, color=colours, capsize=3)
    for row, mean in enumerate(means):
        axes.annotate(
            f"{mean:.3g}", (0, row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
        )
    metric = evaluation.metric
    axes.set_xlabel(f"{metric.name} ({metric.unit}), {metric.better} is better")
    axes.set_title(f"{len(evaluation.seeds)} test episodes, mean and 95 % interval", fontsize=10)

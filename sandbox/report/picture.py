"""One picture of a run: how it learned and how it compares."""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import numpy as np

from sandbox.evaluation.result import EvaluationResult
from sandbox.records.progress import metric_figure, points, validation_figure
from sandbox.records.words import MIN_EPISODES, metric_label, number
from sandbox.registry.resolve import missing_modules
from sandbox.report.charts import central, colours, learning_chart, ranked, spread_out
from sandbox.report.data import ReportData
from sandbox.runs.directory import Run, progress
from sandbox.statistics import bootstrap_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sandbox.api.types import Json
    from sandbox.records.comparison import ScenarioFacts, Score
    from sandbox.records.status import Better

_LEARNED, _CLASSICAL, _RANDOM = "#0072b2", "#999999", "#d9d9d9"  # distinct for colour-blind readers too
_PALETTE = ("#2f6fde", "#d9722b", "#199473", "#a849b3", "#b8890b", "#2a9bc4", "#d14a76", "#6b6f2d")


def draw_result(run: Run, evaluation: EvaluationResult) -> bytes | None:
    """The run's learning curve beside the agents' test results, as a PNG.

    Returns:
        The file's content; None where Matplotlib is not installed.
    """
    if missing_modules(("matplotlib",)):
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = max(4.2, 1.2 + 0.22 * len(evaluation.agents))  # every agent has a line of its own
    figure = Figure(figsize=(10, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=[1.1, 1])
    _learning_curve(left, run, evaluation)
    _bars(right, evaluation)
    figure.suptitle(evaluation.scenario.spec.title, fontsize=12)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def draw_report(data: ReportData) -> bytes:
    """Learning curves beside scores, one row a scenario, as a PNG. Matplotlib must be there."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    facts = data.facts
    scenarios = list(facts.scenarios)
    figure = Figure(figsize=(10, 0.4 + 3.8 * len(scenarios)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    rows = figure.subplots(len(scenarios), 2, squeeze=False, width_ratios=[1.1, 1])
    palette = colours(facts)
    for (left, right), name in zip(rows, scenarios, strict=True):
        scenario, scores = facts.scenarios[name], facts.scores.get(name, {})
        _report_curves(left, name, learning_chart(scenario, facts.curves.get(name, {}), scores, palette))
        _scores_panel(right, scenario, scores, palette)
    # What comes from a file is text, not a formula.
    figure.suptitle(plain(facts.title), fontsize=12)
    sink = io.BytesIO()
    figure.savefig(sink, format="png")
    return sink.getvalue()


def plain(text: str) -> str:
    """``text`` without the sign that begins a formula in Matplotlib."""
    return text.replace("$", r"\$")


def _report_curves(axes: Axes, name: str, chart: Json) -> None:
    for series in chart["series"]:
        colour = _colour(series["colour"])
        values = [float("nan") if value is None else value for value in series["y"]]
        axes.plot(
            series["x"],
            values,
            color=colour,
            alpha=0.45 if series["pale"] else 1.0,
            label=plain(series["name"]),
            marker="o" if series["points"] else None,
            markersize=3.5,
        )
        if series["low"]:
            low, high = (np.array(series[end], float) for end in ("low", "high"))
            axes.fill_between(series["x"], low, high, color=colour, alpha=0.15, linewidth=0)
    for line in chart["lines"]:
        axes.axhline(line["value"], color="black", linestyle="--", linewidth=1, label=plain(line["name"]))
    if chart["y"]["log"]:
        axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel(plain(chart["y"]["label"]))
    axes.set_title(plain(name), fontsize=10)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _scores_panel(
    axes: Axes, scenario: ScenarioFacts, scores: Mapping[str, Score], palette: Mapping[str, int]
) -> None:
    names = [name for name in ranked(scenario, scores)[::-1] if central(scores[name]) is not None]
    means = {name: central(scores[name]) or 0.0 for name in names}
    classical = {name for name in names if scores[name].kind == "baseline" and name != "random"}
    apart = far_off(means, scenario.better, set(names) - classical)
    values = [means[name] for name in names if name not in apart]
    for row, (name, value) in enumerate(means.items()):
        if name in apart:
            axes.annotate(
                f"{number(value)}, off the axis",
                (0.02, row),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
                color="#666666",
            )
            continue
        low, high = scores[name].ci95 or (None, None)
        ends = (value if low is None else low, value if high is None else high)
        colour = _colour(palette.get(name, -1))
        axes.plot(ends, (row, row), color=colour, linewidth=5, alpha=0.35, solid_capstyle="round")
        axes.plot(value, row, "o", color=colour, markersize=5)
    if spread_out(values):
        axes.set_xscale("log")
    axes.set_yticks(range(len(names)), [plain(name) for name in names])
    axes.set_xlabel(plain(f"{metric_label(scenario.metric, scenario.unit)}, {scenario.better} is better"))
    axes.set_title("test episodes, 95 % interval", fontsize=10)
    axes.grid(alpha=0.3, axis="x")


def _colour(index: int) -> str:
    return _CLASSICAL if index < 0 else _PALETTE[index % len(_PALETTE)]


def _learning_curve(axes: Axes, run: Run, evaluation: EvaluationResult) -> None:
    metric = evaluation.metric
    rows = progress(run)
    training, validation = (
        points(rows, name) for name in (metric_figure(metric.name), validation_figure(metric.name))
    )
    if training[0]:
        axes.plot(*training, color=_LEARNED, alpha=0.45, label="training episodes")
    if validation[0]:
        axes.plot(*validation, "o-", color=_LEARNED, label="validation episodes")
    best = evaluation.best_baseline()
    if best is not None:
        axes.axhline(
            evaluation.mean(best), color="black", linestyle="--", linewidth=1, label=f"{best} (test)"
        )
    # A policy that has learned nothing yet can be worse by orders of magnitude.
    values = [value for value in (*training[1], *validation[1]) if value > 0]
    if values and max(values) > 20 * min(values):
        axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel(metric_label(metric.name, metric.unit))
    axes.set_title(f"{run.algorithm}, seed {run.record.seed}", fontsize=10)
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


FAR = 6.0
"""An agent whose distance from the best is more than so many times that of the others is shown apart."""


def far_off(means: Mapping[str, float], better: Better, may: Collection[str]) -> list[str]:
    """Agents so much worse than the rest that beside them the rest could not be told apart.

    Args:
        means: Every agent's mean.
        better: Which direction is better.
        may: Those that may be left off the axis: the random agent, learners, never all.
    """
    sign = 1.0 if better == "lower" else -1.0
    known = {name: sign * mean for name, mean in means.items() if np.isfinite(mean)}
    inside = sorted(value for name, value in known.items() if name not in may)
    if len(inside) < 2 or inside[-1] == inside[0]:
        return []
    limit = inside[0] + FAR * (inside[-1] - inside[0])
    return [name for name in known if name in may and known[name] > limit]


def _bars(axes: Axes, evaluation: EvaluationResult) -> None:
    names = evaluation.ranking()[::-1]
    kinds = {agent.name: agent.baseline for agent in evaluation.agents}
    means = {name: evaluation.mean(name) for name in names}
    learners = [name for name, kind in kinds.items() if kind in (None, "random")]
    apart = far_off(means, evaluation.metric.better, learners)
    spans = {name: bootstrap_mean(evaluation.values(name)) for name in names if name not in apart}
    enough = len(evaluation.seeds) >= MIN_EPISODES
    for row, name in enumerate(names):
        colour = _LEARNED if kinds[name] is None else _RANDOM if kinds[name] == "random" else _CLASSICAL
        mean = means[name]
        if name in apart:
            axes.annotate(
                f"{number(mean)}, off the axis", (0.02, row), xycoords=("axes fraction", "data"), va="center",
                fontsize=8, color=colour if kinds[name] is None else "#666666",
            )  # fmt: skip
            continue
        low, high = spans[name]
        error = [[max(0.0, mean - low)], [max(0.0, high - mean)]] if enough else None
        axes.barh(row, mean, xerr=error, color=colour, capsize=2, error_kw={"linewidth": 1})
        place = (max(high if enough else mean, 0.0), row)  # behind the interval, where nothing covers it
        axes.annotate(number(mean), place, xytext=(4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", labelsize=8)
    axes.margins(x=0.12)
    metric = evaluation.metric
    axes.set_xlabel(f"{metric_label(metric.name, metric.unit)}, {metric.better} is better")
    what = "mean and 95 % interval" if enough else "mean"
    axes.set_title(f"{len(evaluation.seeds)} test episodes, {what}", fontsize=10)

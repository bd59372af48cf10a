"""Tables and sentences that several commands print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sandbox.cli.output import printable, stdout

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.api.metric import Metric
    from sandbox.evaluation import Comparison, Evaluation
    from sandbox.scenarios import Problem
    from sandbox.store import Run


def table(title: str, *columns: str) -> Any:
    """An empty table whose first column is never wrapped."""
    from rich import box
    from rich.table import Table

    class _Table(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*(printable(cell) for cell in cells), **options)

    shown = _Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False
    )
    for number, column in enumerate(columns):
        shown.add_column(column, no_wrap=number == 0, overflow="fold")
    return shown


def show(console: Console, shown: Any) -> None:
    """A table with an empty line after it."""
    console.print(shown)
    console.print()


def number(value: float) -> str:
    """A figure with the digits that matter: ``16.5``, ``1,204``, ``0.0312``."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 1:
        return f"{value:.2f}"
    return f"{value:.3g}"


def with_unit(value: float, unit: str) -> str:
    """A figure and its unit; a pure number has none."""
    return number(value) if unit in ("", "1") else f"{number(value)} {unit}"


def show_verdict(evaluation: Evaluation, trained: Run | None = None) -> None:
    """The agents best first, known values below, and in a sentence who won."""
    console = stdout()
    metric = evaluation.metric
    unit = "" if metric.unit == "1" else f" ({metric.unit})"
    count = len(evaluation.seeds)
    title = f"{evaluation.problem.scenario.id}: {metric.name}{unit}, {metric.better} is better"
    shown = table(title, "agent", "mean [95 % interval]", "against best baseline", "return")
    summary = evaluation.to_json()["agents"]
    best = evaluation.best_baseline()
    learned = [agent.name for agent in evaluation.agents if agent.baseline is None]
    for name in evaluation.ranking():
        own = summary[name]
        shown.add_row(
            name,
            _interval(own["mean"], own["ci95"]),
            "best baseline" if name == best else _difference(own["against_best_baseline"]),
            number(own["return"]),
            style="bold" if name in learned else None,
        )
    _references(shown, evaluation.problem)
    show(console, shown)
    console.print(f"{_plural(count, 'test episode')} an agent, the same ones for all.", style="dim")
    sampling = [agent.name for agent in evaluation.agents if not agent.deterministic]
    if sampling:
        console.print(f"{' and '.join(sampling)} sampled: the policy is meant to be stochastic.", style="dim")
    if trained is not None:
        console.print("One training run: exploratory; other seeds may do otherwise.", style="dim")
        _tell_of_best(console, trained, metric)
    console.print()
    same = trained is not None and _best_is_last(trained)
    for name in learned[:1] if same else learned:
        console.print(verdict(name, evaluation.compare(name), metric, best))
    if trained is not None:
        console.print()
        _tell_of_run(console, trained)


def verdict(agent: str, comparison: Comparison | None, metric: Metric, best: str | None) -> str:
    """In plain words, whether an agent beat the best classical method."""
    if comparison is None:
        reason = "there is no classical method to compare with" if best is None else "it is the best baseline"
        return f"{agent}: {reason}."
    from sandbox.evaluation import FEWEST_EPISODES

    low, high = comparison.ci95
    span = f"95 % interval {_signed(low)} to {_signed(high)}"
    size = with_unit(abs(comparison.mean), metric.unit)
    against = f"the best baseline, {comparison.baseline}"
    if math.isnan(comparison.mean):
        return f"{agent} cannot be compared with {against}: {metric.name} is not a number."
    if comparison.verdict == "unclear" and not low <= 0 <= high:
        return (
            f"Too few test episodes to say whether {agent} beats {against}: the difference in {metric.name} "
            f"is {_signed(comparison.mean)} over fewer than {FEWEST_EPISODES} episodes."
        )
    if comparison.verdict == "unclear":
        return (
            f"No clear difference between {agent} and {against}: the difference in {metric.name} is "
            f"{_signed(comparison.mean)} ({span}, which includes zero)."
        )
    direction = "lower" if comparison.mean < 0 else "higher"
    verb = "beats" if comparison.verdict == "better" else "loses to"
    return f"{agent} {verb} {against}: its {metric.name} is {size} {direction} ({span})."


def show_trained(trained: Run, metric: Metric) -> None:
    """What `sandbox train` leaves behind."""
    console = stdout()
    _tell_of_best(console, trained, metric)
    _tell_of_run(console, trained)
    console.print(f"Next: sandbox eval {trained.path}", soft_wrap=True)


def _tell_of_best(console: Any, trained: Run, metric: Metric) -> None:
    best = trained.record.get("best")
    if not best:
        return
    name = trained.algorithm
    if _best_is_last(trained):
        console.print(
            f"The last policy is also the best one on the validation seeds: {name}-best.", style="dim"
        )
        return
    value = with_unit(best["metric"], metric.unit) if best["metric"] is not None else "unknown"
    console.print(
        f"{name} is the policy at the end of training; {name}-best the one of step {best['steps']:,}, chosen "
        f"on the validation seeds ({metric.name} there: {value}).",
        style="dim",
    )


def _best_is_last(trained: Run) -> bool:
    best = trained.record.get("best")
    return best is not None and best["steps"] == trained.record.get("steps_done")


def _tell_of_run(console: Any, trained: Run) -> None:
    record = trained.record
    console.print(
        f"Trained {record['steps_done']:,} steps in {record['train_seconds']:,.0f} s "
        f"({record['steps_per_second']:,.0f} steps/s), seed {record['seed']}."
    )
    console.print(f"Everything is in {trained.path}", soft_wrap=True)


def _references(shown: Any, problem: Problem) -> None:
    references = [ref for ref in problem.scenario.references if ref.metric in (None, problem.metric.name)]
    if references:
        shown.add_section()
    for reference in references:
        note = f"known value: {reference.source}" + (f" ({reference.note})" if reference.note else "")
        shown.add_row(reference.name, number(reference.value), note, "", style="dim")


def _interval(mean: float, ci95: list[float]) -> str:
    return f"{number(mean)} [{number(ci95[0])}, {number(ci95[1])}]"


def _difference(against: dict[str, Any] | None) -> str:
    if against is None:
        return "-"
    low, high = against["ci95"]
    return f"{_signed(against['difference'])} [{_signed(low)}, {_signed(high)}] {against['verdict']}"


def _signed(value: float) -> str:
    return f"+{number(value)}" if value > 0 else number(value)


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"

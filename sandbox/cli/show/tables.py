"""Tables and sentences that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.cli.show.console import printable, stdout
from sandbox.report.words import distance, number, plural, signed, verdict, with_unit

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from sandbox.api.metric import Metric
    from sandbox.evaluation.result import EvaluationResult
    from sandbox.records.base import Interval
    from sandbox.records.evaluation import DifferenceRecord
    from sandbox.runs.directory import Run
    from sandbox.scenarios.resolve import ResolvedScenario


def table(title: str, *columns: str) -> Table:
    """An empty table whose first column is never wrapped."""
    from rich import box
    from rich.table import Table

    class _Table(Table):
        def add_row(self, *cells: Any, **options: Any) -> None:
            super().add_row(*(printable(cell) for cell in cells), **options)

    shown = _Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False
    )
    for place, column in enumerate(columns):
        shown.add_column(column, no_wrap=place == 0, overflow="fold")
    return shown


def show(console: Console, shown: Table) -> None:
    """A table with an empty line after it."""
    console.print(shown)
    console.print()


def show_verdict(evaluation: EvaluationResult, trained: Run | None = None) -> None:
    """The agents best first, known values below, and in a sentence who won."""
    console = stdout()
    metric = evaluation.metric
    unit = "" if metric.unit == "1" else f" ({metric.unit})"
    count = len(evaluation.seeds)
    title = f"{evaluation.scenario.spec.id}: {metric.name}{unit}, {metric.better} is better"
    shown = table(title, "agent", "mean [95 % interval]", "against best baseline", "return")
    summary = evaluation.record().agents
    best = evaluation.best_baseline()
    learned = [agent.name for agent in evaluation.agents if agent.baseline is None]
    for name in evaluation.ranking():
        result = summary[name]
        shown.add_row(
            name,
            _interval(result.mean, result.ci95),
            "best baseline" if name == best else _difference(result.against_best_baseline),
            number(result.ret),
            style="bold" if name in learned else None,
        )
    _references(shown, evaluation.scenario)
    _bound(shown, evaluation)
    show(console, shown)
    console.print(f"{plural(count, 'test episode')} an agent, the same ones for all.", style="dim")
    if evaluation.kept:
        console.print(
            f"{plural(evaluation.kept, 'episode')} of baselines kept from before; --fresh plays them again.",
            style="dim",
        )
    sampling = [agent.name for agent in evaluation.agents if not agent.deterministic]
    if sampling:
        console.print(f"{' and '.join(sampling)} sampled: the policy is meant to be stochastic.", style="dim")
    if trained is not None:
        console.print("One training run: exploratory; other seeds may do otherwise.", style="dim")
        _print_best(console, trained, metric)
    console.print()
    same = trained is not None and _best_is_last(trained)
    for name in learned[:1] if same else learned:
        console.print(_verdict(name, evaluation))
    if trained is not None:
        console.print()
        _print_run(console, trained)


def _verdict(agent: str, evaluation: EvaluationResult) -> str:
    difference, metric = evaluation.compare(agent), evaluation.metric
    against = difference.record() if difference is not None else None
    sentence = verdict(agent, against, metric.name, metric.unit, len(evaluation.seeds))
    return sentence + distance(evaluation.mean(agent), evaluation.bound(), metric.better)


def show_trained(trained: Run, metric: Metric) -> None:
    """What `sandbox train` leaves behind."""
    console = stdout()
    _print_best(console, trained, metric)
    _print_run(console, trained)
    console.print(f"Next: sandbox eval {trained.path}", soft_wrap=True)


def _print_best(console: Console, trained: Run, metric: Metric) -> None:
    best = trained.record.best
    if best is None:
        return
    name = trained.algorithm
    if _best_is_last(trained):
        console.print(
            f"The last policy is also the best one on the validation seeds: {name}-best.", style="dim"
        )
        return
    value = with_unit(best.metric, metric.unit) if best.metric is not None else "unknown"
    console.print(
        f"{name} is the policy at the end of training; {name}-best the one of step {best.steps:,}, chosen "
        f"on the validation seeds ({metric.name} there: {value}).",
        style="dim",
    )


def _best_is_last(trained: Run) -> bool:
    best = trained.record.best
    return best is not None and best.steps == trained.record.steps_done


def _print_run(console: Console, trained: Run) -> None:
    record = trained.record
    console.print(
        f"Trained {record.steps_done:,} steps in {record.train_seconds or 0:,.0f} s "
        f"({record.steps_per_second or 0:,.0f} steps/s), seed {record.seed}."
    )
    console.print(f"Everything is in {trained.path}", soft_wrap=True)


def _references(shown: Table, scenario: ResolvedScenario) -> None:
    references = [ref for ref in scenario.spec.references if ref.metric in (None, scenario.metric.name)]
    if references:
        shown.add_section()
    for reference in references:
        note = f"known value: {reference.source}" + (f" ({reference.note})" if reference.note else "")
        shown.add_row(reference.name, number(reference.value), note, "", style="dim")


def _bound(shown: Table, evaluation: EvaluationResult) -> None:
    bound = evaluation.bound()
    if bound is not None:
        side = "lower" if evaluation.metric.better == "lower" else "upper"
        shown.add_row(f"{side} bound", number(bound.value), bound.method, "", style="dim")


def _interval(mean: float | None, ci95: Interval) -> str:
    return f"{number(mean)} [{number(ci95[0])}, {number(ci95[1])}]"


def _difference(against: DifferenceRecord | None) -> str:
    if against is None:
        return "-"
    low, high = against.ci95
    return f"{signed(against.difference)} [{signed(low)}, {signed(high)}] {against.verdict}"

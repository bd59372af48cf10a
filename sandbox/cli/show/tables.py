"""Tables and sentences that several commands print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.cli.show.console import stdout
from sandbox.records.words import (
    MIN_EPISODES,
    RULE,
    number,
    percent,
    plural,
    signed,
    signed_percent,
    with_unit,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console
    from rich.table import Table

    from sandbox.api.metric import Metric
    from sandbox.evaluation.result import EvaluationResult
    from sandbox.records.base import Interval
    from sandbox.records.evaluation import DifferenceRecord, EvaluationRecord, LimitRecord
    from sandbox.runs.directory import Run
    from sandbox.scenarios.resolve import ResolvedScenario


def table(title: str, *columns: str, whole: Collection[str] = ()) -> Table:
    """An empty table whose first column is not wrapped, unless it holds a very long name.

    Args:
        title: Stands above it.
        columns: Their heads.
        whole: Columns beside the first that are not wrapped.
    """
    from rich import box

    from sandbox.cli.show.plain_table import PlainTable

    shown = PlainTable(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False
    )
    for place, column in enumerate(columns):
        shown.add_column(column, no_wrap=place == 0 or column in whole, overflow="fold")
    return shown


def show(console: Console, shown: Table) -> None:
    """A table with an empty line after it."""
    console.print(shown)
    console.print()


LONGEST_UNWRAPPED = 44
"""Characters up to which a name in the first column stays in one piece."""

WIDE_TABLE = 100
"""Columns of a terminal from which a table shows what can also be left out."""


def show_verdict(evaluation: EvaluationResult, trained: Run | None = None) -> None:
    """The agents best first, known values below, and in a sentence who won."""
    from sandbox.evaluation.shown import sentence

    console, record = stdout(), evaluation.record()
    for name in _verdict_table(console, evaluation, record, trained):
        console.print(sentence(name, record))
    if evaluation.best_baseline() is not None:
        console.print(RULE, style="dim")
    if trained is not None:
        console.print()
        _print_run(console, trained)


def show_results(run: Run, record: EvaluationRecord) -> None:
    """The test results that a run keeps: agents best first, and in a sentence who won."""
    from sandbox.evaluation.shown import ranked, sentence

    console = stdout()
    shown = _agents_table(console, "Results", record)
    learned = [name for name in (run.algorithm, f"{run.algorithm}-best") if name in record.agents]
    _add_agents(shown, record, ranked(record), learned)
    show(console, shown)
    print_gap(console, record.limit)
    console.print(_episodes(record.episodes), style="dim")
    console.print()
    for name in learned[:1] if _best_is_last(run) else learned:
        console.print(sentence(name, record))
    if record.best_baseline is not None:
        console.print(RULE, style="dim")


def _agents_table(console: Console, of: str, record: EvaluationRecord) -> Table:
    """An empty table of agents; a wide terminal has room for their returns."""
    unit = "" if record.unit in ("", "1") else f" ({record.unit})"
    mean = "mean [95 % interval]" if record.episodes >= MIN_EPISODES else "mean"
    more = ["return"] if console.width >= WIDE_TABLE else []
    title = f"{of}: {record.metric}{unit}, {record.better} is better"
    return table(title, "agent", mean, "against best baseline", "gap", *more)


def _add_agents(
    shown: Table, record: EvaluationRecord, ranking: Sequence[str], learned: Collection[str]
) -> None:
    """A row for every agent."""
    wide = len(shown.columns) > 4
    for name in ranking:
        result = record.agents[name]
        classical = name not in learned and name == record.best_baseline
        shown.add_row(
            name,
            _interval(result.mean, result.ci95),
            standing(name, record.optimum, result.against_best_baseline, classical=classical, interval=wide),
            gap_text(result.gap),
            *([number(result.ret)] if wide else []),
            style="bold" if name in learned else None,
        )


def _episodes(count: int) -> str:
    few = "" if count >= MIN_EPISODES else f" Under {MIN_EPISODES} there is no 95 % interval."
    return f"{plural(count, 'test episode')} an agent, the same ones for all.{few}"


def _verdict_table(
    console: Console, evaluation: EvaluationResult, record: EvaluationRecord, trained: Run | None
) -> list[str]:
    """Print the table and its notes; the learned agents that deserve a sentence."""
    wide = console.width >= WIDE_TABLE
    shown = _agents_table(console, evaluation.scenario.spec.id, record)
    learned = [agent.name for agent in evaluation.agents if agent.baseline is None]
    _add_agents(shown, record, evaluation.ranking(), learned)
    _references(shown, evaluation.scenario, wide)
    _bound(shown, evaluation, wide)
    show(console, shown)
    print_gap(console, record.limit)
    console.print(_episodes(record.episodes), style="dim")
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
        _print_best(console, trained, evaluation.metric)
    console.print()
    return learned[:1] if trained is not None and _best_is_last(trained) else learned


def gap_text(gap: float | None) -> str:
    """A gap of a table; its meaning stands below the table."""
    return "-" if gap is None else percent(gap)


def print_gap(console: Console, limit: LimitRecord | None) -> None:
    """What the gaps of a table are percentages of."""
    if limit is not None and limit.value == 0:
        console.print(f"gap: none in percent, as the {limit.kind}, {limit.name}, is 0.", style="dim")
    elif limit is not None:
        name = f"{limit.kind}, {limit.name}" if limit.kind != "bound" else f"bound, {limit.name}"
        console.print(f"gap: how much worse than the {name} ({number(limit.value)}).", style="dim")


def standing(
    name: str,
    optimum: str | None,
    against: DifferenceRecord | None,
    *,
    classical: bool,
    interval: bool = False,
) -> str:
    """An agent beside the best baseline: what it is, or its difference and verdict.

    Args:
        name: The agent.
        optimum: The agent that is the proven optimum.
        against: Its difference to the best baseline.
        classical: Whether it is a classical method.
        interval: Whether the difference's interval is shown.
    """
    if name == optimum:
        return "optimum"
    if against is None or against.difference is None:
        return "best baseline" if classical and name != "random" and against is None else "-"
    span = ""
    if interval and against.ci95[0] is not None:
        span = f" [{signed(against.ci95[0])}, {signed(against.ci95[1])}]"
    share = f" ({signed_percent(against.percent)})" if against.percent else ""
    return f"{signed(against.difference)}{share}{span} {against.verdict}"


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
    inexact = [f"{stop.steps:,}" for stop in record.resumed if not stop.exact]
    if inexact:
        console.print(
            f"Resumed at step {' and '.join(inexact)}, not exactly: this is not the result of a run without "
            "a stop.",
            style="yellow",
        )
    console.print(f"Everything is in {trained.path}", soft_wrap=True)


def _references(shown: Table, scenario: ResolvedScenario, wide: bool) -> None:
    references = [ref for ref in scenario.spec.references if ref.metric in (None, scenario.metric.name)]
    if references:
        shown.add_section()
    for reference in references:
        note = f"known value: {reference.source}" + (f" ({reference.note})" if reference.note else "")
        _known(shown, reference.name, reference.value, note, wide)


def _bound(shown: Table, evaluation: EvaluationResult, wide: bool) -> None:
    bound = evaluation.bound()
    if bound is not None:
        side = "lower" if evaluation.metric.better == "lower" else "upper"
        _known(shown, f"{side} bound", bound.value, bound.method, wide)


def _known(shown: Table, name: str, value: float, note: str, wide: bool) -> None:
    shown.add_row(name, number(value), note, "", *([""] if wide else []), style="dim")


def _interval(mean: float | None, ci95: Interval) -> str:
    return number(mean) if ci95[0] is None else f"{number(mean)} [{number(ci95[0])}, {number(ci95[1])}]"

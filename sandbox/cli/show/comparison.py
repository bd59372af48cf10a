"""How a comparison shows while it runs, and what it prints at its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from sandbox.cli.show.console import stderr, stdout
from sandbox.cli.show.tables import WIDE_TABLE, gap_text, print_gap, show, standing, table
from sandbox.records.words import MIN_EPISODES, RULE_OF_COMPARISONS, distance, number, plural, verdict

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.comparison.api import ComparisonResult
    from sandbox.comparison.cells import Cell
    from sandbox.comparison.drive import GridCallback, State
    from sandbox.records.base import Interval
    from sandbox.records.cell import CellRecord
    from sandbox.records.comparison import ComparisonRecord, ScenarioFacts, Score
    from sandbox.records.evaluation import DifferenceRecord
    from sandbox.records.status import CellStatus

PLAIN_EVERY = 10.0
"""Seconds between two lines in a log file."""

STOPPING = "Stopping: running cells write their checkpoints. Interrupt again to stop at once."

_MAX_ROWS = 30


def grid_display(quiet: bool) -> GridCallback:
    """What shows a grid's progress on standard error: a live table on a terminal, else lines."""
    from sandbox.comparison.drive import SilentGrid

    if quiet:
        return SilentGrid()
    console = stderr()
    return _LiveTable(console) if console.is_terminal else _Lines(console.print)


class _Lines:
    """A line when work starts, every few seconds, and at the end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._written_at = 0.0
        self._line = ""

    def on_start(self, state: State) -> None:
        total, done, failed = len(state.cells), state.count("done"), state.count("failed")
        line = f"{total:,} cells: {done:,} there already"
        self._write(line + (f", {failed:,} failed before (--retry runs them again)" if failed else ""))
        self._written_at = time.monotonic()

    def on_update(self, state: State) -> None:
        now = time.monotonic()
        if now - self._written_at >= PLAIN_EVERY:
            self._written_at = now
            self._write_line(state)

    def on_stopping(self, state: State) -> None:
        self._write(STOPPING)

    def on_end(self, state: State) -> None:
        self._write_line(state)

    def _write_line(self, state: State) -> None:
        line = headline(state)
        if line != self._line:
            self._write(line)
            self._line = line


class _LiveTable:
    """One row for each scenario and agent, and a headline."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self._live = Live(console=console, refresh_per_second=2, transient=True)
        self._drawn = 0.0

    def on_start(self, state: State) -> None:
        self._live.start()
        self._draw(state)

    def on_update(self, state: State) -> None:
        if time.monotonic() - self._drawn > 0.5:
            self._draw(state)

    def on_stopping(self, state: State) -> None:
        self._live.console.print(STOPPING)

    def on_end(self, state: State) -> None:
        self._draw(state)
        self._live.stop()

    def _draw(self, state: State) -> None:
        self._drawn = time.monotonic()
        shown = table(headline(state), "scenario", "agent", "done", "running", "failed", "value so far")
        rows = progress_rows(state)
        for row in rows[:_MAX_ROWS]:
            shown.add_row(*row)
        if len(rows) > _MAX_ROWS:
            shown.add_row(f"and {len(rows) - _MAX_ROWS} more", *[""] * 5, style="dim")
        self._live.update(shown)


def headline(state: State) -> str:
    """How far a grid is, in a line."""
    total, done = len(state.cells), state.count("done")
    parts = [f"{done:,} of {total:,} cells done"]
    words: dict[CellStatus, str] = {
        "running": "running",
        "busy": "with another driver",
        "failed": "failed",
    }
    for status, word in words.items():
        count = state.count(status)
        if count:
            parts.append(f"{count:,} {word}")
    seconds = time.monotonic() - state.begun
    if state.finished_here and seconds > 0:
        parts.append(f"{60 * state.finished_here / seconds:.3g} cells/min")
    left = state.seconds_left()
    if left:
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def progress_rows(state: State) -> list[tuple[str, ...]]:
    """For each scenario and agent: cells done, running and failed, and the mean value so far."""
    groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in state.cells:
        groups.setdefault((cell.scenario, cell.agent), []).append(cell)
    rows: list[tuple[str, ...]] = []
    for (scenario, agent), cells in groups.items():
        statuses = [state.status[cell.id] for cell in cells]
        shares = [state.share[cell.id] for cell in cells if cell.id in state.share]
        running = statuses.count("running") + statuses.count("busy")
        known = [value for cell in cells if (value := _value_of(state.records.get(cell.id))) is not None]
        rows.append(
            (
                scenario,
                agent,
                f"{statuses.count('done')}/{len(cells)}",
                f"{running}" + (f" ({max(shares):.0%})" if shares else "") if running else "",
                str(statuses.count("failed") or ""),
                number(sum(known) / len(known)) if known else "",
            )
        )
    return rows


def _value_of(record: CellRecord | None) -> float | None:
    return record.results.final.mean if record is not None and record.results is not None else None


def duration(seconds: float) -> str:
    """Time for people: ``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def show_comparison(compared: ComparisonResult) -> None:
    """Each scenario's agents best first, all scenarios together, and who won, in words."""
    console = stdout()
    record = compared.record
    for scenario, facts in record.scenarios.items():
        if record.scores[scenario]:
            _show_scenario(console, compared, scenario, facts)
    if len(record.scenarios) > 1 and record.overall:
        _show_overall(console, record)
    for line in verdicts(record):
        console.print(line, soft_wrap=True)
    if any(score.against_best_baseline for agents in record.scores.values() for score in agents.values()):
        console.print(RULE_OF_COMPARISONS, style="dim")
    if record.exploratory:
        console.print("Fewer than five training runs of some agent: exploratory.", style="yellow")
    clashing = [
        f"{name} {' and '.join(versions)}" for name, versions in record.versions.items() if len(versions) > 1
    ]
    if clashing:
        console.print(f"Cells were made with different versions: {'; '.join(clashing)}.", style="yellow")
    if record.unrecorded_code:
        console.print(
            f"{plural(record.unrecorded_code, 'cell')} of version 0.1, which recorded no code.",
            style="yellow",
        )
    for other in record.other_code:
        console.print(
            f"{other.scenario}, {other.agent}: {plural(other.cells, 'earlier cell')} of other code not "
            f"counted: {'; '.join(other.differs)}.",
            style="yellow",
            soft_wrap=True,
        )
    _show_failures(console, record)
    console.print(f"Everything is in {compared.folder}", soft_wrap=True)


def _show_scenario(console: Console, compared: ComparisonResult, scenario: str, facts: ScenarioFacts) -> None:
    unit = "" if facts.unit in ("", "1") else f" ({facts.unit})"
    title = f"{scenario}: {facts.metric}{unit}, {facts.better} is better"
    wide = console.width >= WIDE_TABLE
    more_columns = ("score", "best-validation") if wide else ()
    spans = any(has_interval(score.ci95) for score in compared.scores(scenario).values())
    value = "IQM [95 % interval]" if spans else "IQM"
    columns = ("agent", "runs", value, "gap", "against best baseline", *more_columns)
    shown = table(title, *columns, whole=(value, "gap"))
    for name in compared.ranking(scenario):
        score = compared.scores(scenario)[name]
        learned = score.kind == "learned"
        runs = f"{score.runs}" + (f" (+{score.failed} failed)" if score.failed else "")
        extra = (_figure(score.normalised), "" if score.best is None else _figure(score.best.iqm))
        shown.add_row(
            name,
            runs if learned else "-",
            _span(score.iqm, score.ci95),
            gap_text(score.gap),
            standing(name, facts.optimum, score.against_best_baseline, classical=score.kind == "baseline"),
            *(extra if wide else ()),
            style="bold" if learned else None,
        )
    for reference in facts.references:
        if reference.metric in (None, facts.metric):
            known = (reference.name, "", number(reference.value), "", "known value")
            shown.add_row(*known, *([""] * len(more_columns)), style="dim")
    show(console, shown)
    print_gap(console, facts.limit)
    if not spans:
        episodes = plural(facts.episodes, "test episode")
        console.print(f"{episodes} an agent: under {MIN_EPISODES} there is no 95 % interval.", style="dim")
    console.print()


def _show_overall(console: Console, record: ComparisonRecord) -> None:
    total = len(record.scenarios)
    spans = any(has_interval(row.iqm_ci95) for row in record.overall.values())
    value = "IQM [95 % interval]" if spans else "IQM"
    wide = console.width >= WIDE_TABLE
    more_columns = ("mean", "optimality gap") if wide else ()
    shown = table(
        "All scenarios: normalised score, random = 0, best baseline or optimum = 1",
        "agent",
        "scenarios",
        value,
        "mean gap",
        *more_columns,
        whole=(value,),
    )
    ordered = sorted(record.overall.items(), key=lambda agent: (-agent[1].scenarios, -(agent[1].iqm or -1e9)))
    for name, total_of in ordered:
        extra = (_figure(total_of.mean), _figure(total_of.optimality_gap))
        shown.add_row(
            name,
            f"{total_of.scenarios} of {total}",
            _span(total_of.iqm, total_of.iqm_ci95),
            gap_text(total_of.gap),
            *(extra if wide else ()),
            style="bold" if total_of.kind == "learned" else None,
        )
    show(console, shown)


def verdicts(record: ComparisonRecord) -> list[str]:
    """For every learned agent and scenario, in words, whether it beat the best classical method."""
    return [
        f"{scenario}: {_verdict(name, score, score.against_best_baseline, record.scenarios[scenario])}"
        for scenario, agents in record.scores.items()
        for name, score in agents.items()
        if score.kind == "learned"
    ]


def _verdict(name: str, score: Score, against: DifferenceRecord | None, facts: ScenarioFacts) -> str:
    runs = "one run" if score.runs == 1 else f"{score.runs} runs"
    sentence = verdict(name, against, facts.metric, facts.unit, facts.episodes, beats=score.beats, basis=runs)
    return sentence + distance(score.mean, facts.limit, facts.bound, facts.better)


def _show_failures(console: Console, record: ComparisonRecord) -> None:
    failed = [cell for cell in record.cells if cell.status == "failed"]
    for cell in failed[:10]:
        seed = "" if cell.seed is None else f", seed {cell.seed}"
        console.print(f"Failed: {cell.scenario}, {cell.agent}{seed}: {cell.error}", style="red")
    if len(failed) > 10:
        console.print(f"and {len(failed) - 10} more failed cells.", style="red")
    if failed:
        console.print("--retry runs failed cells again.", style="dim")
    missing = len(record.missing) - len(failed)
    if missing:
        console.print(f"{missing:,} cells have no result yet: run the same command again.", style="yellow")


def has_interval(ends: Interval | None) -> bool:
    """Whether there is one: few runs or episodes carry none."""
    return ends is not None and ends[0] is not None


def _span(value: float | None, ends: Interval | None) -> str:
    low, high = ends or (None, None)
    if value is None:
        return "nan"
    return number(value) if low is None else f"{number(value)} [{number(low)}, {number(high)}]"


def _figure(value: float | None) -> str:
    return "-" if value is None else number(value)

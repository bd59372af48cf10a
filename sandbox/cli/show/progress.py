"""Progress as a live line on a terminal, as an occasional plain line elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.cli.show.console import stderr
from sandbox.evaluation.progress import Phase, Progress, Silent

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_EVERY = 5.0
"""Seconds between two lines of progress in a log file."""

MIN_DONE, MIN_SECONDS = 5, 2.0
"""Units, and seconds since the first of them, from which the time that is left is estimated."""

_TITLES: dict[Phase, str] = {
    "train": "Training",
    "validate": "Validating",
    "evaluate": "Evaluating",
    "render": "Rendering",
}


def progress_display(quiet: bool, metric: str, unit: str) -> Progress:
    """What shows progress on standard error.

    Args:
        quiet: Show nothing.
        metric: The scenario's metric, shown beside speed and return.
        unit: Its unit.
    """
    if quiet:
        return Silent()
    console = stderr()
    facts = _Facts(metric, unit)
    return LiveProgress(console, facts) if console.is_terminal else PlainProgress(console.print, facts)


class _Facts:
    """Picks what is worth a line: speed, return and the scenario's metric."""

    def __init__(self, metric: str, unit: str) -> None:
        self._metric, self._figure = metric, f"metric/{metric}"
        self._unit = "" if unit == "1" else f" {unit}"

    def __call__(self, values: Mapping[str, float]) -> list[str]:
        shown = []
        if "steps_per_second" in values:
            shown.append(f"{values['steps_per_second']:,.0f} steps/s")
        if "return" in values:
            shown.append(f"return {values['return']:.4g}")
        if self._figure in values:
            shown.append(f"{self._metric} {values[self._figure]:.4g}{self._unit}")
        return shown


class PlainProgress:
    """Lines for logs: one when a phase starts, then every few seconds, one when it ends.

    Args:
        write: Prints a line.
        facts: Turns values into words.
        clock: Seconds; replaced in tests.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        facts: Callable[[Mapping[str, float]], list[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write, self._facts, self._clock = write, facts, clock
        self._phases: dict[Phase, dict[str, Any]] = {}

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        now = self._clock()
        self._phases[phase] = {
            "begun": now,
            "written": now,
            "total": total,
            "unit": unit,
            "done": done,
            "before": done,
            "first": None,
            "values": {},
        }
        if phase != "validate":  # many small ones: the lines of training say enough
            what = f"{title}, {total:,} {unit}" if phase == "train" else title
            self._write(f"{_TITLES[phase]}: {what}")

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        state = self._phases[phase]
        state["done"], state["values"] = done, dict(values)
        now = self._clock()
        if state["first"] is None and done > state["before"]:
            state["first"] = (now, done)
        if now - state["written"] >= PLAIN_EVERY:
            state["written"] = now
            self._tell(phase, state, now)

    def message(self, text: str) -> None:
        self._write(text)

    def finish(self, phase: Phase) -> None:
        state = self._phases.pop(phase, None)
        if state is None or phase == "validate":
            return
        parts = [f"{state['done']:,} {state['unit']} in {_duration(self._clock() - state['begun'])}"]
        if phase == "train":
            parts += self._facts(state["values"])
        self._write(f"{_TITLES[phase]} ended: {', '.join(parts)}")

    def _tell(self, phase: Phase, state: dict[str, Any], now: float) -> None:
        done, total = state["done"], state["total"]
        share = f"of {total:,} {state['unit']} ({min(1.0, done / total):.0%})" if total else state["unit"]
        parts = [f"{done:,} {share}"]
        parts += self._facts(state["values"])
        rate = _rate(state, now)
        if rate and done < total:
            parts.append(f"{_duration((total - done) / rate)} left")
        self._write(f"{_TITLES[phase]}: {', '.join(parts)}")


class LiveProgress:
    """One live line a phase, which fits 80 columns."""

    def __init__(self, console: Console, facts: Callable[[Mapping[str, float]], list[str]]) -> None:
        self._console, self._facts = console, facts
        self._bars: Any = None
        self._tasks: dict[Phase, Any] = {}

    def start(self, phase: Phase, title: str, total: int, unit: str, done: int = 0) -> None:
        if self._bars is None:
            self._bars = self._columns()
            self._bars.start()
        if phase == "train":
            self._console.print(f"Training: {title}, {total:,} {unit}")
        elif phase != "validate":
            self._console.print(f"{_TITLES[phase]}: {title}")
        self._tasks[phase] = self._bars.add_task(
            _TITLES[phase], total=total or None, completed=done, facts="", before=done
        )

    def advance(self, phase: Phase, done: int, values: Mapping[str, float]) -> None:
        facts = " · ".join(self._facts(values))
        self._bars.update(self._tasks[phase], completed=done, facts=facts)

    def message(self, text: str) -> None:
        self._console.print(text)

    def finish(self, phase: Phase) -> None:
        task = self._tasks.pop(phase, None)
        if task is None:
            return
        if phase == "validate":
            self._bars.remove_task(task)
        if not self._tasks:
            self._bars.stop()
            self._bars = None

    def _columns(self) -> Any:
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars
        from rich.table import Column
        from rich.text import Text

        class TimeLeft(TimeRemainingColumn):
            """The time left, once enough is done to tell."""

            def render(self, task: Any) -> Text:
                if task.finished or task.completed - task.fields["before"] >= MIN_DONE:
                    return super().render(task)
                return Text("--:--", style="progress.remaining")

        return Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=6, max_width=24)),
            TaskProgressColumn(),
            TextColumn("{task.fields[facts]}", table_column=Column(no_wrap=True)),
            TimeLeft(compact=True, elapsed_when_finished=True),
            console=self._console,
            refresh_per_second=4,
        )


def _rate(state: Mapping[str, Any], now: float) -> float | None:
    """Units a second; None while too little is done to tell.

    What comes before the first unit is left out: worker processes start, libraries load.
    """
    done, (first_at, first) = state["done"], state["first"] or (now, state["done"])
    if done - state["before"] < MIN_DONE:
        return None
    if done - first >= MIN_DONE and now - first_at >= MIN_SECONDS:
        return float((done - first) / (now - first_at))
    return float((done - state["before"]) / (now - state["begun"])) if now > state["begun"] else None


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"

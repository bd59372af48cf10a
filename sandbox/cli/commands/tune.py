"""``sandbox tune``: search hyperparameters, and prove the winner on fresh seeds."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.commands.compare import (
    Cores,
    LauncherName,
    Partition,
    RayAddress,
    Workers,
    names,
)
from sandbox.cli.options import (
    Algo,
    AsJson,
    Changes,
    Hp,
    NumEnvs,
    Quiet,
    Reward,
    RunsDir,
    Scenario,
    Seed,
    Steps,
    Wrap,
    changed,
)

if TYPE_CHECKING:
    from rich.console import Console

    from sandbox.records.tuning import TuningRecord

PLAIN_EVERY = 10.0


def tune(
    context: typer.Context,
    scenario: Scenario,
    algo: Algo,
    trials: Annotated[
        int, typer.Option(min=1, metavar="N", help="Trials in all, those of earlier calls included.")
    ] = 30,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Training runs of each trial.")] = 2,
    steps: Steps = None,
    num_envs: NumEnvs = None,
    episodes: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Tuning episodes a run is judged on.")
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=RANGE", help="Range: low:high, low:high:log, or a,b,c. Repeatable."),
    ] = None,
    only: Annotated[
        str | None, typer.Option(metavar="A,B", help="Search these hyperparameters alone.")
    ] = None,
    hp: Hp = None,
    retrain: Annotated[
        int, typer.Option(min=0, metavar="N", help="Fresh training runs of the winner; 0 for none.")
    ] = 5,
    preset: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Scenario file to write the winner into.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Database of the study; default: a journal file.")
    ] = None,
    seed: Seed = 0,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    workers: Workers = None,
    launcher: LauncherName = "local",
    ray_address: RayAddress = None,
    cores: Cores = 1.0,
    partition: Partition = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Search hyperparameters, and train the winner on fresh seeds."""
    from sandbox.cli.show.comparison import grid_display, show_comparison
    from sandbox.launch import Launching
    from sandbox.tuning.api import tune as carry_out

    tuned = carry_out(
        scenario,
        algo,
        trials=trials,
        seeds=seeds,
        steps=steps,
        num_envs=num_envs,
        episodes=episodes,
        changes=changed(changes, wrap),
        reward=reward or (),
        hp=hp or (),
        params=param or (),
        only=names(only) or (),
        retrain=retrain,
        preset=preset,
        storage=storage,
        seed=seed,
        runs_dir=runs_dir,
        launching=Launching(launcher, workers, ray_address, cores, partition),
        callback=None if quiet else _Lines(),
        comparison_callback=grid_display(quiet),
        command=["sandbox", *context.obj],
    )
    if as_json:
        comparison = None if tuned.comparison is None else tuned.comparison.document
        return {**tuned.document, "comparison": comparison}
    _show(tuned.record, preset)
    if tuned.comparison is not None:
        show_comparison(tuned.comparison)
    return None


class _Lines:
    """A line for every few seconds of a search, on standard error."""

    def __init__(self) -> None:
        from sandbox.cli.show.console import stderr

        self._console = stderr()
        self._written_at = 0.0
        self._line = ""

    def on_update(self, record: TuningRecord, running: int) -> None:
        line = headline(record, running)
        counts = record.counts
        ended = counts.complete + counts.pruned + counts.failed
        due = time.monotonic() - self._written_at >= PLAIN_EVERY or ended == record.wanted
        if due and line != self._line:
            self._console.print(line)
            self._written_at, self._line = time.monotonic(), line

    def on_message(self, text: str) -> None:
        self._console.print(text)


def headline(record: TuningRecord, running: int) -> str:
    """How far a search is, in a line."""
    from sandbox.records.words import with_unit

    counts = record.counts
    parts = [f"{counts.complete} of {record.wanted} trials complete"]
    for count, state in ((counts.pruned, "pruned"), (counts.failed, "failed"), (running, "running")):
        if count:
            parts.append(f"{count} {state}")
    if record.best is not None:
        best = with_unit(record.best.value, record.unit)
        parts.append(f"best {record.metric} {best} (trial {record.best.trial})")
    return ", ".join(parts)


def _show(record: TuningRecord, preset: Path | None) -> None:
    """The best trials, what mattered, and what was spent."""
    from sandbox.cli.show.console import stdout
    from sandbox.records.words import number

    console = stdout()
    _show_best_trials(console, record)
    if record.importances:
        shares = (f"{name} {share or 0.0:.2f}" for name, share in record.importances.items())
        console.print(f"Importance: {', '.join(shares)}.")
    counts, budget = record.counts, record.budget
    total = counts.complete + counts.pruned + counts.failed + counts.running
    console.print(
        f"Spent: {total} trials ({counts.complete} complete, {counts.pruned} pruned, "
        f"{counts.failed} failed), {record.steps_spent:,} steps; a whole trial is "
        f"{len(budget.seeds)} runs of {budget.steps:,} steps."
    )
    first = next((trial for trial in record.trials if trial.number == 0), None)
    if first is not None and first.state == "complete" and record.best is not None:
        console.print(
            f"On tuning episodes: {number(first.value)} with the settings from before, "
            f"{number(record.best.value)} with the winner's."
        )
    if preset is not None:
        console.print(f"The winner is the preset of {record.algorithm} in {preset}", soft_wrap=True)
    console.print(f"Everything is in {record.folder}\n", soft_wrap=True)


def _show_best_trials(console: Console, record: TuningRecord) -> None:
    from sandbox.cli.show.tables import show, table
    from sandbox.records.words import number

    sign = 1.0 if record.better == "lower" else -1.0
    unit = "" if record.unit == "1" else f" ({record.unit})"
    title = (
        f"{record.scenario}, {record.algorithm}: {record.metric}{unit} on tuning episodes, "
        f"{record.better} is better"
    )
    complete = [
        (sign * trial.value, trial)
        for trial in record.trials
        if trial.state == "complete" and trial.value is not None
    ]
    shown = table(title, "trial", "mean over seeds", "settings")
    for _, trial in sorted(complete, key=lambda ranked: ranked[0])[:5]:
        settings = ", ".join(f"{name}={value}" for name, value in trial.hyperparameters.items())
        shown.add_row(str(trial.number), number(trial.value), settings)
    show(console, shown)

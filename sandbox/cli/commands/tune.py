"""``sandbox tune``: search hyperparameters, and prove the winner on fresh seeds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
    """Search hyperparameters; the winner is trained anew on fresh seeds."""
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
        comparison = None if tuned.comparison is None else dict(tuned.comparison.document)
        return {**tuned.document, "comparison": comparison}
    _show(tuned.document, preset)
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

    def on_update(self, document: Mapping[str, Any], running: int) -> None:
        line = headline(document, running)
        ended = sum(document["counts"].values()) - document["counts"]["running"]
        due = time.monotonic() - self._written_at >= PLAIN_EVERY or ended == document["wanted"]
        if due and line != self._line:
            self._console.print(line)
            self._written_at, self._line = time.monotonic(), line

    def on_message(self, text: str) -> None:
        self._console.print(text)


def headline(document: Mapping[str, Any], running: int) -> str:
    """How far a search is, in a line."""
    from sandbox.report.words import with_unit

    counts = document["counts"]
    parts = [f"{counts['complete']} of {document['wanted']} trials complete"]
    parts += [f"{counts[state]} {state}" for state in ("pruned", "failed") if counts[state]]
    if running:
        parts.append(f"{running} running")
    if document["best"] is not None:
        best = with_unit(document["best"]["value"], document["unit"])
        parts.append(f"best {document['metric']} {best} (trial {document['best']['trial']})")
    return ", ".join(parts)


def _show(document: Mapping[str, Any], preset: Path | None) -> None:
    """The best trials, what mattered, and what was spent."""
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.tables import show, table
    from sandbox.report.words import number

    console = stdout()
    sign = 1.0 if document["better"] == "lower" else -1.0
    done = [one for one in document["trials"] if one["state"] == "complete"]
    unit = "" if document["unit"] == "1" else f" ({document['unit']})"
    title = (
        f"{document['scenario']}, {document['algorithm']}: {document['metric']}{unit} on tuning episodes, "
        f"{document['better']} is better"
    )
    shown = table(title, "trial", "mean over seeds", "settings")
    for one in sorted(done, key=lambda one: sign * one["value"])[:5]:
        settings = ", ".join(f"{name}={value}" for name, value in one["hyperparameters"].items())
        shown.add_row(str(one["number"]), number(one["value"]), settings)
    show(console, shown)
    if document["importances"]:
        told = ", ".join(f"{name} {share:.2f}" for name, share in document["importances"].items())
        console.print(f"Importance: {told}.")
    counts, budget = document["counts"], document["budget"]
    console.print(
        f"Spent: {sum(counts.values())} trials ({counts['complete']} complete, {counts['pruned']} pruned, "
        f"{counts['failed']} failed), {document['steps_spent']:,} steps; a whole trial is "
        f"{len(budget['seeds'])} runs of {budget['steps']:,} steps."
    )
    first = next((one for one in done if one["number"] == 0), None)
    if first is not None and document["best"] is not None:
        console.print(
            f"On tuning episodes: {number(first['value'])} with the settings from before, "
            f"{number(document['best']['value'])} with the winner's."
        )
    if preset is not None:
        console.print(f"The winner is the preset of {document['algorithm']} in {preset}", soft_wrap=True)
    console.print(f"Everything is in {document['folder']}\n", soft_wrap=True)

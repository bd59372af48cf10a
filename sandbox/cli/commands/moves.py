"""``sandbox moves``: decisions that no classical method takes, and the proof of what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.commands.compare import Cores, LauncherName, RayAddress, Workers
from sandbox.cli.options import (
    AsJson,
    Changes,
    Episodes,
    Quiet,
    RunsDir,
    Wrap,
    _count,
    _seed,
    changed,
    run_name,
    scenario_name,
)

if TYPE_CHECKING:
    from sandbox.records.moves import Measure


def moves(
    context: typer.Context,
    agent: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Run directory (DIR, DIR@best, latest), or a baseline's name with --scenario.",
        ),
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Baseline or run to hold it against; default: the scenario's classical methods. Repeatable.",
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option(parser=scenario_name, metavar="SCENARIO", help="Default: what the run was trained on."),
    ] = None,
    episodes: Episodes = None,
    screen: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Decisions to branch from, to choose candidates.")
    ] = 200,
    futures: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Futures of each of these decisions.")
    ] = 4,
    finds: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Candidates to test, and as many of the worst.")
    ] = 10,
    fresh: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Fresh futures of each candidate.")
    ] = 24,
    window: Annotated[
        int | None,
        typer.Option(parser=_count, metavar="N", help="Steps of a branch; default: to the episode's end."),
    ] = None,
    measure: Annotated[
        str | None,
        typer.Option(metavar="metric|return", help="What a branch is measured by; with --window the return."),
    ] = None,
    films: Annotated[
        int, typer.Option(min=0, metavar="N", help="Candidates of each list to film; 0 for none.")
    ] = 3,
    seed: Annotated[
        int, typer.Option(parser=_seed, metavar="N", help="Seeds the choice of decisions and the futures.")
    ] = 0,
    changes: Changes = None,
    wrap: Wrap = None,
    workers: Workers = None,
    launcher: LauncherName = "local",
    ray_address: RayAddress = None,
    cores: Cores = 1.0,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Find an agent's own moves, and prove what they are worth."""
    from sandbox.api.errors import UnknownNameError
    from sandbox.cli.show.moves import show_moves
    from sandbox.cli.show.progress import progress_display
    from sandbox.launch import Launching
    from sandbox.moves.api import find_moves
    from sandbox.moves.settings import Settings

    measures: dict[str, Measure] = {"metric": "metric", "return": "return"}
    if measure is not None and measure not in measures:
        raise UnknownNameError("measure", measure, list(measures))
    result = find_moves(
        run_name(agent, runs_dir),
        scenario,
        against=[run_name(name, runs_dir) for name in against or ()],
        changes=changed(changes, wrap),
        settings=Settings(
            episodes=episodes,
            screen=screen,
            futures=futures,
            finds=finds,
            fresh=fresh,
            window=window,
            measure=None if measure is None else measures[measure],
            seed=seed,
            films=films,
        ),
        runs_dir=runs_dir,
        launching=Launching(launcher, workers, ray_address, cores),
        progress=progress_display(quiet, "", ""),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return {**result.record.to_json(), "folder": str(result.folder)}
    show_moves(result)
    return None

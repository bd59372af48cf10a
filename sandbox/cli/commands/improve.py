"""``sandbox improve``: a policy from a log, used only where it is better than the one that made the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.cli.options import (
    AsJson,
    Changes,
    Quiet,
    Reward,
    RunsDir,
    Seed,
    Wrap,
    _count,
    changed,
    scenario_name,
)


def improve(
    context: typer.Context,
    dataset: Annotated[
        Path, typer.Argument(metavar="DATASET", help="Minari folder, .npz, CSV or Parquet file, or mapping.")
    ],
    scenario: Annotated[
        str,
        typer.Option(
            parser=scenario_name, metavar="SCENARIO", help="Whose observations and actions they are."
        ),
    ],
    mapping: Annotated[
        Path | None, typer.Option(metavar="FILE", help="YAML: which column is which part of a step.")
    ] = None,
    algo: Annotated[
        str | None, typer.Option(metavar="A,B", help="Offline algorithms; default: some that fit.")
    ] = None,
    updates: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Updates of each candidate.")
    ] = 3000,
    gamma: Annotated[float, typer.Option(metavar="G", help="Discount factor of all returns.")] = 0.97,
    level: Annotated[float, typer.Option(metavar="P", help="Of the lower bound.")] = 0.95,
    seed: Seed = 0,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Learn from a log, and use only what beats its behaviour."""
    from sandbox.cli.show.progress import progress_display
    from sandbox.improvement.improve import improve as carry_out
    from sandbox.scenarios.resolve import load_scenario

    resolved = load_scenario(scenario, changed(changes, wrap), reward or ())
    made = carry_out(
        resolved,
        dataset,
        mapping=mapping,
        algos=algo.split(",") if algo else (),
        updates=updates,
        gamma=gamma,
        level=level,
        seed=seed,
        runs_dir=runs_dir,
        progress=progress_display(quiet, resolved.metric.name, resolved.metric.unit),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return made.to_json()
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.improvement import show_improvement

    show_improvement(stdout(), made)
    return None

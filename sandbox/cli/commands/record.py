"""``sandbox record``: what an agent does, as a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sandbox.cli.options import (
    AsJson,
    Changes,
    Quiet,
    Reward,
    Scenario,
    Seed,
    Wrap,
    _count,
    changed,
    run_name,
)


def record(
    scenario: Scenario,
    agent: Annotated[
        str,
        typer.Option(
            parser=run_name,
            metavar="AGENT",
            help="Run directory (DIR, DIR@best, latest), name of a baseline, or random.",
        ),
    ],
    episodes: Annotated[int, typer.Option(parser=_count, metavar="N", help="Episodes to record.")],
    name: Annotated[
        str | None, typer.Option(metavar="ID", help="The dataset's id; default: from scenario and agent.")
    ] = None,
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of datasets; MINARI_DATASETS_PATH names it to Minari.")
    ] = Path("datasets"),
    seed: Seed = 0,
    sample: Annotated[
        bool, typer.Option("--sample", help="Let a learned policy sample instead of taking its mode.")
    ] = False,
    quality: Annotated[
        str | None,
        typer.Option(
            metavar="QUALITY",
            help="random, medium, expert or mixed: the agent with random actions until it is that good.",
        ),
    ] = None,
    explore: Annotated[
        float, typer.Option(metavar="SHARE", help="Share of steps with a random action, 0 to 1.")
    ] = 0.0,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Record episodes as a Minari dataset, for offline learning."""
    from sandbox.cli.show.progress import progress_display
    from sandbox.outputs.record import record as carry_out
    from sandbox.scenarios.resolve import load_scenario

    resolved = load_scenario(scenario, changed(changes, wrap), reward or ())
    made = carry_out(
        resolved,
        agent,
        episodes,
        root=out,
        name=name,
        seed=seed,
        sample=sample,
        quality=_quality(quality),
        explore=explore,
        progress=progress_display(quiet, resolved.metric.name, resolved.metric.unit),
    )
    steps = sum(episode.length for episode in made.episodes)
    mean = sum(episode.ret for episode in made.episodes) / len(made.episodes)
    if as_json:
        return {
            "dataset": made.name,
            "folder": made.path,
            "episodes": len(made.episodes),
            "steps": steps,
            "mean_return": mean,
        }
    from sandbox.cli.show.console import stdout
    from sandbox.records.words import number, plural

    console = stdout()
    count = f"{plural(len(made.episodes), 'episode')}, {plural(steps, 'step')}"
    console.print(f"Recorded {count}, mean return {number(mean)}.")
    console.print(f"Everything is in {made.path}", soft_wrap=True)
    console.print(
        f"To load it: MINARI_DATASETS_PATH={made.root.resolve()} and minari.load_dataset({made.name!r})",
        soft_wrap=True,
        style="dim",
    )
    return None


def _quality(given: str | None) -> Any:
    """A quality by its name."""
    from sandbox.api.errors import UnknownNameError
    from sandbox.outputs.behaviour import QUALITIES

    if given is not None and given not in QUALITIES:
        raise UnknownNameError("quality", given, QUALITIES)
    return given

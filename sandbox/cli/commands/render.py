"""``sandbox render``: films and pictures of what an agent does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import AsJson, Changes, Quiet, Wrap, _count, _seed, changed, run_name, scenario_name
from sandbox.runs.names import split_policy

if TYPE_CHECKING:
    from sandbox.scenarios.resolve import ResolvedScenario


FRAMES = 400
"""Frames of a film where no number is asked for: an episode can have tens of thousands."""


def render(
    agents: Annotated[
        list[str],
        typer.Argument(
            parser=run_name,
            metavar="AGENT...",
            help="Runs (DIR, DIR@best, DIR@STEP, latest), names of baselines, or random.",
        ),
    ],
    scenario: Annotated[
        str | None,
        typer.Option(
            parser=scenario_name,
            metavar="SCENARIO",
            help="What to play; default: what the first run was trained on.",
        ),
    ] = None,
    view: Annotated[
        str, typer.Option(metavar="NAME", help="What to draw; sandbox info SCENARIO lists the views.")
    ] = "episode",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File to write; its suffix picks the format (mp4, gif, png, …)."),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(parser=_seed, metavar="N", help="Episode seed; default: the first test seed."),
    ] = None,
    episodes: Annotated[
        int, typer.Option(parser=_count, metavar="N", help="Episodes that a view may use.")
    ] = 1,
    every: Annotated[int, typer.Option(parser=_count, metavar="N", help="Film every N-th step.")] = 1,
    frames: Annotated[
        int | None, typer.Option(parser=_count, metavar="N", help="Film at most N frames; default: 400.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=0.1, max=240.0, metavar="F", help="Frames per second of the film.")
    ] = None,
    changes: Changes = None,
    wrap: Wrap = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Film an episode, or draw another view of it, without a screen."""
    from sandbox.cli.commands.eval import scenario_of
    from sandbox.cli.show.console import stdout
    from sandbox.cli.show.progress import progress_display
    from sandbox.outputs.render import FILMS, Film
    from sandbox.outputs.render import render as carry_out

    resolved = scenario_of(agents, scenario, changed(changes, wrap))
    target = out or _default_out(resolved, agents, view)
    if frames is None and view == "episode" and target.suffix.lower().removeprefix(".") in FILMS:
        frames = FRAMES
    path = carry_out(
        agents,
        resolved,
        target,
        view=view,
        seed=seed,
        episodes=episodes,
        film=Film(every, frames, fps),
        progress=progress_display(quiet, resolved.metric.name, resolved.metric.unit),
    )
    if as_json:
        return {"scenario": resolved.spec.id, "view": view, "agents": list(agents), "file": str(path)}
    stdout().print(f"Wrote {path}", soft_wrap=True)
    if frames == FRAMES:
        stdout().print(
            f"A film has {FRAMES} frames at most, {_steps(every)}: --frames and --every change that.",
            style="dim",
        )
    return None


def _steps(every: int) -> str:
    return "one a step" if every == 1 else f"one in {every} steps"


def _default_out(scenario: ResolvedScenario, agents: list[str], view: str) -> Path:
    """In the run directory where one run is shown, else in the working directory."""
    from sandbox.outputs.render import REPLAY, default_format
    from sandbox.report.media import REPLAYS
    from sandbox.runs.directory import RECORD, Run

    suffix = default_format(scenario, view)
    name, which = split_policy(agents[0])
    folder, of = Path(name), "" if which in ("", "final") else f"-{which}"
    if len(agents) == 1 and (folder / RECORD).is_file():
        if view == REPLAY:  # the page's player lists what is there
            return folder / REPLAYS / f"{Run.open(folder).algorithm}{of}.{suffix}"
        return folder / f"{view}{of}.{suffix}"
    name = scenario.spec.id.partition("/")[2]
    return Path(f"{name}-{agents[0] if len(agents) == 1 else 'agents'}-{view}.{suffix}")

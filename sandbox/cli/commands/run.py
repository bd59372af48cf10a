"""``sandbox run``: train, evaluate beside the classical methods, show the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import (
    CHECKPOINT_EVERY,
    KEEP,
    SCENARIO,
    AsJson,
    Changes,
    CheckpointEvery,
    Data,
    Episodes,
    Expert,
    Fresh,
    Hp,
    InitFrom,
    Keep,
    NumEnvs,
    Quiet,
    Reward,
    RunsDir,
    Seed,
    Steps,
    Track,
    TrustPickle,
    Wrap,
    changed,
    initial_policy,
    run_name,
    run_path,
)

if TYPE_CHECKING:
    from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.cli.documents import facts


def run(
    context: typer.Context,
    scenario: Annotated[str | None, SCENARIO] = None,
    algo: Annotated[
        str | None, typer.Option(metavar="NAME", help="Algorithm; see: sandbox list algorithms.")
    ] = None,
    repeat: Annotated[
        Path | None,
        typer.Option("--from", metavar="RUN", help="Repeat a run instead, exactly as it was."),
    ] = None,
    seed: Seed = 0,
    steps: Steps = None,
    num_envs: NumEnvs = None,
    episodes: Episodes = None,
    fresh: Fresh = False,
    changes: Changes = None,
    wrap: Wrap = None,
    reward: Reward = None,
    hp: Hp = None,
    init_from: InitFrom = None,
    trust_pickle: TrustPickle = False,
    data: Data = None,
    expert: Expert = None,
    checkpoint_every: CheckpointEvery = CHECKPOINT_EVERY,
    keep: Keep = KEEP,
    track: Track = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Train an agent and compare it with classical methods."""
    from sandbox.cli.show.progress import progress_display
    from sandbox.cli.show.tables import show_verdict
    from sandbox.workflow import run as carry_out

    if repeat is not None:
        given = (scenario, algo, seed or None, steps, num_envs, changes, wrap, reward, hp, init_from)
        sources = (data, expert)
        resolved, arguments = _as_it_was(run_path(repeat, runs_dir), (*given, *sources))
    else:
        resolved, algo = _asked(context, scenario, algo, changed(changes, wrap), reward)
        arguments = {
            "algo": algo,
            "seed": seed,
            "steps": steps,
            "num_envs": num_envs,
            "hp": hp or (),
            "init_from": initial_policy(init_from, algo, trust_pickle, runs_dir),
            "data": data,
            "expert": None if expert is None else run_name(expert, runs_dir),
        }
    if episodes is not None:
        arguments["episodes"] = episodes
    trained, evaluation = carry_out(
        resolved,
        **arguments,
        fresh=fresh,
        checkpoint_every=checkpoint_every,
        keep=keep,
        track=track or (),
        runs_dir=runs_dir,
        progress=progress_display(quiet, resolved.metric.name, resolved.metric.unit),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return {**facts(trained), "evaluation": evaluation.to_json()}
    show_verdict(evaluation, trained)
    return None


def _asked(
    context: typer.Context,
    scenario: str | None,
    algo: str | None,
    changes: list[str],
    reward: list[str] | None,
) -> tuple[ResolvedScenario, str]:
    from sandbox.scenarios.resolve import load_scenario

    if scenario is None:
        context.fail("Missing argument 'SCENARIO'.")
    if algo is None:
        context.fail("Missing option '--algo'.")
    return load_scenario(scenario, changes, reward or ()), algo


def _as_it_was(folder: Path, given: tuple[Any, ...]) -> tuple[ResolvedScenario, dict[str, Any]]:
    """The scenario of a run and the arguments that make the same run again.

    Raises:
        InvalidValueError: If something else is asked for at the same time, or if the scenario is no
            longer what it was: an input file, a default or the task's version has changed.
    """
    from sandbox.api.errors import InvalidValueError
    from sandbox.runs.directory import Run
    from sandbox.training.plan import repeated

    if any(value is not None for value in given):
        raise InvalidValueError(
            "--from repeats a run exactly as it was, so nothing else about it can be named.",
            "It goes with --episodes, --fresh, --runs-dir, --json and --quiet only.",
        )
    old = Run.open(folder)
    scenario, arguments = repeated(old)
    evaluation = old.evaluation()
    if evaluation is not None:
        arguments["episodes"] = evaluation.episodes
    return scenario, arguments

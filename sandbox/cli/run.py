"""``sandbox run``: train, evaluate beside the classical methods, show the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sandbox.cli.options import (
    SCENARIO,
    AsJson,
    Changes,
    Episodes,
    Hp,
    InitFrom,
    NumEnvs,
    Quiet,
    Reward,
    RunsDir,
    Seed,
    Steps,
)

if TYPE_CHECKING:
    from sandbox.scenarios import Problem
    from sandbox.store import Run


def run(
    context: typer.Context,
    scenario: Annotated[str | None, SCENARIO] = None,
    algo: Annotated[
        str | None, typer.Option(metavar="NAME", help="Algorithm; see: sandbox list algorithms.")
    ] = None,
    repeat: Annotated[
        Path | None, typer.Option("--from", metavar="RUN", help="Repeat a run instead, exactly as it was.")
    ] = None,
    seed: Seed = 0,
    steps: Steps = None,
    num_envs: NumEnvs = None,
    episodes: Episodes = None,
    changes: Changes = None,
    reward: Reward = None,
    hp: Hp = None,
    init_from: InitFrom = None,
    runs_dir: RunsDir = Path("runs"),
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> dict[str, Any] | None:
    """Train an agent and compare it with classical methods."""
    from sandbox.cli.live import listener
    from sandbox.cli.render import show_verdict
    from sandbox.workflow import run as carry_out

    if repeat is not None:
        given = (scenario, algo, seed or None, steps, num_envs, changes, reward, hp, init_from)
        problem, arguments = _as_it_was(repeat, given)
    else:
        problem, algo = _asked(context, scenario, algo, changes, reward)
        arguments = {
            "algo": algo,
            "seed": seed,
            "steps": steps,
            "num_envs": num_envs,
            "hp": hp or (),
            "init_from": init_from,
        }
    if episodes is not None:
        arguments["episodes"] = episodes
    trained, evaluation = carry_out(
        problem,
        **arguments,
        runs_dir=runs_dir,
        progress=listener(quiet, problem.metric.name, problem.metric.unit),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return {**facts(trained), "evaluation": evaluation.to_json()}
    show_verdict(evaluation, trained)
    return None


def facts(trained: Run) -> dict[str, Any]:
    """What the JSON documents say of a run."""
    record = trained.record
    return {
        "scenario": record["scenario_id"],
        "run_dir": trained.path,
        "algorithm": record["algorithm"],
        "seed": record["seed"],
        "steps": record.get("steps_done", record.get("steps")),
        "train_seconds": record.get("train_seconds"),
        "steps_per_second": record.get("steps_per_second"),
    }


def _asked(
    context: typer.Context,
    scenario: str | None,
    algo: str | None,
    changes: list[str] | None,
    reward: list[str] | None,
) -> tuple[Problem, str]:
    from sandbox.scenarios import load_problem

    if scenario is None:
        context.fail("Missing argument 'SCENARIO'.")
    if algo is None:
        context.fail("Missing option '--algo'.")
    return load_problem(scenario, changes or (), reward or ()), algo


def _as_it_was(folder: Path, given: tuple[Any, ...]) -> tuple[Problem, dict[str, Any]]:
    """The scenario of a run and the arguments that make the same run again.

    Raises:
        InvalidValueError: If something else is asked for at the same time, or if the scenario is no
            longer what it was: an input file, a default or the task's version has changed.
    """
    from sandbox.api.errors import DamagedRunError, InvalidValueError
    from sandbox.cli.runs import results
    from sandbox.store import Run

    if any(value is not None for value in given):
        raise InvalidValueError(
            "--from repeats a run exactly as it was, so nothing else about it can be named.",
            "It goes with --episodes, --runs-dir, --json and --quiet only.",
        )
    old = Run.open(folder)
    record, problem = old.record, old.scenario
    missing = {"scenario_hash", "steps", "num_envs", "hyperparameters", "init_from"} - set(record)
    if missing:
        raise DamagedRunError(
            f"'{folder}' cannot be repeated: its record lacks {', '.join(sorted(missing))}."
        )
    if problem.hash != record["scenario_hash"]:
        raise InvalidValueError(
            f"'{folder}' cannot be repeated: its scenario had the hash {record['scenario_hash'][:12]}, "
            f"which is now {problem.hash[:12]}.",
            "An input file, a default or the task's version has changed since.",
        )
    arguments = {
        "algo": record["algorithm"],
        "seed": record["seed"],
        "steps": record["steps"],
        "num_envs": record["num_envs"],
        "hp": record["hyperparameters"],
        "init_from": _policy_of(record["init_from"]),
    }
    evaluation = results(old)
    if evaluation is not None:
        arguments["episodes"] = evaluation["episodes"]
    return problem, arguments


def _policy_of(recorded: str | None) -> str | None:
    """The run and policy behind the folder that a record names, as ``--init-from`` takes them."""
    if recorded is None:
        return None
    path = Path(recorded)
    return f"{path.parent.parent}@best" if path.name == "best" else str(path.parent)

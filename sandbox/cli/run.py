"""``sandbox run``: train, evaluate beside the classical methods, show the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from sandbox.cli.options import (
    Algo,
    AsJson,
    Changes,
    Episodes,
    Hp,
    InitFrom,
    NumEnvs,
    Quiet,
    Reward,
    RunsDir,
    Scenario,
    Seed,
    Steps,
)


def run(
    context: typer.Context,
    scenario: Scenario,
    algo: Algo,
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
    from sandbox.scenarios import load_problem
    from sandbox.workflow import run as carry_out

    problem = load_problem(scenario, changes or (), reward or ())
    trained, evaluation = carry_out(
        problem,
        algo,
        seed=seed,
        steps=steps,
        num_envs=num_envs,
        hp=hp or (),
        runs_dir=runs_dir,
        init_from=init_from,
        episodes=episodes,
        progress=listener(quiet, problem.metric.name, problem.metric.unit),
        command=["sandbox", *context.obj],
    )
    if as_json:
        return {**facts(trained), "evaluation": evaluation.to_json()}
    show_verdict(evaluation, trained)
    return None


def facts(trained: Any) -> dict[str, Any]:
    """What the JSON documents say of a run."""
    record = trained.record
    return {
        "scenario": record["scenario_id"],
        "run_dir": trained.path,
        "algorithm": record["algorithm"],
        "seed": record["seed"],
        "steps": record.get("steps_done", record["steps"]),
        "train_seconds": record.get("train_seconds"),
        "steps_per_second": record.get("steps_per_second"),
    }

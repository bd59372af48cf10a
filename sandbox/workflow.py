"""Train, then evaluate beside the classical methods: what ``sandbox run`` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.envs import as_problem
from sandbox.evaluation import (
    Evaluation,
    baseline_agents,
    evaluation_seeds,
    learned_agent,
    play_all,
)
from sandbox.plans import make_plan
from sandbox.players import Agent, Players
from sandbox.progress import Progress, Silent
from sandbox.report.make import save_page
from sandbox.scenarios import Problem
from sandbox.store import Run, storage_errors, strict, write_atomically
from sandbox.training import train_plan


def run(
    scenario: str | Path | Problem,
    algo: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    num_envs: int | None = None,
    changes: Sequence[str] = (),
    reward: Sequence[str] = (),
    hp: Sequence[str] | Mapping[str, Any] = (),
    runs_dir: str | Path = "runs",
    init_from: str | Path | None = None,
    episodes: int | None = None,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> tuple[Run, Evaluation]:
    """Train an algorithm and compare it with the scenario's baselines on the test seeds.

    Takes what `sandbox.training.train` takes, and ``episodes``, the test episodes an agent plays.
    The final policy appears under the algorithm's name, the best-validation one as ``<name>-best``.
    Writes ``episodes.parquet``, ``evaluation.json``, ``result.png`` and ``report.html`` to the run directory.

    Raises:
        As `sandbox.training.train` and `sandbox.evaluation.evaluate`.
    """
    listener = progress or Silent()
    problem = as_problem(scenario, changes, reward)
    seeds = evaluation_seeds(problem, episodes)
    plan = make_plan(problem, algo, seed=seed, steps=steps, num_envs=num_envs, hp=hp, init_from=init_from)
    with Players(problem) as table:
        trained = train_plan(plan, Path(runs_dir), table, listener, command)
        agents = [*_learned(trained), *baseline_agents(problem)]
        evaluation = play_all(table, problem, agents, seeds, listener)
    save_evaluation(trained, evaluation)
    save_page(trained)
    return trained, evaluation


def save_evaluation(run: Run, evaluation: Evaluation) -> None:
    """Put an evaluation's table, summary and picture into a run directory.

    Raises:
        StorageError: If it cannot be written.
    """
    import json

    from sandbox.report.picture import draw_result

    summary = json.dumps(strict(evaluation.to_json()), indent=2, allow_nan=False)
    with storage_errors(run.path):
        write_atomically(run.path / "episodes.parquet", evaluation.to_parquet())
        write_atomically(run.path / "evaluation.json", f"{summary}\n".encode())
        picture = draw_result(run, evaluation)
        if picture is not None:
            write_atomically(run.path / "result.png", picture)


def _learned(run: Run) -> list[Agent]:
    """The final policy and, where validation chose one, the best."""
    chosen = ["best"] if run.record.get("best") else []
    return [learned_agent(run, which) for which in ["final", *chosen]]

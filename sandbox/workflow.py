"""Train, then evaluate beside the classical methods: what ``sandbox run`` does."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.api.errors import SandboxError
from sandbox.api.stop_signals import stop_signals_interrupt
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.evaluate import play_all
from sandbox.evaluation.kept import KeptEpisodes, store_beside
from sandbox.evaluation.named_agents import baseline_agents, learned_agent
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.result import EvaluationResult
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import evaluation_seeds
from sandbox.report.make import save_page
from sandbox.report.media import REPLAYS
from sandbox.runs.atomic import storage_errors
from sandbox.runs.checksums import add_artifact
from sandbox.runs.directory import EPISODES, EVALUATION, Run
from sandbox.runs.lock import this_process
from sandbox.runs.policies import KEPT
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.plan import CHECKPOINT_EVERY, make_plan, plan_from_run
from sandbox.training.tracking import check_trackers
from sandbox.training.train import resume_plan, train_plan


def run(
    scenario: str | Path | ResolvedScenario,
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
    data: str | Path | None = None,
    expert: str | Path | None = None,
    episodes: int | None = None,
    fresh: bool = False,
    checkpoint_every: float = CHECKPOINT_EVERY,
    keep: int = KEPT,
    track: Sequence[str] = (),
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> tuple[Run, EvaluationResult]:
    """Train an algorithm and compare it with the scenario's baselines on the test seeds.

    Takes what `sandbox.training.train.train` takes, and ``episodes``, the test episodes an agent plays,
    and ``fresh``: whether baselines are played although their episodes are kept below ``runs_dir``.
    The final policy appears under the algorithm's name, the best-validation one as ``<name>-best``.
    Writes ``episodes.parquet``, ``evaluation.json``, ``result.png`` and ``report.html`` to the run directory.

    Raises:
        As `sandbox.training.train.train` and `sandbox.evaluation.evaluate.evaluate`.
    """
    progress = progress or Silent()
    check_trackers(track)
    resolved = as_scenario(scenario, changes, reward)
    seeds = evaluation_seeds(resolved, episodes)
    plan = make_plan(
        resolved,
        algo,
        seed=seed,
        steps=steps,
        num_envs=num_envs,
        hp=hp,
        init_from=init_from,
        data=data,
        expert=expert,
        checkpoint_every=checkpoint_every,
        keep=keep,
        track=track,
        episodes=len(seeds),
        command=command,
    )
    kept = KeptEpisodes(Path(runs_dir), resolved, fresh=fresh)
    with EpisodeRunner(resolved, kept=kept) as runner:
        trained = train_plan(plan, Path(runs_dir), runner, progress)
        return trained, evaluate_run(trained, resolved, runner, seeds, progress)


def resume(run: str | Path | Run, *, progress: Progress | None = None) -> Run:
    """Go on with a run that was stopped, in the same directory, to the end that it would have had.

    A run goes on from its newest whole checkpoint, and from the beginning where there is none. What
    `sandbox.run` began is evaluated as well. A run that is done is returned as it is, so calling this
    until it returns is all that a scheduler has to do.

    Only one process can write a run: the right to it is taken first, and lost when the process ends.

    Args:
        run: The run, or its directory.
        progress: Receives the progress, which checkpoints are damaged, and what is not exact.

    Returns:
        The run, with status ``done``.

    Raises:
        RunBusyError: If another process is writing it, here or on a host that shares the directory.
        DamagedRunError: If it is not a run directory, or its record is damaged.
        InvalidValueError: If its scenario is no longer what it was.
        RunFailedError: If training fails (again).
        KeyboardInterrupt: After an interrupt, once a checkpoint is written.
    """
    return resume_and_test(run, progress or Silent())[0]


def resume_and_test(run: str | Path | Run, progress: Progress) -> tuple[Run, EvaluationResult | None]:
    """What `resume` does; also the evaluation, where it was made now."""
    path = Path(run.path if isinstance(run, Run) else run)
    opened = Run.open(path)
    if is_complete(opened):
        return opened, None
    plan = plan_from_run(opened)
    kept = store_beside(opened, plan.scenario)
    with EpisodeRunner(plan.scenario, kept=kept) as runner:
        writer = RunWriter.reopen(path)
        if writer.record.status == "done":
            writer.update(process=this_process())  # which is now the one that evaluates
            writer.drop_checkpoints()
            writer.close()
            trained = Run.open(path)
        else:
            trained = resume_plan(plan, writer, runner, progress)
        if plan.episodes is not None:
            seeds = evaluation_seeds(plan.scenario, plan.episodes)
            return trained, evaluate_run(trained, plan.scenario, runner, seeds, progress)
    return trained, None


def is_complete(run: Run) -> bool:
    """Whether a run is trained and, if that was asked for, evaluated."""
    evaluated = run.record.evaluate is None or (run.path / EVALUATION).is_file()
    return run.status == "done" and evaluated


def evaluate_run(
    trained: Run, scenario: ResolvedScenario, runner: EpisodeRunner, seeds: Sequence[int], progress: Progress
) -> EvaluationResult:
    """Compare a trained run with its scenario's baselines, and keep the result in its directory."""
    agents = [*_learned(trained), *baseline_agents(scenario)]
    try:
        with stop_signals_interrupt():
            evaluation = play_all(runner, scenario, agents, seeds, progress)
            save_evaluation(trained, evaluation)
            save_replay(trained, scenario, seeds[0], progress)
            save_page(trained)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Interrupted when training was done. To evaluate: sandbox resume {trained.path}"
        ) from None
    except SandboxError as error:
        error.hint = f"{error.hint} To evaluate: sandbox resume {trained.path}".strip()
        raise
    return evaluation


def save_replay(run: Run, scenario: ResolvedScenario, seed: int, progress: Progress) -> None:
    """Play one test episode for the page's player."""
    from sandbox.outputs.render import REPLAY, render

    name = f"{run.algorithm}.json"
    try:
        with tempfile.TemporaryDirectory(prefix="sandbox-replay-") as scratch:
            file = render(
                [run.path], scenario, Path(scratch) / name, view=REPLAY, seed=seed, progress=progress
            )
            (run.path / REPLAYS).mkdir(exist_ok=True)
            add_artifact(run.path, f"{REPLAYS}/{name}", file.read_bytes())
    except Exception as error:  # a picture that fails must not cost the result
        progress.message(f"No replay was made: {error}")


def save_evaluation(run: Run, evaluation: EvaluationResult) -> None:
    """Put an evaluation's episodes, summary and picture into a run directory.

    Raises:
        StorageError: If it cannot be written.
    """
    from sandbox.report.picture import draw_result

    with storage_errors(run.path):
        add_artifact(run.path, EPISODES, evaluation.to_parquet())
        picture = draw_result(run, evaluation)
        if picture is not None:
            add_artifact(run.path, "result.png", picture)
        # Last, because a run that has it counts as evaluated.
        add_artifact(run.path, EVALUATION, evaluation.record().encode(indent=2))


def _learned(run: Run) -> list[Agent]:
    """The final policy and, where validation chose one, the best."""
    chosen = ["best"] if run.record.best else []
    return [learned_agent(run, which) for which in ["final", *chosen]]

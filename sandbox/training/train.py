"""Trains an algorithm on a scenario into a run directory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.api.algorithm import Elsewhere, Resume, TrainContext
from sandbox.api.errors import SandboxError
from sandbox.api.policy import Policy
from sandbox.api.processes import one_thread
from sandbox.api.state import read_state
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.envs.remote import TrainingEnvs
from sandbox.envs.vector import restorable
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.registry.resolve import resolve
from sandbox.runs.checkpoints import FOLDER, Checkpoint, whole_checkpoints
from sandbox.runs.directory import BEST, POLICY, Run
from sandbox.runs.provenance import packages, platform_facts, source_state
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.monitor import CHECKPOINT_EVERY, TRAINING, Monitor
from sandbox.training.needs import refuse_environments
from sandbox.training.plan import Plan, make_plan
from sandbox.training.signals import _interrupts, _warnings_told
from sandbox.training.tracking import check_trackers


def train(
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
    checkpoint_every: float = CHECKPOINT_EVERY,
    track: Sequence[str] = (),
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Run:
    """Train an algorithm on a scenario.

    Args:
        scenario: Name, file or resolved scenario.
        algo: Name of the algorithm.
        seed: Seeds the algorithm and, through it, the training episodes; 0 to 2³¹ − 1.
        steps: Environment steps over all copies (and, in multi-agent tasks, all agents); the
            preset's, then the scenario's number if absent.
        num_envs: Environment copies.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        hp: Hyperparameters that differ from the preset, as ``name=value`` pairs or a mapping.
        runs_dir: Where run directories are made.
        init_from: Run directory (``DIR`` or ``DIR@best``) whose policy to start from.
        data: Dataset to learn from: a folder that Minari wrote, or an ``.npz`` file.
        expert: Baseline or run directory that says what to do in the states that the learner visits.
        checkpoint_every: Seconds between checkpoints, from which `sandbox.resume` goes on; 0 writes one
            at every safe point.
        track: Trackers that hear of it besides TensorBoard: ``mlflow``, ``wandb``.
        progress: Hears how it goes.
        command: The command line to record.

    Returns:
        The finished run, with its final and its best-validation policy.

    Raises:
        SandboxError: For an impossible request, before anything is written.
        RunFailedError: If training fails; the run directory is kept with status ``failed``.
        KeyboardInterrupt: After an interrupt, once a checkpoint is written.
    """
    check_trackers(track)
    plan = make_plan(
        as_scenario(scenario, changes, reward),
        algo,
        seed=seed,
        steps=steps,
        num_envs=num_envs,
        hp=hp,
        init_from=init_from,
        data=data,
        expert=expert,
    )
    with EpisodeRunner(plan.scenario) as runner:
        facts = {"command": command, "checkpoint_every": checkpoint_every, "track": list(track)}
        return train_plan(plan, Path(runs_dir), runner, progress or Silent(), facts)


def train_plan(
    plan: Plan, root: Path, runner: EpisodeRunner, progress: Progress, facts: Mapping[str, Any] | None = None
) -> Run:
    """Carry out a plan in a new run directory; see `train`.

    Args:
        plan: What to do.
        root: Where run directories are made.
        runner: Plays validation episodes.
        progress: Hears how it goes.
        facts: What else the run's record is to hold, such as ``command``.
    """
    writer = RunWriter(root, {**_record(plan), **(facts or {})})
    return _carry_out(plan, writer, runner, progress, None)


def resume_plan(plan: Plan, writer: RunWriter, runner: EpisodeRunner, progress: Progress) -> Run:
    """Carry out the rest of a plan in a run directory that was opened again.

    Goes on from the newest checkpoint that is whole and has training state, and otherwise from the
    beginning. What the run wrote after that point is taken back first.

    Args:
        plan: What the run's record asks for; see `sandbox.training.plan.plan_again`.
        writer: Made by `RunWriter.reopen`; closed when this returns.
        runner: Plays validation episodes.
        progress: Hears how it goes, which checkpoints are no use, and what is not exact.
    """
    try:
        found = _last_whole(writer, progress)
        checkpoint, past = found or (None, None)
        exact = checkpoint is None or _is_exact(plan, writer, progress)
        writer.rewind(checkpoint, past["progress"] if past else None)
        at = checkpoint.steps if checkpoint else 0
        resumed = [*writer.record.get("resumed", []), {"steps": at, "time": _now(), "exact": exact}]
        writer.update(resumed=resumed)
    except BaseException:
        writer.close()
        raise
    progress.message(f"Goes on from step {at:,}." if checkpoint else "Starts again from the beginning.")
    return _carry_out(plan, writer, runner, progress, found)


def _last_whole(writer: RunWriter, progress: Progress) -> tuple[Checkpoint, dict[str, Any]] | None:
    """The newest checkpoint to go on from, and the run's state in it."""

    def refused(path: Path, why: str) -> None:
        progress.message(f"The checkpoint {path} is damaged and left out: {why}.")

    for checkpoint in whole_checkpoints(writer.path / FOLDER, refused):
        if checkpoint.state is None:
            continue
        try:
            return checkpoint, read_state(checkpoint.path, TRAINING)
        except SandboxError as error:
            progress.message(f"The checkpoint {checkpoint.path} is left out: {error.message}")
    return None


def _is_exact(plan: Plan, writer: RunWriter, progress: Progress) -> bool:
    """Whether going on gives what would have come without the stop; says why where it does not."""
    exact = True
    if not restorable(plan.scenario):
        exact = False
        progress.message(
            f"The task {plan.scenario.spec.task} cannot restore its environments: the episodes that "
            "were being played are dropped and new ones begin. All else is restored, but the result is "
            "not exactly that of a run without a stop."
        )
    elif not plan.algorithm.capabilities.exact_resume:
        exact = False
        progress.message(
            f"{plan.algorithm.name} restores what it has learned, but not all that it was playing: the "
            "result is not exactly that of a run without a stop."
        )
    learned = writer.record.get("algorithm_version", 1)
    if learned != plan.algorithm.version:
        exact = False
        progress.message(
            f"The run was begun with version {learned} of {plan.algorithm.name} and goes on with version "
            f"{plan.algorithm.version}: the result is not that of a run without a stop."
        )
    before, now = writer.record.get("packages", {}), packages()
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            exact = False
            progress.message(
                f"The run was begun with {name} {before.get(name, '(not installed)')} and goes on with "
                f"{now.get(name, '(not installed)')}: its numbers may not be exactly those of a run "
                "without a stop."
            )
    return exact


def _carry_out(
    plan: Plan,
    writer: RunWriter,
    runner: EpisodeRunner,
    progress: Progress,
    found: tuple[Checkpoint, dict[str, Any]] | None,
) -> Run:
    """Train from a checkpoint or from the beginning, and bring the run directory to its end."""
    start = time.perf_counter()
    checkpoint, past = found or (None, None)
    fresh = not writer.record.get("resumed")
    every = float(writer.record.get("checkpoint_every", CHECKPOINT_EVERY))
    best = checkpoint.path / "best" if checkpoint else None
    monitor: Monitor | None = None
    try:
        monitor = Monitor(plan.scenario, plan.steps, writer, runner, progress, every, past, best)
        if plan.algorithm.name != plan.asked:
            progress.message(f"{plan.asked}: the task has action masks, so {plan.algorithm.name} is trained.")
        with one_thread(), _interrupts(monitor), _warnings_told(progress):
            policy = _learn(plan, monitor, checkpoint)
        monitor.finish(policy)
        writer.write_folder(POLICY, policy.save)
        if monitor.best is not None:
            chosen = monitor.best
            writer.write_folder(BEST, lambda folder: _copy_files(chosen.folder, folder))
        monitor.close()
        writer.end(status="done", **_timings(monitor, start))
        writer.drop_checkpoints()
    except KeyboardInterrupt:
        if monitor is not None:
            monitor.save_policy()
            _ended(writer, monitor, start, "interrupted")
        steps = f"{monitor.steps:,}" if monitor is not None else "0"
        raise KeyboardInterrupt(
            f"Interrupted after {steps} steps. Go on with: sandbox resume {writer.path}"
        ) from None
    except SandboxError as error:
        if error.exit_code == 2 and fresh and (monitor is None or monitor.steps == 0):
            writer.discard()  # an impossible request that only the algorithm could find out
        else:
            _record_failure(writer, monitor, start, error, progress)
            error.hint = f"{error.hint} Go on with: sandbox resume {writer.path}".strip()
        raise
    except BaseException as error:
        _record_failure(writer, monitor, start, error, progress)
        raise
    finally:
        if monitor is not None:
            monitor.close()
        writer.close()
    if monitor.interrupted:
        raise KeyboardInterrupt(f"Interrupted when training was done; the run is kept in {writer.path}.")
    return Run.open(writer.path)


def _ended(writer: RunWriter, monitor: Monitor, start: float, status: str, **more: Any) -> None:
    monitor.close()
    writer.end(status=status, **more, **_timings(monitor, start))


def _record_failure(
    writer: RunWriter, monitor: Monitor | None, start: float, error: BaseException, progress: Progress
) -> None:
    """Note in the run's record why it failed."""
    message = error.message if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
    try:
        if monitor is None:
            writer.update(status="failed", error=message)
        else:
            _ended(writer, monitor, start, "failed", error=message)
    except (SandboxError, OSError) as second:
        # The record itself may be what cannot be written (a full disk); the first error is the cause.
        progress.message(f"The run's status could not be recorded: {second}")


def _learn(plan: Plan, monitor: Monitor, checkpoint: Checkpoint | None) -> Policy:
    """Run the algorithm; whatever environments it made are closed afterwards."""
    from sandbox.api.algorithm import StopTraining

    made: list[Any] = []

    def make_envs(num_envs: int) -> Any:
        envs = monitor.watch(make_training(plan.scenario, num_envs, plan.seed, plan.sources.expert))
        made.append(envs)
        return envs

    offline = plan.algorithm.capabilities.data == "offline"
    context = TrainContext(
        make_envs=refuse_environments(plan.algorithm) if offline else make_envs,
        observation_space=plan.observation_space,
        action_space=plan.action_space,
        config=plan.config,
        steps=plan.steps,
        seed=plan.seed,
        num_envs=plan.num_envs,
        update=monitor.update,
        masks=plan.masks,
        initial=plan.initial,
        dataset=plan.sources.dataset,
        expert=plan.sources.expert.agent.name if plan.sources.expert else None,
        models=models_of(plan.scenario),
        resume=_resume(plan, checkpoint),
        elsewhere=Elsewhere(TrainingEnvs.of(plan.scenario, plan.seed), monitor.hear),
    )
    monitor.begin()
    try:
        policy: Policy = resolve(plan.algorithm.train)(context)
        return policy
    except StopTraining:
        return monitor.last_policy()
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # closing twice is what Gymnasium warns of
            for envs in made:
                if not getattr(envs, "closed", False):
                    envs.close()


def _resume(plan: Plan, checkpoint: Checkpoint | None) -> Resume | None:
    if checkpoint is None or checkpoint.state is None:
        return None
    return Resume(checkpoint.state, restorable(plan.scenario))


def _record(plan: Plan) -> dict[str, Any]:
    scenario, dataset = plan.scenario, plan.sources.dataset
    return {
        "scenario_id": scenario.spec.id,
        "scenario": scenario.spec.model_dump(mode="json"),
        "scenario_hash": scenario.hash,
        "scenario_file": str(scenario.path.resolve()) if scenario.path else None,
        "folder": str(scenario.folder.resolve()),
        "task_version": scenario.task.version,
        "metric": {
            "name": scenario.metric.name,
            "unit": scenario.metric.unit,
            "better": scenario.metric.better,
        },
        "config": scenario.config.model_dump(mode="json"),
        "reward": scenario.reward.weights,
        "algorithm": plan.asked,
        "trained_by": plan.algorithm.name,
        "algorithm_version": plan.algorithm.version,
        "hyperparameters": plan.config.model_dump(mode="json"),
        "seed": plan.seed,
        "steps": plan.steps,
        "num_envs": plan.num_envs,
        "init_from": str(plan.initial) if plan.initial else None,
        "data": {"path": plan.sources.data, "digest": dataset.digest} if dataset else None,
        "expert": plan.sources.expert_name,
        "started": _now(),
        "packages": packages(),
        "platform": platform_facts(),
        "source": source_state(),
    }


def _timings(monitor: Monitor, start: float) -> dict[str, Any]:
    best = monitor.best
    return {
        "steps_done": monitor.steps,
        "train_seconds": round(monitor.train_seconds, 3),
        "validation_seconds": round(monitor.validation_seconds, 3),
        "seconds": round(time.perf_counter() - start, 3),
        "steps_per_second": round(monitor.steps / max(monitor.train_seconds, 1e-9), 1),
        "best": {"steps": best.steps, "metric": best.value} if best else None,
        "ended": _now(),
    }


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z")


def _copy_files(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())

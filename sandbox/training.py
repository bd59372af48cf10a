"""Trains an algorithm on a scenario into a run directory."""

from __future__ import annotations

import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import SandboxError
from sandbox.api.policy import Policy
from sandbox.envs import as_problem, make_training
from sandbox.monitor import Monitor
from sandbox.plans import Plan, make_plan
from sandbox.players import Players
from sandbox.progress import Progress, Silent
from sandbox.provenance import packages, platform_facts, source_state
from sandbox.registry import resolve
from sandbox.scenarios import Problem
from sandbox.store import BEST, POLICY, Run, RunWriter
from sandbox.threads import one_thread


def train(
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
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Run:
    """Train an algorithm on a scenario.

    Args:
        scenario: Name, file or resolved problem.
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
        progress: Hears how it goes.
        command: The command line to record.

    Returns:
        The finished run, with its final and its best-validation policy.

    Raises:
        SandboxError: For an impossible request, before anything is written.
        RunFailedError: If training fails; the run directory is kept with status ``failed``.
        KeyboardInterrupt: After an interrupt, once a checkpoint is written.
    """
    plan = make_plan(
        as_problem(scenario, changes, reward),
        algo,
        seed=seed,
        steps=steps,
        num_envs=num_envs,
        hp=hp,
        init_from=init_from,
    )
    with Players(plan.problem) as table:
        return train_plan(plan, Path(runs_dir), table, progress or Silent(), command)


def train_plan(
    plan: Plan, root: Path, table: Players, progress: Progress, command: Sequence[str] | None = None
) -> Run:
    """Carry out a plan; see `train`."""
    writer = RunWriter(root, _record(plan, command))
    start = time.perf_counter()
    monitor = Monitor(plan.problem, plan.steps, writer, table, progress)
    if plan.algorithm.name != plan.asked:
        progress.message(f"{plan.asked}: the task has action masks, so {plan.algorithm.name} is trained.")
    try:
        with one_thread(), _interrupts(monitor), _warnings_told(progress):
            policy = _learn(plan, monitor)
        monitor.finish(policy)
        writer.write_folder(POLICY, policy.save)
        if monitor.best is not None:
            best = monitor.best
            writer.write_folder(BEST, lambda folder: _copy_files(best.folder, folder))
        writer.update(status="done", **_timings(monitor, start))
    except KeyboardInterrupt:
        monitor.save_checkpoint()
        writer.update(status="interrupted", **_timings(monitor, start))
        raise KeyboardInterrupt(
            f"Interrupted after {monitor.steps:,} steps; the run and its last checkpoint are kept in "
            f"{writer.path}."
        ) from None
    except SandboxError as error:
        if error.exit_code == 2 and monitor.steps == 0:
            writer.discard()  # an impossible request that only the algorithm could find out
        else:
            _record_failure(writer, monitor, start, error, progress)
        raise
    except BaseException as error:
        _record_failure(writer, monitor, start, error, progress)
        raise
    finally:
        monitor.close()
        writer.close()
    return Run.open(writer.path)


def _record_failure(
    writer: RunWriter, monitor: Monitor, start: float, error: BaseException, progress: Progress
) -> None:
    """Note in the run's record why it failed."""
    message = error.message if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
    try:
        writer.update(status="failed", error=message, **_timings(monitor, start))
    except SandboxError as second:
        # The record itself may be what cannot be written (a full disk); the first error is the cause.
        progress.message(f"The run's status could not be recorded: {second.message}")


def _learn(plan: Plan, monitor: Monitor) -> Policy:
    """Run the algorithm; whatever environments it made are closed afterwards."""
    from sandbox.api.algorithm import StopTraining

    made: list[Any] = []

    def make_envs(num_envs: int) -> Any:
        envs = monitor.watch(make_training(plan.problem, num_envs, plan.seed))
        made.append(envs)
        return envs

    context = TrainContext(
        make_envs=make_envs,
        observation_space=plan.observation_space,
        action_space=plan.action_space,
        config=plan.config,
        steps=plan.steps,
        seed=plan.seed,
        num_envs=plan.num_envs,
        update=monitor.update,
        masks=plan.masks,
        initial=plan.initial,
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


@contextmanager
def _warnings_told(progress: Progress) -> Iterator[None]:
    """Warnings raised by training code reach the user as messages, once each."""
    told: set[str] = set()

    def tell(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        text = f"{category.__name__}: {message}"
        if text not in told:
            told.add(text)
            progress.message(text if category is not UserWarning else str(message))

    with warnings.catch_warnings():
        warnings.showwarning = tell
        yield


@contextmanager
def _interrupts(monitor: Monitor) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM ends training at the next safe point, a second one at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if monitor.interrupted:
            raise KeyboardInterrupt
        monitor.interrupted = True

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _record(plan: Plan, command: Sequence[str] | None) -> dict[str, Any]:
    problem = plan.problem
    return {
        "scenario_id": problem.scenario.id,
        "scenario": problem.scenario.model_dump(mode="json"),
        "scenario_hash": problem.hash,
        "scenario_file": str(problem.path.resolve()) if problem.path else None,
        "folder": str(problem.folder.resolve()),
        "task_version": problem.task.version,
        "metric": {
            "name": problem.metric.name,
            "unit": problem.metric.unit,
            "better": problem.metric.better,
        },
        "config": problem.config.model_dump(mode="json"),
        "reward": problem.reward.weights,
        "algorithm": plan.asked,
        "trained_by": plan.algorithm.name,
        "hyperparameters": plan.config.model_dump(mode="json"),
        "seed": plan.seed,
        "steps": plan.steps,
        "num_envs": plan.num_envs,
        "init_from": str(plan.initial) if plan.initial else None,
        "command": list(command) if command is not None else None,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
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
        "ended": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


def _copy_files(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())

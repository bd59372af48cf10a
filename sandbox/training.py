"""Trains an algorithm on a scenario into a run directory."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from sandbox.api.algorithm import Algorithm, TrainContext
from sandbox.api.errors import InvalidValueError, MisfitError, SandboxError, UnknownNameError
from sandbox.api.policy import Policy
from sandbox.envs import EnvFactory, as_problem, make_training, native
from sandbox.monitor import Monitor
from sandbox.overrides import merged, parse_assignments
from sandbox.players import Players
from sandbox.progress import Progress, Silent
from sandbox.provenance import packages, platform_facts, source_state
from sandbox.registry import registry, require, resolve
from sandbox.scenarios import Problem, validate
from sandbox.store import BEST, POLICY, Run, RunWriter
from sandbox.threads import one_thread

DEFAULT_NUM_ENVS_CHEAP = 8
DEFAULT_NUM_ENVS_NATIVE = 64
MAX_SEED = 2**31 - 1


@dataclass(frozen=True)
class Plan:
    """A training run with everything decided and checked, before anything starts.

    Attributes:
        problem: What to train on.
        asked: The algorithm's name as it was asked for; the run's name.
        algorithm: What trains; differs from ``asked`` where masks call for a variant.
        config: Validated hyperparameters.
        seed: The run's seed.
        steps: Environment steps.
        num_envs: Environment copies.
        observation_space: Space of one row.
        action_space: Space of one row.
        masks: Whether action masks are given.
        initial: Folder of the policy to start from.
    """

    problem: Problem
    asked: str
    algorithm: Algorithm
    config: Any
    seed: int
    steps: int
    num_envs: int
    observation_space: Any
    action_space: Any
    masks: bool
    initial: Path | None


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


def make_plan(
    problem: Problem,
    algo: str,
    *,
    seed: int = 0,
    steps: int | None = None,
    num_envs: int | None = None,
    hp: Sequence[str] | Mapping[str, Any] = (),
    init_from: str | Path | None = None,
) -> Plan:
    """Decide and check everything about a training run.

    Raises:
        SandboxError: If algorithm and task do not fit, a value is out of range, a package is missing.
    """
    asked = registry().algorithm(algo)
    require(asked)
    observation_space, action_space, masks = spaces_of(problem)
    algorithm = _variant(asked, masks)
    _check_fit(problem, algorithm, observation_space, action_space)
    preset = problem.scenario.presets.get(algo)
    tuned = preset.hyperparameters if preset else {}
    given = hp if isinstance(hp, Mapping) else parse_assignments(list(hp), "--hp")
    config_model = resolve(algorithm.config)
    for name in given:
        if name.partition(".")[0] not in config_model.model_fields:
            raise UnknownNameError(f"hyperparameter of {algorithm.name}", name, config_model.model_fields)
    config = validate(config_model, merged(tuned, given), f"the hyperparameters of {algorithm.name}")
    steps = _positive("steps", steps or (preset.steps if preset else None) or problem.scenario.steps, steps)
    if not 0 <= seed <= MAX_SEED:
        raise InvalidValueError(f"The seed must be between 0 and {MAX_SEED}, not {seed}.")
    copies = num_envs or (preset.num_envs if preset else None) or _default_copies(problem, algorithm)
    copies = _positive("num_envs", copies, num_envs)
    if copies > 1 and not algorithm.capabilities.vectorised:
        if num_envs:
            raise MisfitError(f"{algorithm.name} uses one environment, not {num_envs}.", "Use --num-envs 1.")
        copies = 1
    initial = _initial(init_from)
    return Plan(
        problem,
        asked.name,
        algorithm,
        config,
        seed,
        steps,
        copies,
        observation_space,
        action_space,
        masks,
        initial,
    )


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


def spaces_of(problem: Problem) -> tuple[Any, Any, bool]:
    """Observation and action space of one row, and whether action masks are given."""
    if problem.task.make_vec is not None:
        envs = native(problem, 1, evaluation=False)
        try:
            return envs.single_observation_space, envs.single_action_space, problem.task.masks
        finally:
            envs.close()
    env = EnvFactory(problem)()
    try:
        if problem.task.agents == "parallel":
            joint: Any = env
            masks = problem.task.masks or joint.padded_actions
            return joint.row_observation_space, joint.row_action_space, masks
        return env.observation_space, env.action_space, problem.task.masks
    finally:
        env.close()


def fitting(problem: Problem, observation_space: Any, action_space: Any) -> list[str]:
    """Names of the online algorithms that fit a task and are installed or could be."""
    return [
        algorithm.name
        for algorithm in registry().algorithms.working()
        if not _misfits(problem, algorithm, observation_space, action_space)
    ]


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


def _variant(asked: Algorithm, masks: bool) -> Algorithm:
    if masks and asked.masked_by and not asked.capabilities.masks:
        variant = registry().algorithm(asked.masked_by)
        require(variant)
        return variant
    return asked


def _check_fit(problem: Problem, algorithm: Algorithm, observation_space: Any, action_space: Any) -> None:
    """Refuse an algorithm that cannot work on the task, naming those that can."""
    misfits = _misfits(problem, algorithm, observation_space, action_space)
    if misfits:
        names = ", ".join(fitting(problem, observation_space, action_space))
        raise MisfitError(
            f"{algorithm.name} does not fit {problem.scenario.id}: {' and '.join(misfits)}.",
            f"These fit: {names}." if names else "",
        )


def _misfits(problem: Problem, algorithm: Algorithm, observation_space: Any, action_space: Any) -> list[str]:
    can = algorithm.capabilities
    found = []
    for what, space, known in (
        ("action", action_space, can.action_spaces),
        ("observation", observation_space, can.observation_spaces),
    ):
        kind = type(space).__name__
        if kind not in known:
            found.append(f"the task has {what} space {kind}, it takes {', '.join(sorted(known))}")
    if problem.task.agents not in can.agents:
        found.append(f"the task has {problem.task.agents} agents, which it does not support")
    if can.data == "offline":
        found.append("it learns from a dataset, not from interaction")
    return found


def _default_copies(problem: Problem, algorithm: Algorithm) -> int:
    if not algorithm.capabilities.vectorised:
        return 1
    if problem.task.make_vec is not None:
        return DEFAULT_NUM_ENVS_NATIVE
    return DEFAULT_NUM_ENVS_CHEAP if problem.task.cheap else max(1, os.cpu_count() or 1)


def _positive(name: str, value: int, given: int | None) -> int:
    if (given is not None and given < 1) or value < 1:
        raise InvalidValueError(f"{name} must be at least 1, not {value if given is None else given}.")
    return value


def _initial(init_from: str | Path | None) -> Path | None:
    if init_from is None:
        return None
    path, at, which = str(init_from).rpartition("@")
    if not at or which not in ("best", "final"):
        path, which = str(init_from), "final"
    return Run.open(path).policy_folder(which).resolve()


def _record(plan: Plan, command: Sequence[str] | None) -> dict[str, Any]:
    problem = plan.problem
    return {
        "scenario_id": problem.scenario.id,
        "scenario": problem.scenario.model_dump(mode="json"),
        "scenario_hash": problem.hash,
        "scenario_file": str(problem.path.resolve()) if problem.path else None,
        "folder": str(problem.folder.resolve()),
        "task_version": problem.task.version,
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

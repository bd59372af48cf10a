"""Trains an algorithm on a scenario into a run directory."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandbox.api.algorithm import RemoteEnvs, Resume, StopTraining, TrainContext
from sandbox.api.errors import SandboxError
from sandbox.api.policy import Policy
from sandbox.api.processes import one_thread
from sandbox.api.stop_signals import StopSignals, stop_signals_interrupt
from sandbox.api.types import VectorEnvironment
from sandbox.envs.make import make_training
from sandbox.envs.models import models_of
from sandbox.envs.on_ray import make_on_ray
from sandbox.envs.remote import TrainingEnvs
from sandbox.envs.vector import restorable
from sandbox.evaluation.progress import Progress, Silent
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.records.run import BestRecord, ResumeRecord
from sandbox.records.status import RunStatus
from sandbox.registry.resolve import resolve
from sandbox.runs.directory import BEST, POLICY, Run
from sandbox.runs.policies import KEPT
from sandbox.runs.provenance import local_time
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.given import as_scenario
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.fit import agents_of
from sandbox.training.monitor import Monitor
from sandbox.training.needs import refuse_environments
from sandbox.training.plan import CHECKPOINT_EVERY, Plan, make_plan, record_of
from sandbox.training.resume import RestorePoint, is_exact, newest_restore_point
from sandbox.training.tracking import check_trackers
from sandbox.training.warning_messages import warnings_as_messages

SAFE_POINT_WAIT = 15.0
"""Seconds after a SIGTERM when training stops although it has reached no safe point."""


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
    keep: int = KEPT,
    track: Sequence[str] = (),
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Run:
    """Train an algorithm on a scenario.

    Args:
        scenario: Name, file or resolved scenario.
        algo: Name of the algorithm.
        seed: Seeds the algorithm and, through it, the training episodes; 0 to 2³¹ − 1.
        steps: Environment steps over all environments (and, in multi-agent tasks, all agents); the
            preset's, then the scenario's number if absent.
        num_envs: Number of environments.
        changes: ``key=value`` pairs, as ``--set`` takes them.
        reward: Preset and ``term=weight`` pairs.
        hp: Hyperparameters that differ from the preset, as ``name=value`` pairs or a mapping.
        runs_dir: Where run directories are made.
        init_from: Run directory (``DIR`` or ``DIR@best``) whose policy to start from.
        data: Dataset to learn from: a folder that Minari wrote, or an ``.npz`` file.
        expert: Baseline or run directory that says what to do in the states that the learner visits.
        checkpoint_every: Seconds between checkpoints, from which `sandbox.resume` goes on; 0 writes one
            at every safe point.
        keep: Policies of validations that the finished run keeps, at most, spread over training: ``RUN@STEP``
            plays them. Together they take at most 100 MB.
        track: Trackers that get the scalars besides TensorBoard: ``mlflow``, ``wandb``.
        progress: Receives the progress of training.
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
        checkpoint_every=checkpoint_every,
        keep=keep,
        track=track,
        command=command,
    )
    with EpisodeRunner(plan.scenario) as runner:
        return train_plan(plan, Path(runs_dir), runner, progress or Silent())


def train_plan(plan: Plan, root: Path, runner: EpisodeRunner, progress: Progress) -> Run:
    """Carry out a plan in a new run directory; see `train`.

    Args:
        plan: What to do.
        root: Where run directories are made.
        runner: Plays validation episodes.
        progress: Receives the progress of training.
    """
    writer = RunWriter.create(root, record_of(plan))
    return _Training(plan, writer, runner, progress, None).run()


def resume_plan(plan: Plan, writer: RunWriter, runner: EpisodeRunner, progress: Progress) -> Run:
    """Carry out the rest of a plan in a run directory that was opened again.

    Goes on from the newest checkpoint that is whole and has training state, and otherwise from the
    beginning. What the run wrote after that point is taken back first.

    Args:
        plan: What the run's record asks for; see `sandbox.training.plan.plan_from_run`.
        writer: Made by `RunWriter.reopen`; closed when this returns.
        runner: Plays validation episodes.
        progress: Receives the progress of training, which checkpoints are no use, and what is not exact.
    """
    try:
        point = newest_restore_point(writer, progress.message)
        exact = point is None or is_exact(plan, writer, progress.message)
        writer.rewind(point.checkpoint if point else None, point.state.progress if point else None)
        steps = point.checkpoint.steps if point else 0
        entry = ResumeRecord(steps=steps, time=local_time(), exact=exact)
        writer.update(resumed=(*writer.record.resumed, entry))
    except BaseException:
        writer.close()
        raise
    progress.message(f"Goes on from step {steps:,}." if point else "Starts again from the beginning.")
    return _Training(plan, writer, runner, progress, point).run()


class _Training:
    """Trains from a checkpoint or from the beginning, and brings the run directory to its end."""

    def __init__(
        self,
        plan: Plan,
        writer: RunWriter,
        runner: EpisodeRunner,
        progress: Progress,
        point: RestorePoint | None,
    ) -> None:
        self._plan, self._writer, self._runner = plan, writer, runner
        self._progress, self._point = progress, point
        self._start = time.perf_counter()
        self._stop = StopSignals(limit=SAFE_POINT_WAIT)
        self._monitor: Monitor | None = None

    def run(self) -> Run:
        """Train; whatever happens, the record says how it ended and the files are closed."""
        path = self._writer.path
        with self._stop:
            try:
                self._monitor = monitor = Monitor(
                    self._plan, self._writer, self._runner, self._progress, self._stop, self._point
                )
                self._train(monitor)
            except KeyboardInterrupt:
                raise self._interrupted() from None
            except SandboxError as error:
                self._failed(error)
                raise
            except BaseException as error:
                self._record_failure(error)
                raise
            finally:
                self._progress.finish("validate")  # a live line of what was stopped must not stay
                self._progress.finish("train")
                if self._monitor is not None:
                    self._monitor.close()
                self._writer.close()
        if self._stop.requested:
            raise KeyboardInterrupt(f"Interrupted when training was done; the run is kept in {path}.")
        return Run.open(path)

    def _train(self, monitor: Monitor) -> None:
        plan, writer = self._plan, self._writer
        self._tell_budget()
        if plan.algorithm.name != plan.asked:
            self._progress.message(
                f"{plan.asked}: the task has action masks, so {plan.algorithm.name} is trained."
            )
        with one_thread(), warnings_as_messages(self._progress.message):
            policy = _learn(plan, monitor, self._point)
        with stop_signals_interrupt():
            monitor.finish(policy)
        writer.write_folder(POLICY, policy.save)
        best = monitor.validation.best
        if best is not None:
            writer.write_folder(BEST, lambda folder: _copy_files(best.folder, folder))
        self._end("done")
        writer.drop_checkpoints()

    def _tell_budget(self) -> None:
        """What has been spent before counts as well: on records, in the environment, or both."""
        before = self._writer.record.init_budget
        if before is None or not before.offline_updates:
            return
        own = f"{self._plan.steps:,} {'updates' if self._offline else 'environment steps'}"
        self._progress.message(
            f"Starts from a policy of {before.offline_updates:,} offline updates and "
            f"{before.environment_steps:,} environment steps; {own} are added. Both count."
        )

    @property
    def _offline(self) -> bool:
        return self._plan.algorithm.capabilities.data == "offline"

    def _end(self, status: RunStatus, error: str | None = None) -> None:
        entries = {"error": error} if error is not None else {}
        if self._monitor is not None:
            self._monitor.close()
            self._writer.end(status=status, **entries, **_timings(self._monitor, self._start))
        else:
            self._writer.update(status=status, **entries)

    def _interrupted(self) -> KeyboardInterrupt:
        """Keep what there is; the exception that says how to go on."""
        steps = 0
        if self._monitor is not None:
            steps = self._monitor.steps
            with self._stop.shielded():
                self._monitor.save_policy()
                self._end("interrupted")
        return KeyboardInterrupt(
            f"Interrupted after {steps:,} steps. Go on with: sandbox resume {self._writer.path}"
        )

    def _failed(self, error: SandboxError) -> None:
        steps = self._monitor.steps if self._monitor is not None else 0
        if error.exit_code == 2 and steps == 0 and not self._writer.record.resumed:
            self._writer.discard()  # an impossible request that only the algorithm could find out
            return
        self._record_failure(error)
        error.hint = f"{error.hint} Go on with: sandbox resume {self._writer.path}".strip()

    def _record_failure(self, error: BaseException) -> None:
        """Note in the run's record why it failed."""
        message = error.message if isinstance(error, SandboxError) else f"{type(error).__name__}: {error}"
        try:
            self._end("failed", error=message)
        except (SandboxError, OSError) as second:
            # The record itself may be what cannot be written (a full disk); the first error is the cause.
            self._progress.message(f"The run's status could not be recorded: {second}")


def _learn(plan: Plan, monitor: Monitor, point: RestorePoint | None) -> Policy:
    """Run the algorithm; whatever environments it made are closed afterwards."""
    made: list[VectorEnvironment] = []

    def make_envs(num_envs: int) -> VectorEnvironment:
        return recorded(make_training(plan.scenario, num_envs, plan.seed, plan.sources.expert))

    def on_ray(num_envs: int) -> VectorEnvironment:
        return recorded(make_on_ray(plan.scenario, num_envs, plan.seed))

    def recorded(envs: VectorEnvironment) -> VectorEnvironment:
        made.append(monitor.record(envs))
        return made[-1]

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
        agents=agents_of(plan.scenario, plan.algorithm),
        initial=plan.initial,
        dataset=plan.sources.dataset,
        expert=plan.sources.expert.agent.name if plan.sources.expert else None,
        models=models_of(plan.scenario),
        resume=_resume(plan, point),
        remote_envs=RemoteEnvs(
            TrainingEnvs.of(plan.scenario, plan.seed), monitor.curves.episodes.add, on_ray
        ),
    )
    monitor.start()
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


def _resume(plan: Plan, point: RestorePoint | None) -> Resume | None:
    if point is None or point.checkpoint.state is None:
        return None
    return Resume(point.checkpoint.state, restorable(plan.scenario))


def _timings(monitor: Monitor, start: float) -> dict[str, object]:
    best, clock = monitor.validation.best, monitor.clock
    return {
        "steps_done": monitor.steps,
        "train_seconds": round(clock.train_seconds, 3),
        "validation_seconds": round(clock.validation_seconds, 3),
        "seconds": round(time.perf_counter() - start, 3),
        "steps_per_second": round(monitor.steps / max(clock.train_seconds, 1e-9), 1),
        "best": BestRecord(steps=best.steps, metric=best.value) if best else None,
        "ended": local_time(),
    }


def _copy_files(source: Path, target: Path) -> None:
    for file in source.iterdir():
        if file.is_file():
            (target / file.name).write_bytes(file.read_bytes())

"""What happens when an algorithm reports its progress: curves, validation, checkpoints, stopping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NoReturn

from sandbox.api.algorithm import WriteState
from sandbox.api.errors import RunFailedError
from sandbox.api.policy import Policy
from sandbox.api.state import write_state
from sandbox.api.stop_signals import StopSignals
from sandbox.api.types import VectorEnvironment
from sandbox.envs.recorder import EpisodeLog
from sandbox.envs.training_state import capture, restore
from sandbox.evaluation.progress import Progress
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.records.checkpoint import BestSoFar, TrainingState
from sandbox.runs.checkpoints import STATE, TRAINING
from sandbox.runs.writer import RunWriter
from sandbox.training.best import Validated, Validation, share_files
from sandbox.training.clock import TrainingClock
from sandbox.training.curves import Curves
from sandbox.training.plan import Plan
from sandbox.training.resume import RestorePoint
from sandbox.training.schedule import CheckpointSchedule

MAX_TOLD_ROUNDS = 40
"""Rounds of an exact solver that are shown one by one; policy iteration takes ten or so."""

MAX_RECORDED_ROUNDS = 10_000
"""Rounds of an exact solver that are recorded one by one; later ones once a second."""


class Monitor:
    """Joins curves, validation and checkpoints behind `TrainContext.update`.

    Args:
        plan: What is trained.
        writer: The run directory.
        runner: Plays validation episodes.
        progress: Receives the progress of training.
        stop: Requests to stop.
        point: The checkpoint that training goes on from.
    """

    def __init__(
        self,
        plan: Plan,
        writer: RunWriter,
        runner: EpisodeRunner,
        progress: Progress,
        stop: StopSignals,
        point: RestorePoint | None = None,
    ) -> None:
        past = point.state if point else None
        self.steps = past.steps if past else 0
        self.clock = TrainingClock(past.train_seconds, past.validation_seconds) if past else TrainingClock()
        self.curves = Curves(writer, self.clock, past, progress.message)
        self.validation = Validation(plan.scenario, plan.steps, writer, runner, progress)
        if point is not None:
            self.validation.restore(point.state, point.checkpoint.path / "best")
        self._plan, self._writer, self._progress, self._stop = plan, writer, progress, stop
        self._schedule = CheckpointSchedule(plan.checkpoint_every)
        self._past = past
        self._recorded: list[EpisodeLog] = []
        self._policy: Callable[[], Policy] | None = None
        self._saved_at = None if past is None else self.steps
        self._moments = self.steps * (plan.keep + 1) // plan.steps
        self._has_safe_points = self._announced = False

    def start(self) -> None:
        """Training begins, or goes on, now."""
        self.clock.start()
        self.curves.start()
        self._schedule.start()
        plan = self._plan
        title = f"{plan.asked} on {plan.scenario.spec.id}, seed {plan.seed}, in {self._writer.path}"
        self._progress.start("train", title, plan.steps, "steps", self.steps)

    def record(self, envs: VectorEnvironment) -> VectorEnvironment:
        """``envs`` with its finished episodes recorded; restored, if training goes on."""
        log = self.curves.episodes.record(envs)
        index = len(self._recorded)
        self._recorded.append(log)
        if self._past is not None and index < len(self._past.environments):
            restore(envs, self._past.environments[index], self._progress.message)
            log.restore(self._past.sums[index])
        return log

    def update(
        self,
        steps: int,
        policy: Callable[[], Policy],
        values: Mapping[str, float] | None = None,
        state: WriteState | None = None,
    ) -> None:
        """See `sandbox.api.TrainContext.update`."""
        self.steps, self._policy = steps, policy
        self.curves.add(steps, values or {})
        if self._plan.algorithm.capabilities.rounds:
            self._log_round(steps, values or {})
        elif self.curves.due:
            self._log()
        self._has_safe_points |= state is not None
        if state is None and self._has_safe_points:
            self._announce_stop()
        elif self._stop.requested:
            self._stop_here(state)
        elif self.validation.is_due(steps):
            self._validate_or_stop(state)
            self._checkpoint(state)
        elif not self.validation.wanted and self._moment_is_due(steps):
            self._keep(policy().save)
        elif state is not None and self._schedule.due and steps < self._plan.steps:
            self._checkpoint(state)

    def last_policy(self) -> Policy:
        """The policy of the last update.

        Raises:
            RunFailedError: If there was none.
        """
        if self._policy is None:
            raise RunFailedError("Training stopped before the first update.")
        return self._policy()

    def finish(self, policy: Policy) -> None:
        """Training has ended with this policy; it takes part in the choice of the best one."""
        self.clock.stop()
        self._policy = lambda: policy
        if self.validation.wanted:
            self._validate()
        self._log()
        self._progress.finish("train")

    def save_policy(self) -> None:
        """Keep the current policy of an algorithm without safe points; others have their checkpoints."""
        if not self._has_safe_points:
            self._checkpoint(None)

    def close(self) -> None:
        """Flush and close the curves; the best policy's folder is no longer there."""
        self.clock.stop()
        self.curves.close()
        self.validation.close()

    def _log(self) -> None:
        figures = self.curves.figures(self.steps)
        self._progress.advance("train", self.steps, figures)
        self.curves.log(self.steps, figures)

    def _log_round(self, steps: int, values: Mapping[str, float]) -> None:
        """A record of every round of an exact solver; the first ones are also shown."""
        if values and steps <= MAX_TOLD_ROUNDS:
            figures = ", ".join(f"{name.replace('_', ' ')} {value:.6g}" for name, value in values.items())
            self._progress.message(f"Round {steps}: {figures}")
        if steps <= MAX_RECORDED_ROUNDS or self.curves.due:
            self._log()

    def _announce_stop(self) -> None:
        if self._stop.requested and not self._announced:
            self._announced = True
            self._progress.message(
                "Interrupted: a checkpoint is written at the end of the rollout. "
                "Interrupt again to stop at once."
            )

    def _validate(self) -> None:
        with self.clock.validating():
            self._accept(self.validation.play(self.last_policy, self.steps))

    def _validate_or_stop(self, state: WriteState | None) -> None:
        """Validate; a request to stop ends it at once, and it is repeated when training goes on."""
        with self.clock.validating():
            try:
                with self._stop.immediately():
                    validated = self.validation.play(self.last_policy, self.steps)
            except KeyboardInterrupt:
                self._stop_here(state)
            self._accept(validated)

    def _accept(self, validated: Validated) -> None:
        if self.steps < self._plan.steps:
            self._keep(lambda folder: share_files(validated.policy.folder, folder))
        self.validation.accept(validated)
        self.curves.write(self.steps, validated.record)

    def _moment_is_due(self, steps: int) -> bool:
        """Whether a policy is to be kept of a training without validations."""
        due = steps * (self._plan.keep + 1) // self._plan.steps
        newly, self._moments = due > self._moments and steps < self._plan.steps, due
        return newly

    def _keep(self, write: Callable[[Path], None]) -> None:
        if self._plan.keep:
            with self._stop.shielded():
                self._writer.keep_policy(self.steps, write, self._plan.keep)

    def _stop_here(self, state: WriteState | None) -> NoReturn:
        self._checkpoint(state)
        raise KeyboardInterrupt

    def _checkpoint(self, state: WriteState | None) -> None:
        """Write a checkpoint of this moment, unless it is there already."""
        if self._policy is None or self._saved_at == self.steps:
            return
        policy, best = self._policy(), self.validation.best

        def write(folder: Path, before: Path | None) -> None:
            policy.save(folder)
            if best is not None:
                share_files(best.folder, folder / "best")
            if state is None:
                return
            (folder / STATE).mkdir()
            older = before / STATE if before is not None else None
            state(folder / STATE, older if older is not None and older.is_dir() else None)
            write_state(folder, TRAINING, self._state().model_dump())

        with self._stop.shielded(), self._schedule.writing():
            self._writer.checkpoint(self.steps, write)
        self._saved_at = self.steps

    def _state(self) -> TrainingState:
        episodes, best = self.curves.episodes, self.validation.best
        return TrainingState(
            steps=self.steps,
            train_seconds=self.clock.train_seconds,
            validation_seconds=self.clock.validation_seconds,
            validated=self.validation.done,
            logged=self.curves.logged_steps,
            values=self.curves.diagnostics,
            returns=tuple(episodes.returns),
            metrics=tuple(episodes.metrics),
            terms=tuple(episodes.terms),
            best=BestSoFar(steps=best.steps, value=best.value) if best else None,
            progress=self._writer.progress_mark(),
            environments=tuple(capture(log.env) for log in self._recorded),
            sums=tuple(log.sums() for log in self._recorded),
        )

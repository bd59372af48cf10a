"""Watches training: logs, validates, keeps the best policy, writes checkpoints, ends on request."""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from sandbox.api.algorithm import WriteState
from sandbox.api.errors import RunFailedError
from sandbox.api.policy import Policy
from sandbox.api.state import write_state
from sandbox.envs.recorder import EpisodeLog
from sandbox.envs.remote import Ended
from sandbox.envs.training_state import capture, restore
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.progress import Progress
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import validation_seeds
from sandbox.runs.atomic import link_or_copy, storage_errors
from sandbox.runs.checkpoints import TRAINING
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.plan import CHECKPOINT_EVERY
from sandbox.training.tracking import open_boards

LOG_EVERY = 1.0
"""Seconds between two records; the last state is always recorded."""

RECENT_EPISODES = 20

CHECKPOINT_SHARE = 0.02
"""Checkpoints that take long come less often, so that they take at most this share of the time."""


@dataclass(frozen=True)
class Best:
    """The best policy so far on the validation seeds."""

    folder: Path
    steps: int
    value: float


class Monitor:
    """What stands behind `TrainContext.update`.

    Args:
        scenario: What is trained on.
        total: Steps to train for.
        writer: The run directory.
        runner: Plays validation episodes.
        progress: Hears how it goes.
        every: Seconds between two checkpoints; at every safe point at 0.
        past: The state that training goes on from: what `TRAINING` holds of a checkpoint.
        best: Folder of the best policy in that checkpoint.
    """

    def __init__(
        self,
        scenario: ResolvedScenario,
        total: int,
        writer: RunWriter,
        runner: EpisodeRunner,
        progress: Progress,
        every: float = CHECKPOINT_EVERY,
        past: Mapping[str, Any] | None = None,
        best: Path | None = None,
    ) -> None:
        self.steps = 0
        self.best: Best | None = None
        self.interrupted = False
        self.validation_seconds = 0.0
        self._scenario, self._total = scenario, total
        self._writer, self._runner, self._progress = writer, runner, progress
        self._returns: deque[float] = deque(maxlen=RECENT_EPISODES)
        self._metrics: deque[dict[str, float]] = deque(maxlen=RECENT_EPISODES)
        self._terms: deque[dict[str, float]] = deque(maxlen=RECENT_EPISODES)
        self._policy: Callable[[], Policy] | None = None
        self._begun = self._logged = self._checkpointed = time.perf_counter()
        self._every = every
        self._trained_before = 0.0
        self._ended: float | None = None
        self._validated = 0
        self._saved_at: int | None = None
        self._logged_steps: int | None = None
        self._values: dict[str, float] = {}
        self._watched: list[EpisodeLog] = []
        self._has_safe_points = self._asked_to_wait = False
        self._past = past
        if past is not None:
            self._go_on(past, best)
        self._board = open_boards(
            writer.path, writer.record, self.steps + 1 if past else None, progress.message
        )

    def _go_on(self, past: Mapping[str, Any], best: Path | None) -> None:
        """Become the monitor that wrote a checkpoint."""
        self.steps = self._saved_at = past["steps"]
        self.validation_seconds = past["validation_seconds"]
        self._trained_before = past["train_seconds"]
        self._validated = past["validated"]
        self._logged_steps = past["logged"]
        self._values = dict(past["values"])
        self._returns.extend(past["returns"])
        self._metrics.extend(past["metrics"])
        self._terms.extend(past["terms"])
        if past["best"] is not None and best is not None:
            folder = self._writer.scratch(f"best-{past['best']['steps']}")
            with storage_errors(self._writer.path):
                _share(best, folder)
            self.best = Best(folder, past["best"]["steps"], past["best"]["value"])

    @property
    def train_seconds(self) -> float:
        """Wall time of training without validation."""
        return (self._ended or time.perf_counter()) - self._begun - self.validation_seconds

    def begin(self) -> None:
        """Training starts, or goes on, now."""
        self._logged = self._checkpointed = time.perf_counter()
        self._begun = self._logged - self._trained_before - self.validation_seconds
        self._progress.start("train", self._scenario.spec.id, self._total, "steps", self.steps)

    def watch(self, envs: VectorEnv[Any, Any, Any]) -> VectorEnv[Any, Any, Any]:
        """``envs`` with its finished episodes recorded here; as they were, if training goes on."""
        log = EpisodeLog(envs, self._returns.append, self._metrics.append, self._terms.append)
        number = len(self._watched)
        self._watched.append(log)
        if self._past is not None and number < len(self._past["environments"]):
            restore(envs, self._past["environments"][number], self._progress.message)
            log.restore(self._past["sums"][number])
        return log

    def hear(self, ended: Sequence[Ended]) -> None:
        """Take in episodes that ended in other processes."""
        for one in ended:
            if one["return"] is not None:
                self._returns.append(one["return"])
            if one["metrics"]:
                self._metrics.append(dict(one["metrics"]))
            if one["terms"]:
                self._terms.append(dict(one["terms"]))

    def update(
        self,
        steps: int,
        policy: Callable[[], Policy],
        values: Mapping[str, float] | None = None,
        state: WriteState | None = None,
    ) -> None:
        """See `sandbox.api.TrainContext.update`."""
        self.steps, self._policy = steps, policy
        if values:
            self._values.update(values)
            self._refuse_divergence(values)
        now = time.perf_counter()
        if now - self._logged >= LOG_EVERY:
            self._log(now)
        self._has_safe_points |= state is not None
        if state is None and self._has_safe_points:
            self._ask_to_wait()
            return
        due = self._validations_due(steps)
        if self.interrupted:
            self._checkpoint(state)
            raise KeyboardInterrupt
        if due > self._validated and steps < self._total:
            self._validate()
            self._validated = due
            self._checkpoint(state)
        elif state is not None and now - self._checkpointed >= self._every and steps < self._total:
            self._checkpoint(state)

    def _ask_to_wait(self) -> None:
        if self.interrupted and not self._asked_to_wait:
            self._asked_to_wait = True
            self._progress.message(
                "Interrupted: a checkpoint is written when the rollout is through. "
                "Interrupt again to stop at once."
            )

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
        self._ended_now()
        self._policy = lambda: policy
        if self._scenario.spec.evaluation.validations:
            self._validate()
        self._log(time.perf_counter())
        self._progress.finish("train")

    def save_policy(self) -> None:
        """Keep the current policy of an algorithm that has no safe points; others keep their last one."""
        if not self._has_safe_points:
            self._checkpoint(None)

    def _checkpoint(self, state: WriteState | None) -> None:
        """Write a checkpoint of this moment, unless it is there already."""
        if self._policy is None or self._saved_at == self.steps:
            return
        start = time.perf_counter()
        policy = self._policy()

        def write(folder: Path, before: Path | None) -> None:
            policy.save(folder)
            if self.best is not None:
                _share(self.best.folder, folder / "best")
            if state is None:
                return
            (folder / "state").mkdir()
            older = before / "state" if before is not None else None
            state(folder / "state", older if older is not None and older.is_dir() else None)
            write_state(folder, TRAINING, self._state())

        self._writer.checkpoint(self.steps, write)
        self._saved_at = self.steps
        now = time.perf_counter()
        # The next one is due after `every` seconds, later if this one took long.
        pause = max(0.0, (now - start) / CHECKPOINT_SHARE - self._every) if self._every else 0.0
        self._checkpointed = now + pause

    def _state(self) -> dict[str, Any]:
        best = self.best
        return {
            "steps": self.steps,
            "train_seconds": self.train_seconds,
            "validation_seconds": self.validation_seconds,
            "validated": self._validated,
            "logged": self._logged_steps,
            "values": {name: float(value) for name, value in self._values.items()},
            "returns": [float(value) for value in self._returns],
            "metrics": [{name: float(x) for name, x in one.items()} for one in self._metrics],
            "best": {"steps": best.steps, "value": best.value} if best else None,
            "progress": self._writer.progress_mark().model_dump(),
            "environments": [capture(log.env) for log in self._watched],
            "terms": [{name: float(x) for name, x in one.items()} for one in self._terms],
            "sums": [log.sums() for log in self._watched],
        }

    def close(self) -> None:
        """Flush and close the logs; the best policy's folder is no longer there."""
        self._ended_now()
        self._board.close()
        if self.best is not None:
            shutil.rmtree(self.best.folder, ignore_errors=True)

    def _ended_now(self) -> None:
        if self._ended is None:
            self._ended = time.perf_counter()

    def _validations_due(self, steps: int) -> int:
        """How many of the evenly spaced validations lie at or before ``steps``."""
        wanted = self._scenario.spec.evaluation.validations
        return steps * wanted // self._total

    def _validate(self) -> None:
        """Play the current policy on the validation seeds; the best one so far is kept."""
        start = time.perf_counter()
        seeds = validation_seeds(self._scenario)
        folder = self._writer.scratch(f"best-{self.steps}")
        with storage_errors(self._writer.path):
            self.last_policy().save(folder)
        metric = self._scenario.metric
        self._progress.start("validate", f"{len(seeds)} validation episodes", len(seeds), "episodes")
        try:
            episodes = self._runner.play([Agent("policy", folder=folder)], seeds)
        finally:
            self._progress.finish("validate")
        values = [episode.metrics.get(metric.name, float("nan")) for episode in episodes]
        value = float(np.mean(values))
        sign = 1.0 if metric.better == "lower" else -1.0
        if self.best is None or sign * value < sign * self.best.value or np.isnan(self.best.value):
            if self.best is not None and self.best.folder != folder:
                shutil.rmtree(self.best.folder, ignore_errors=True)
            self.best = Best(folder, self.steps, value)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        record = {
            f"validation/{metric.name}": value,
            "validation/return": float(np.mean([episode.ret for episode in episodes])),
        }
        terms = _means([episode.reward_terms for episode in episodes])
        record |= {f"validation/term/{name}": value for name, value in terms.items()}
        self._record(record)
        if self._ended is None:
            self.validation_seconds += time.perf_counter() - start

    def _log(self, now: float) -> None:
        self._logged = now
        record = {"steps_per_second": self.steps / max(self.train_seconds, 1e-9)}
        if self._returns:
            record["return"] = float(np.mean(self._returns))
        if self._metrics:
            record |= _means(self._metrics)
        if self._terms:
            record |= {f"term/{name}": value for name, value in _means(self._terms).items()}
        self._progress.advance("train", self.steps, record)
        if self.steps == self._logged_steps:
            return
        self._logged_steps = self.steps
        self._record(record | {_grouped(name): value for name, value in self._values.items()})

    def _record(self, values: Mapping[str, float]) -> None:
        # A metric may have the name of one of these; it must not take its place.
        here = {"steps": self.steps, "seconds": round(time.perf_counter() - self._begun, 3)}
        self._writer.append_progress({**here, **values, **here})
        self._board.add(self.steps, values)

    def _refuse_divergence(self, values: Mapping[str, float]) -> None:
        """A loss that is NaN or infinite stays so: stop at once and say it."""
        for name, value in values.items():
            if "loss" in name and not np.isfinite(value):
                raise RunFailedError(
                    f"Training diverged after {self.steps} steps: {name} became {value}.",
                    "Try a lower learning rate or normalised observations and rewards.",
                )


def _share(source: Path, target: Path) -> None:
    """A policy's folder under a second name; its files are never changed."""
    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            link_or_copy(file, target / file.name)


def _grouped(name: str) -> str:
    """An algorithm's diagnostic under ``train/``, unless it names a group itself."""
    return name if "/" in name else f"train/{name}"


def _means(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every figure that the latest record has, over those that have it."""
    names = records[-1] if records else ()
    return {name: float(np.mean([one[name] for one in records if name in one])) for name in names}

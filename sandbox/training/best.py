"""Validation during training, and the best policy so far."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sandbox.api.policy import Policy
from sandbox.evaluation.agents import Agent
from sandbox.evaluation.progress import Progress
from sandbox.evaluation.runner import EpisodeRunner
from sandbox.evaluation.seeds import validation_seeds
from sandbox.records.checkpoint import TrainingState
from sandbox.records.progress import validation_figure
from sandbox.runs.atomic import link_or_copy, storage_errors
from sandbox.runs.writer import RunWriter
from sandbox.scenarios.resolve import ResolvedScenario
from sandbox.training.curves import mean_of


@dataclass(frozen=True)
class Best:
    """The best policy so far on the validation seeds.

    Attributes:
        folder: Where it is saved while training goes on.
        steps: When it was validated.
        value: Mean of the scenario's metric.
    """

    folder: Path
    steps: int
    value: float


@dataclass(frozen=True)
class Validated:
    """A policy that was played on the validation seeds, and the record of it."""

    policy: Best
    record: Mapping[str, float]


class Validation:
    """Plays policies on the validation seeds at evenly spaced steps, and keeps the best.

    Args:
        scenario: What is played.
        total: Steps to train for.
        writer: The run directory.
        runner: Plays the episodes.
        progress: Receives the progress of validations.

    Attributes:
        best: The best policy so far.
        done: Validations that are done.
    """

    def __init__(
        self,
        scenario: ResolvedScenario,
        total: int,
        writer: RunWriter,
        runner: EpisodeRunner,
        progress: Progress,
    ) -> None:
        self.best: Best | None = None
        self._scenario, self._total = scenario, total
        self._writer, self._runner, self._progress = writer, runner, progress
        self.done = 0
        self.wanted = scenario.spec.evaluation.validations
        """Validations of a whole run."""

    def is_due(self, steps: int) -> bool:
        """Whether a validation is due after ``steps`` steps; the last one comes when training has ended."""
        return self._scheduled(steps) > self.done and steps < self._total

    def play(self, policy: Callable[[], Policy], steps: int) -> Validated:
        """Play a policy; what came of it counts once it is given to `accept`.

        Args:
            policy: Gives the policy.
            steps: Steps that it has been trained for.

        Returns:
            The policy, saved, and ``validation/metric/<name>``, ``validation/return`` and
            ``validation/term/<name>``.
        """
        seeds = validation_seeds(self._scenario)
        folder = self._writer.scratch(f"best-{steps}")
        with storage_errors(self._writer.path):
            policy().save(folder)
        self._progress.start("validate", f"{len(seeds)} validation episodes", len(seeds), "episodes")
        try:
            episodes = self._runner.play([Agent("policy", folder=folder)], seeds)
        finally:
            self._progress.finish("validate")
        metric = self._scenario.metric.name
        value = float(np.mean([episode.metrics.get(metric, float("nan")) for episode in episodes]))
        terms = mean_of([episode.reward_terms for episode in episodes])
        record = {
            validation_figure(metric): value,
            "validation/return": float(np.mean([episode.ret for episode in episodes])),
            **{f"validation/term/{name}": mean for name, mean in terms.items()},
        }
        return Validated(Best(folder, steps, value), record)

    def accept(self, validated: Validated) -> None:
        """Count a validation, and keep its policy if it is the best so far."""
        new, old = validated.policy, self.best
        self.done = max(self.done, self._scheduled(new.steps))
        sign = 1.0 if self._scenario.metric.better == "lower" else -1.0
        if old is None or sign * new.value < sign * old.value or np.isnan(old.value):
            self.best, rejected = new, old
        else:
            rejected = new
        if rejected is not None and self.best is not None and rejected.folder != self.best.folder:
            shutil.rmtree(rejected.folder, ignore_errors=True)

    def restore(self, state: TrainingState, folder: Path) -> None:
        """Go on from a checkpoint.

        Args:
            state: The run's state in it.
            folder: The best policy in it, where there is one.
        """
        self.done = state.validated
        if state.best is not None:
            kept = self._writer.scratch(f"best-{state.best.steps}")
            with storage_errors(self._writer.path):
                share_files(folder, kept)
            self.best = Best(kept, state.best.steps, state.best.value)

    def close(self) -> None:
        """Remove the best policy's folder."""
        if self.best is not None:
            shutil.rmtree(self.best.folder, ignore_errors=True)

    def _scheduled(self, steps: int) -> int:
        """How many of the evenly spaced validations lie at or before ``steps``."""
        return steps * self.wanted // self._total


def share_files(source: Path, target: Path) -> None:
    """A policy's folder under a second name; its files are never changed."""
    target.mkdir(exist_ok=True)
    for file in source.iterdir():
        if file.is_file():
            link_or_copy(file, target / file.name)

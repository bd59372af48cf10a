"""The curves of a training run: its records in ``progress.jsonl``, on TensorBoard and on trackers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sandbox.api.errors import RunFailedError
from sandbox.api.types import VectorEnvironment
from sandbox.envs.recorder import EpisodeLog
from sandbox.envs.remote import EndedEpisode
from sandbox.records.checkpoint import TrainingState
from sandbox.records.progress import metric_figure
from sandbox.runs.writer import RunWriter
from sandbox.training.clock import TrainingClock
from sandbox.training.resources import ResourceMeter
from sandbox.training.tracking import open_boards

LOG_EVERY = 1.0
"""Seconds between two records; the last state is always recorded."""

RECENT_EPISODES = 20


class RecentEpisodes:
    """Returns, metrics and reward terms of the training episodes that ended last."""

    def __init__(self) -> None:
        self.returns: deque[float] = deque(maxlen=RECENT_EPISODES)
        self.metrics: deque[Mapping[str, float]] = deque(maxlen=RECENT_EPISODES)
        self.terms: deque[Mapping[str, float]] = deque(maxlen=RECENT_EPISODES)

    def record(self, envs: VectorEnvironment) -> EpisodeLog:
        """``envs`` with its finished episodes recorded here."""
        return EpisodeLog(envs, self.returns.append, self.metrics.append, self.terms.append)

    def add(self, episodes: Sequence[EndedEpisode]) -> None:
        """Record episodes that ended in other processes."""
        for episode in episodes:
            if episode["return"] is not None:
                self.returns.append(episode["return"])
            if episode["metrics"]:
                self.metrics.append(episode["metrics"])
            if episode["terms"]:
                self.terms.append(episode["terms"])

    def means(self) -> dict[str, float]:
        """``return``, every metric as ``metric/<name>`` and every term as ``term/<name>``, averaged over the
        episodes.
        """
        means = {"return": float(np.mean(self.returns))} if self.returns else {}
        means |= {metric_figure(name): value for name, value in mean_of(self.metrics).items()}
        return means | {f"term/{name}": value for name, value in mean_of(self.terms).items()}

    def restore(self, state: TrainingState) -> None:
        """Take over the episodes of a checkpoint."""
        self.returns.extend(state.returns)
        self.metrics.extend(state.metrics)
        self.terms.extend(state.terms)


class Curves:
    """Writes a record about once a second, and one for each validation.

    Args:
        writer: The run directory.
        clock: The run's time.
        past: The run's state in the checkpoint that training goes on from.
        on_message: Called with a sentence when a tracker fails.

    Attributes:
        episodes: The training episodes that ended last.
        diagnostics: The algorithm's latest figures of its own.
        logged_steps: Steps of the last record.
    """

    def __init__(
        self,
        writer: RunWriter,
        clock: TrainingClock,
        past: TrainingState | None,
        on_message: Callable[[str], None],
    ) -> None:
        self.episodes = RecentEpisodes()
        self._writer, self._clock = writer, clock
        self.diagnostics: dict[str, float] = {}
        self.logged_steps: int | None = None
        self._logged_at = time.perf_counter()
        if past is not None:
            self.episodes.restore(past)
            self.diagnostics.update(past.values)
            self.logged_steps = past.logged
        next_step = past.steps + 1 if past is not None else None
        self._meter = ResourceMeter()
        self._board = open_boards(writer.path, writer.record, next_step, on_message)

    @property
    def due(self) -> bool:
        """Whether it is time for a record."""
        return time.perf_counter() - self._logged_at >= LOG_EVERY

    def start(self) -> None:
        """Training begins, or goes on, now."""
        self._logged_at = time.perf_counter()

    def add(self, steps: int, diagnostics: Mapping[str, float]) -> None:
        """Take in an algorithm's own figures for the next record.

        Raises:
            RunFailedError: If a loss is NaN or infinite, which it would remain.
        """
        self.diagnostics.update(diagnostics)
        for name, value in diagnostics.items():
            if "loss" in name and not np.isfinite(value):
                raise RunFailedError(
                    f"Training diverged after {steps} steps: {name} became {value}.",
                    "Try a lower learning rate or normalised observations and rewards.",
                )

    def figures(self, steps: int) -> dict[str, float]:
        """Speed, and the means of the recent episodes."""
        speed = {"steps_per_second": steps / max(self._clock.train_seconds, 1e-9)}
        return speed | self.episodes.means()

    def log(self, steps: int, figures: Mapping[str, float]) -> None:
        """Write a record of figures, diagnostics and the machine, unless these steps have one."""
        self._logged_at = time.perf_counter()
        if steps != self.logged_steps:
            self.logged_steps = steps
            diagnostics = {_grouped(name): value for name, value in self.diagnostics.items()}
            self.write(steps, {**figures, **diagnostics, **self._meter.figures(steps)})

    def write(self, steps: int, values: Mapping[str, float]) -> None:
        """Write a record."""
        here = {"steps": steps, "seconds": round(self._clock.elapsed, 3)}
        self._writer.append_progress({**here, **values})
        self._board.add(steps, values)

    def close(self) -> None:
        """Flush and close the boards."""
        self._board.close()


def mean_of(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every figure that the latest record has, over those that have it."""
    names = records[-1] if records else ()
    return {name: float(np.mean([record[name] for record in records if name in record])) for name in names}


def _grouped(name: str) -> str:
    """An algorithm's diagnostic under ``train/``, unless it names a group itself."""
    return name if "/" in name else f"train/{name}"

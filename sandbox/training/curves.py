"""The curves of a training run: its records in ``progress.jsonl``, on TensorBoard and on trackers."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv

from sandbox.api.errors import RunFailedError
from sandbox.envs.recorder import EpisodeLog
from sandbox.envs.remote import EndedEpisode
from sandbox.runs.writer import RunWriter
from sandbox.training.clock import TrainingClock
from sandbox.training.tracking import open_boards

LOG_EVERY = 1.0
"""Seconds between two records; the last state is always recorded."""

RECENT_EPISODES = 20


class RecentEpisodes:
    """Returns, metrics and reward terms of the training episodes that ended last."""

    def __init__(self) -> None:
        self._returns: deque[float] = deque(maxlen=RECENT_EPISODES)
        self._metrics: deque[dict[str, float]] = deque(maxlen=RECENT_EPISODES)
        self._terms: deque[dict[str, float]] = deque(maxlen=RECENT_EPISODES)

    def record(self, envs: VectorEnv[Any, Any, Any]) -> EpisodeLog:
        """``envs`` with its finished episodes recorded here."""
        return EpisodeLog(envs, self._returns.append, self._metrics.append, self._terms.append)

    def add(self, episodes: Sequence[EndedEpisode]) -> None:
        """Record episodes that ended in other processes."""
        for episode in episodes:
            if episode["return"] is not None:
                self._returns.append(episode["return"])
            if episode["metrics"]:
                self._metrics.append(dict(episode["metrics"]))
            if episode["terms"]:
                self._terms.append(dict(episode["terms"]))

    def means(self) -> dict[str, float]:
        """``return``, every metric, and every term as ``term/<name>``, averaged over the episodes."""
        means = {"return": float(np.mean(self._returns))} if self._returns else {}
        means |= mean_of(self._metrics)
        return means | {f"term/{name}": value for name, value in mean_of(self._terms).items()}

    def state(self) -> dict[str, Any]:
        """What `restore` takes, as part of a checkpoint."""
        return {
            "returns": [float(value) for value in self._returns],
            "metrics": [_floats(metrics) for metrics in self._metrics],
            "terms": [_floats(terms) for terms in self._terms],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over the episodes of a checkpoint."""
        self._returns.extend(state["returns"])
        self._metrics.extend(state["metrics"])
        self._terms.extend(state["terms"])


class Curves:
    """Writes a record about once a second, and one for each validation.

    Args:
        writer: The run directory.
        clock: The run's time.
        past: What `TRAINING` holds of the checkpoint that training goes on from.
        on_message: Called with a sentence when a tracker fails.
    """

    def __init__(
        self,
        writer: RunWriter,
        clock: TrainingClock,
        past: Mapping[str, Any] | None,
        on_message: Callable[[str], None],
    ) -> None:
        self.episodes = RecentEpisodes()
        self._writer, self._clock = writer, clock
        self._diagnostics: dict[str, float] = {}
        self._logged_at = time.perf_counter()
        self._logged_steps: int | None = None
        if past is not None:
            self.episodes.restore(past)
            self._diagnostics.update(past["values"])
            self._logged_steps = past["logged"]
        next_step = past["steps"] + 1 if past is not None else None
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
        self._diagnostics.update(diagnostics)
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
        """Write a record of figures and diagnostics, unless these steps have one."""
        self._logged_at = time.perf_counter()
        if steps != self._logged_steps:
            self._logged_steps = steps
            self.write(steps, {**figures, **{_grouped(name): x for name, x in self._diagnostics.items()}})

    def write(self, steps: int, values: Mapping[str, float]) -> None:
        """Write a record."""
        seconds = round(self._clock.elapsed, 3)
        self._writer.append_progress({"steps": steps, "seconds": seconds, **values})
        self._board.add(steps, values)

    def state(self) -> dict[str, Any]:
        """What a checkpoint holds of this."""
        return {
            **self.episodes.state(),
            "logged": self._logged_steps,
            "values": _floats(self._diagnostics),
            "progress": self._writer.progress_mark(),
        }

    def close(self) -> None:
        """Flush and close the boards."""
        self._board.close()


def mean_of(records: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of every figure that the latest record has, over those that have it."""
    names = records[-1] if records else ()
    return {name: float(np.mean([record[name] for record in records if name in record])) for name in names}


def _floats(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items()}


def _grouped(name: str) -> str:
    """An algorithm's diagnostic under ``train/``, unless it names a group itself."""
    return name if "/" in name else f"train/{name}"

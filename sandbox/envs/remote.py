"""Training environments in other processes and on other machines, for algorithms that play there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from sandbox.api.types import Environment, VectorEnvironment
from sandbox.envs.make import make_training
from sandbox.envs.recorder import EpisodeLog
from sandbox.envs.single import EnvFactory
from sandbox.registry.discover import PLUGINS_VARIABLE, use_plugins
from sandbox.scenarios.resolve import ResolvedScenario, from_record

# A key is a keyword of Python, hence the functional form.
EndedEpisode = TypedDict(
    "EndedEpisode", {"return": float | None, "metrics": Mapping[str, float], "terms": Mapping[str, float]}
)
"""What ended: the return of a row's episode, its reward terms, or the metrics of its environment."""


@dataclass(frozen=True)
class TrainingEnvs:
    """Makes a run's training environments where it is called; plain values, so that it can be sent anywhere.

    Args:
        scenario: The scenario as a run's record holds it.
        folder: Where relative paths in it start; the same on every machine.
        plugins: Plugins that are named by path.
        seed: The run's seed.
    """

    scenario: Mapping[str, Any]
    folder: str
    plugins: str
    seed: int

    @staticmethod
    def of(scenario: ResolvedScenario, seed: int) -> TrainingEnvs:
        """For a scenario as it is here."""
        record = scenario.spec.model_dump(mode="json")
        plugins = os.environ.get(PLUGINS_VARIABLE, "")
        return TrainingEnvs(record, str(scenario.folder.resolve()), plugins, seed)

    def __call__(self, num_envs: int, worker: int) -> VectorEnvironment:
        """See `sandbox.api.algorithm.RemoteEnvs`."""
        use_plugins(self.plugins)
        scenario = from_record(self.scenario, Path(self.folder))
        # A stream of episode seeds of its own for every worker, from the scenario's training range.
        words = np.random.SeedSequence([self.seed, worker]).generate_state(1)
        return EpisodeBuffer(make_training(scenario, num_envs, int(words[0]) % 2**31))

    def single(self, index: int) -> Environment:
        """Environment ``index`` of the run, as `sandbox.envs.make.make_training` makes it."""
        use_plugins(self.plugins)
        scenario = from_record(self.scenario, Path(self.folder))
        low, high = scenario.spec.evaluation.seeds.train
        return EnvFactory(scenario, seeds=(self.seed, index, low, high))()


class EpisodeBuffer(EpisodeLog):
    """Keeps what has ended until `drain` is called.

    Args:
        env: The vector environment.
    """

    def __init__(self, env: VectorEnvironment) -> None:
        self._ended: list[EndedEpisode] = []
        keep = self._ended.append
        super().__init__(
            env,
            on_return=lambda value: keep({"return": value, "metrics": {}, "terms": {}}),
            on_metrics=lambda metrics: keep({"return": None, "metrics": metrics, "terms": {}}),
            on_terms=lambda terms: keep({"return": None, "metrics": {}, "terms": terms}),
        )

    def drain(self) -> list[EndedEpisode]:
        """What has ended since the last call."""
        ended = list(self._ended)
        self._ended.clear()
        return ended

"""The observation normaliser, frozen: the statistics of a `VecNormalize`, applied and no longer updated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from sandbox.api.errors import DamagedRunError
from sandbox.api.types import Array, Observation, Space
from sandbox.backends.sb3.spaces import SB3Observation


@dataclass(frozen=True)
class Statistics:
    """Running statistics of one observation array.

    Attributes:
        mean: Of the observation's shape.
        var: Of the observation's shape.
        count: Number of observations.
    """

    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    count: float


@dataclass(frozen=True)
class Normaliser:
    """clip((x − mean) / √(var + ε), −clip, clip), SB3's formula.

    Attributes:
        statistics: By key of a Dict observation; under ``""`` for a plain one.
        epsilon: ε.
        clip: Largest absolute value of a scaled observation.
    """

    statistics: dict[str, Statistics]
    epsilon: float
    clip: float

    @classmethod
    def of(cls, env: VecNormalize) -> Normaliser:
        """A copy of the statistics that ``env`` holds now."""
        statistics = {
            key: Statistics(rms.mean.copy(), rms.var.copy(), float(rms.count))
            for key, rms in observation_statistics(env).items()
        }
        return cls(statistics, env.epsilon, env.clip_obs)

    def __call__(self, observation: Observation) -> SB3Observation:
        """Scale a batch of observations, as float32."""
        if isinstance(observation, Mapping):
            return {
                key: self._scale(part, key) if key in self.statistics else part
                for key, part in observation.items()
            }
        return self._scale(observation, "")

    def _scale(self, values: Array, key: str) -> NDArray[np.float32]:
        statistics = self.statistics[key]
        scaled = (values - statistics.mean) / np.sqrt(statistics.var + self.epsilon)
        clipped: NDArray[np.float32] = np.clip(scaled, -self.clip, self.clip).astype(np.float32)
        return clipped

    def restore(self, env: VecNormalize) -> None:
        """Continue from these statistics in training."""
        running = observation_statistics(env)
        for key, statistics in self.statistics.items():
            running[key].mean, running[key].var = statistics.mean.copy(), statistics.var.copy()
            running[key].count = statistics.count

    def arrays(self) -> dict[str, Array]:
        """Plain arrays, as `from_arrays` takes them."""
        arrays: dict[str, Array] = {"epsilon": np.array(self.epsilon), "clip": np.array(self.clip)}
        for key, statistics in self.statistics.items():
            arrays |= {
                f"mean:{key}": statistics.mean,
                f"var:{key}": statistics.var,
                f"count:{key}": np.array(statistics.count),
            }
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], observation_space: Space) -> Normaliser:
        """The normaliser that `arrays` described.

        Raises:
            DamagedRunError: If the arrays do not fit the observation space.
        """
        parts = {"": observation_space}
        if isinstance(observation_space, spaces.Dict):
            parts = dict(observation_space.spaces)
        keys = [name.removeprefix("mean:") for name in arrays if name.startswith("mean:")]
        try:
            statistics = {
                key: Statistics(
                    arrays[f"mean:{key}"].astype(np.float64),
                    arrays[f"var:{key}"].astype(np.float64),
                    float(arrays[f"count:{key}"]),
                )
                for key in keys
            }
            fits = all(s.mean.shape == s.var.shape == parts[key].shape for key, s in statistics.items())
            normaliser = cls(statistics, float(arrays["epsilon"]), float(arrays["clip"]))
        except (KeyError, ValueError, TypeError) as error:
            raise DamagedRunError(f"The saved normaliser is damaged: {error}.") from error
        if not fits or not keys:
            raise DamagedRunError("The saved normaliser does not fit the policy's observation space.")
        return normaliser


def observation_statistics(env: VecNormalize) -> dict[str, RunningMeanStd]:
    """Running statistics of the observations: by key, under ``""`` for a plain space, empty without any."""
    running = getattr(env, "obs_rms", None)
    if running is None:
        return {}
    return running if isinstance(running, dict) else {"": running}

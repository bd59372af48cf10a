"""From observations of any space to rows of numbers, and their running normalisation."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Observation, Space


def flat_size(space: Space) -> int:
    """Numbers in a flattened observation.

    Raises:
        MisfitError: For a space that `flatten` does not take.
    """
    if isinstance(space, gym.spaces.Dict):
        return sum(flat_size(part) for part in space.spaces.values())
    if isinstance(
        space, gym.spaces.Box | gym.spaces.Discrete | gym.spaces.MultiDiscrete | gym.spaces.MultiBinary
    ):
        return int(gym.spaces.flatdim(space))
    raise MisfitError(
        f"There is no network for observations of type {type(space).__name__}.",
        "It takes Box, Discrete, MultiDiscrete, MultiBinary, and Dict of these.",
    )


def flatten(space: Space, observation: Observation) -> NDArray[np.float32]:
    """Rows of numbers, as ``gymnasium.spaces.flatten`` makes them, for a whole batch.

    Args:
        space: Space of one row.
        observation: Batch of n observations.

    Returns:
        Shape ``(n, flat_size(space))``; choices are one-hot.
    """
    if isinstance(space, gym.spaces.Dict):
        assert isinstance(observation, Mapping)
        parts = [flatten(part, observation[key]) for key, part in space.spaces.items()]
        return np.concatenate(parts, axis=1)
    if isinstance(space, gym.spaces.Discrete):
        return _one_hot(np.asarray(observation).reshape(-1, 1) - space.start, np.array([space.n]))
    if isinstance(space, gym.spaces.MultiDiscrete):
        chosen = np.asarray(observation) - space.start
        return _one_hot(chosen.reshape(len(chosen), -1), space.nvec.ravel())
    numbers = np.asarray(observation, np.float32)
    return numbers.reshape(len(numbers), -1)


def as_batch(observation: Observation) -> Observation:
    """A single observation as a batch of size 1."""
    if isinstance(observation, Mapping):
        return {key: as_batch(part) for key, part in observation.items()}  # type: ignore[misc]
    return np.asarray(observation)[None]


def _one_hot(chosen: Array, sizes: Array) -> NDArray[np.float32]:
    """One-hot codes side by side, for choices of shape ``(n, k)`` among ``sizes`` of shape ``(k,)``."""
    ends = np.cumsum(sizes)
    codes = np.zeros((len(chosen), int(ends[-1])), np.float32)
    np.put_along_axis(codes, chosen.astype(np.int64) + (ends - sizes), 1.0, axis=1)
    return codes


class Normaliser:
    """Running mean and variance of flattened observations.

    Combines batches by the parallel formula of Chan, Golub & LeVeque (1983). Until the first
    `update` it changes nothing.

    Args:
        size: Numbers in an observation.

    Attributes:
        mean: Shape ``(size,)``.
        var: Shape ``(size,)``.
        count: Number of observations.
        shift: The mean in single precision.
        scale: One over the standard deviation, in single precision.
    """

    CLIP = 10.0

    def __init__(self, size: int) -> None:
        self._set(np.zeros(size), np.ones(size), 0.0)

    def _set(self, mean: Array, var: Array, count: float) -> None:
        self.mean, self.var, self.count = mean, var, count
        self.shift = mean.astype(np.float32)
        self.scale = (1.0 / np.sqrt(var + 1e-8)).astype(np.float32)

    def __call__(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows in units of deviations from the mean, at most `CLIP` of them."""
        scaled: NDArray[np.float32] = np.clip((rows - self.shift) * self.scale, -self.CLIP, self.CLIP)
        return scaled

    def update(self, rows: Array) -> None:
        """Add a batch of rows, shape ``(n, size)``."""
        batch = rows.astype(np.float64)
        self.merge(len(rows), batch.mean(0), batch.var(0))

    def merge(self, number: int, mean: Array, var: Array) -> None:
        """Add a batch, given the number of its rows, their mean and their variance."""
        count = self.count + number
        delta = mean - self.mean
        spread = self.var * self.count + var * number
        spread += delta**2 * self.count * number / count
        self._set(self.mean + delta * number / count, spread / count, count)

    def arrays(self) -> dict[str, Array]:
        """Content of ``normaliser.npz``."""
        return {"mean": self.mean, "var": self.var, "count": np.array(self.count)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], size: int) -> Normaliser:
        """The normaliser that `arrays` described.

        Raises:
            MisfitError: If it is for observations of another size.
        """
        if set(arrays) != {"mean", "var", "count"} or not (
            arrays["mean"].shape == arrays["var"].shape == (size,)
        ):
            raise MisfitError(f"The saved normaliser is not for observations of {size} numbers.")
        normaliser = cls(size)
        mean, var = arrays["mean"].astype(np.float64), arrays["var"].astype(np.float64)
        normaliser._set(mean, var, float(arrays["count"]))
        return normaliser

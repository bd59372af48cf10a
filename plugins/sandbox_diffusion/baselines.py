"""Who needs no training: the pre-trained model, and the best of several of its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.goals import make_goal
from sandbox_diffusion.process import LIMIT
from sandbox_diffusion.quality import pixels


class Pretrained:
    """Draws every step from the pre-trained model, also where its mode is asked for.

    Args:
        config: The task's parameters.
    """

    def __init__(self, config: DenoisingConfig) -> None:
        from sandbox_diffusion.networks.load import reference

        self._means, denoiser = reference(config)
        self.config, self.num_steps, self.shape = config, denoiser.num_steps, denoiser.shape
        self._sigma: NDArray[np.float32] = denoiser.sigma.numpy()
        self._rng = np.random.default_rng()

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """The next images, or the noise in them where that is the action."""
        noise, following = self.step(*self.split(observation))
        return noise if self.config.action == "noise" else following

    def split(self, observation: Any) -> tuple[Array, Array]:
        """Images ``(n, d)`` and numbers of their steps ``(n,)``."""
        rows = np.asarray(observation, np.float32)
        step = np.rint(rows[:, -1] * self.num_steps).astype(np.int64)
        return rows[:, :-1], np.minimum(step, self.num_steps - 1)

    def step(self, images: Array, steps: Array) -> tuple[Array, Array]:
        """Noise, in standard deviations, and the next images, both ``(n, d)``."""
        noise = self._rng.standard_normal(images.shape, np.float32)
        following = self._means(images, steps) + self._sigma[steps][:, None] * noise
        return noise, np.clip(following, -LIMIT, LIMIT)

    def save(self, directory: Path) -> None:
        """A baseline is made from its environment."""
        raise NotImplementedError("a baseline is made from its environment, not from a file")


class BestOf(Pretrained):
    """Draws n ways from the present image to a finished one, and takes the one that earns most.

    The ways of an image are drawn when its denoising begins; n times the goal is asked.

    Args:
        config: The task's parameters.
        count: n.
    """

    def __init__(self, config: DenoisingConfig, count: int) -> None:
        super().__init__(config)
        self._count, self._goal = count, make_goal(config, self.shape)
        self._ways: Array | None = None

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator and forget the ways."""
        super().reset(num_envs, seed)
        self._ways = None

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """The next actions on the chosen ways."""
        images, steps = self.split(observation)
        if self._ways is None or self._ways.shape[1] != len(images):
            self._ways = np.zeros((self.num_steps, *images.shape), np.float32)
        begun = np.flatnonzero(steps == 0)
        if len(begun):
            self._ways[:, begun] = self._best(images[begun])
        return np.asarray(self._ways[steps, np.arange(len(images))])

    def _best(self, images: Array) -> Array:
        """Actions of the best way from each first image, shape ``(T, n, d)``."""
        now = np.repeat(images, self._count, axis=0)
        ways = np.empty((self.num_steps, *now.shape), np.float32)
        for number in range(self.num_steps):
            noise, now = self.step(now, np.full(len(now), number))
            ways[number] = noise if self.config.action == "noise" else now
        goal = self._goal(pixels(now).reshape(-1, *self.shape)).reshape(-1, self._count)
        best = np.arange(len(images)) * self._count + goal.argmax(axis=1)
        return np.asarray(ways[:, best])


def pretrained(env: Any) -> Pretrained:
    """The pre-trained model."""
    return Pretrained(env.config)


def best_of_4(env: Any) -> BestOf:
    """The best of 4 images."""
    return BestOf(env.config, 4)


def best_of_16(env: Any) -> BestOf:
    """The best of 16 images."""
    return BestOf(env.config, 16)


def best_of_64(env: Any) -> BestOf:
    """The best of 64 images."""
    return BestOf(env.config, 64)

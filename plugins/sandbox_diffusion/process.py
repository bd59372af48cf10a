"""The decision process of Black et al. (2023, arXiv 2305.13301, section 4.3), for many images at a time.

    state   sₜ = (xₜ, t)        the noisy image and the number of the step, from x₀ ~ N(0, 1)
    action  aₜ = xₜ₊₁           the next image
    reward  r(x_T) at the last step, and per step what keeps close to the pre-trained model

Steps are numbered in the order in which they are taken. Nothing is drawn but the first image: the noise of a
step is part of the action, and a policy that is the pre-trained model draws it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.api import MisfitError
from sandbox.api.types import Array, Bools, Json
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.goals import make_goal
from sandbox_diffusion.quality import pixels
from sandbox_diffusion.reward import Transition

LIMIT = 6.0
"""Pixels of noisy images are kept within ±6, which standard noise leaves once in 5·10⁸ pixels."""

NOISE_LIMIT = 5.0
"""Likewise of an action that is noise."""


class Process:
    """Some images, each at a step of its own.

    Args:
        config: The task's parameters.
        count: Images.

    Attributes:
        images: What each looks like now, shape ``(count, d)``.
        clock: Steps that each has taken, shape ``(count,)``.
        kl: Sum of the steps' log-density ratios, shape ``(count,)``.
        goal: The goal of finished images, shape ``(count,)``.
    """

    def __init__(self, config: DenoisingConfig, count: int) -> None:
        from sandbox_diffusion.networks.load import reference

        self._means, denoiser = reference(config)
        self.shape, self.num_steps = denoiser.shape, denoiser.num_steps
        self._goal = make_goal(config, self.shape)
        self._sigma: NDArray[np.float32] = denoiser.sigma.numpy()
        self._noise = config.action == "noise"
        self.images = np.zeros((count, int(np.prod(self.shape))), np.float32)
        self.clock = np.zeros(count, np.int64)
        self.kl, self.goal = np.zeros(count), np.zeros(count)

    @property
    def size(self) -> int:
        """d, pixels of an image with all its channels."""
        return self.images.shape[1]

    @property
    def finished(self) -> Bools:
        """Which images have taken all steps."""
        done: Bools = self.clock >= self.num_steps
        return done

    def begin(self, rows: Array, rng: np.random.Generator) -> None:
        """Give some images new noise."""
        noise = rng.standard_normal((len(rows), self.size), np.float32)
        self.images[rows] = np.clip(noise, -LIMIT, LIMIT)
        self.clock[rows], self.kl[rows], self.goal[rows] = 0, 0.0, 0.0

    def step(self, actions: Array) -> Transition:
        """Take a step with every image.

        Args:
            actions: Shape ``(count, d)``; see `sandbox_diffusion.config.DenoisingConfig.action`.

        Raises:
            MisfitError: For actions that are not finite.
        """
        if not np.isfinite(actions).all():
            raise MisfitError("An action holds a number that is not finite.")
        step = np.minimum(self.clock, self.num_steps - 1)
        mean, sigma = self._means(self.images, step), self._sigma[step][:, None]
        if self._noise:
            following = mean + sigma * np.clip(actions, -NOISE_LIMIT, NOISE_LIMIT)
        else:
            following = np.asarray(actions, np.float32)
        self.images = np.clip(following, -LIMIT, LIMIT)
        ratio = 0.5 * np.square((self.images - mean) / sigma, dtype=np.float64).sum(axis=1) - self.size / 2
        self.kl += ratio
        self.clock += 1
        ended = np.flatnonzero(self.finished)
        self.goal = np.zeros(len(self.goal))
        if len(ended):
            self.goal[ended] = self._goal(self.finished_images(ended))
        return Transition(self.goal.copy(), ratio, np.zeros(len(ratio)))

    def finished_images(self, rows: Array) -> Array:
        """Some images as pixels from 0 to 1, shape ``(n, channels, height, width)``."""
        return pixels(self.images[rows]).reshape(len(rows), *self.shape)

    def observe(self) -> Array:
        """The images and the share of steps taken, shape ``(count, d + 1)``."""
        share = (self.clock / self.num_steps).astype(np.float32)
        return np.concatenate([self.images, share[:, None]], axis=1)

    def get_state(self) -> Json:
        """All that changes."""
        return {name: getattr(self, name).copy() for name in ("images", "clock", "kl", "goal")}

    def set_state(self, state: Json) -> None:
        """Go back to a state."""
        for name in ("images", "clock", "kl", "goal"):
            setattr(self, name, np.array(state[name]))

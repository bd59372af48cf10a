"""The fine-tuned denoiser as a policy: draws the next image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sandbox.api.errors import MisfitError
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array, Bools, Space
from sandbox.backends.denoising.model import Denoiser, denoiser_of
from sandbox.backends.task_network import TaskNetworkPolicy


class DenoiserPolicy(TaskNetworkPolicy[Denoiser]):
    """N(mean of the step, σ² of the step); implements `sandbox.api.Policy`."""

    @staticmethod
    def require_spaces(observation_space: Space, action_space: Space) -> None:
        """An image with the share of steps, and an image."""
        shapes = observation_space.shape, action_space.shape
        if shapes[0] is None or shapes[1] is None or shapes[0] != (shapes[1][0] + 1,):
            raise MisfitError(
                f"A denoiser sees an image and the share of steps and gives an image; shapes here: {shapes}."
            )

    @staticmethod
    def model_of(models: TaskModels | None) -> Denoiser:
        """A new copy of the task's pre-trained denoiser."""
        return denoiser_of(models)

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """The next images; see `sandbox.api.Policy.act`.

        Raises:
            MisfitError: Before it is bound.
        """
        mean, sigma = self.distribution(np.asarray(observation, np.float32))
        return self.draw(mean, sigma) if self.stochastic or not deterministic else self._bounded(mean)

    def distribution(self, observation: NDArray[np.float32]) -> tuple[Array, Array]:
        """Mean ``(n, d)`` and standard deviation ``(n, 1)`` of the next images."""
        denoiser = self.bound()
        image, step = split(denoiser, observation)
        with torch.inference_mode():
            mean = denoiser(image, step)
        return mean.numpy(), denoiser.sigma[step].numpy()[:, None]

    def draw(self, mean: Array, sigma: Array) -> Array:
        """Images from what `distribution` gave."""
        return self._bounded(mean + sigma * self.generator.standard_normal(mean.shape, np.float32))

    def _bounded(self, images: Array) -> Array:
        space: Any = self.action_space
        return np.clip(images, space.low, space.high)


def split(denoiser: Denoiser, observation: Array) -> tuple[Tensor, Tensor]:
    """Images ``(n, d)`` and numbers of their steps ``(n,)`` from observations ``(n, d + 1)``."""
    rows = torch.from_numpy(np.ascontiguousarray(observation, np.float32))
    step = (rows[:, -1] * denoiser.num_steps).round().long().clamp(0, denoiser.num_steps - 1)
    return rows[:, :-1], step


load = DenoiserPolicy.load

"""A denoising process whose noise is predicted by a network; what algorithms fine-tune."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api.types import Array
from sandbox_diffusion.schedule import Schedule

Prediction = Literal["epsilon", "sample", "v_prediction"]


class Denoiser(nn.Module):
    """The mean of every denoising step, as a function of the image and the number of the step.

    Args:
        network: ``(image, timestep)`` to its prediction; images ``(n, channels, height, width)`` with pixels
            from −1 to 1. As in diffusers, the prediction may also be an object with an attribute ``sample``
            or the first entry of a tuple.
        schedule: The noise levels that are visited.
        shape: Of an image, ``(channels, height, width)``.
        prediction: What the network predicts: the noise, the clean image, or v (Salimans & Ho 2022).
        clip: Largest pixel of the predicted clean image; None does not clip.

    Attributes:
        num_steps: T.
        sigma: Standard deviation of each step, the noisiest first; shape ``(T,)``.
        signal: ᾱ before each step, shape ``(T,)``.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        shape: tuple[int, int, int],
        prediction: Prediction = "epsilon",
        clip: float | None = 1.0,
    ) -> None:
        super().__init__()
        self.network = network
        self.shape, self.prediction, self.clip = shape, prediction, clip
        self.num_steps = schedule.num_steps
        now, then = schedule.signal[:-1], schedule.signal[1:]
        direction = np.sqrt(np.maximum(1 - then - schedule.drift**2, 0.0))
        self._constant("timesteps", schedule.timesteps)
        self._constant("sigma", schedule.sigma.astype(np.float32))
        self._constant("signal", now.astype(np.float32))
        scales = np.stack([now**0.5, (1 - now) ** 0.5, then**0.5, direction], 1).astype(np.float32)
        self._constant("_scales", scales)
        self.timesteps: Tensor
        self.sigma: Tensor
        self.signal: Tensor
        self._scales: Tensor

    def forward(self, image: Tensor, step: Tensor) -> Tensor:
        """Mean of the image after a step.

        Args:
            image: Noisy images, flattened: shape ``(n, d)``.
            step: Which step each is at, 0 for the noisiest; integers, shape ``(n,)``.
        """
        keep, spread, next_keep, direction = self._scales[step].unbind(1)
        clean, noise = self._split(image, step)
        if self.clip is not None:
            clean = clean.clamp(-self.clip, self.clip)
            noise = (image - keep[:, None] * clean) / spread[:, None]
        return next_keep[:, None] * clean + direction[:, None] * noise

    def noise(self, image: Tensor, step: Tensor) -> Tensor:
        """The noise that the network sees in images, shape ``(n, d)``; arguments as in `forward`."""
        return self._split(image, step)[1]

    def predicted(self, image: Tensor, step: Tensor) -> Tensor:
        """What the network itself says of images, shape ``(n, d)``; arguments as in `forward`."""
        output: Any = self.network(image.view(-1, *self.shape), self.timesteps[step])
        output = output[0] if isinstance(output, tuple) else getattr(output, "sample", output)
        flat: Tensor = output.flatten(1)
        return flat

    def _split(self, image: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Clean image and noise that the network takes the image to be made of."""
        keep, spread = self._scales[step][:, 0:1], self._scales[step][:, 1:2]
        predicted = self.predicted(image, step)
        if self.prediction == "sample":
            return predicted, (image - keep * predicted) / spread
        if self.prediction == "v_prediction":
            return keep * image - spread * predicted, spread * image + keep * predicted
        return (image - spread * predicted) / keep, predicted

    def _constant(self, name: str, values: Array) -> None:
        self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(values)), persistent=False)


class ReferenceMeans:
    """A denoiser that is not trained, for arrays of NumPy.

    Args:
        denoiser: Its weights must not change.
    """

    def __init__(self, denoiser: Denoiser) -> None:
        self._denoiser = denoiser.eval().requires_grad_(False)

    def __call__(self, images: NDArray[np.float32], steps: NDArray[np.int64]) -> NDArray[np.float32]:
        """Means of the images after a step; see `Denoiser.forward`."""
        with torch.inference_mode():
            mean = self._denoiser(torch.from_numpy(np.ascontiguousarray(images)), torch.from_numpy(steps))
        array: NDArray[np.float32] = mean.numpy()
        return array

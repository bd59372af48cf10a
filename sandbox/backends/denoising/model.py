"""What a task's pre-trained model has to offer to be fine-tuned here."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from sandbox.api.errors import MisfitError
from sandbox.api.task_models import TaskModels


@runtime_checkable
class Denoiser(Protocol):
    """A `torch.nn.Module` that gives the mean of every step; `sandbox.api.Task.pretrained`.

    A task's observation is the flat noisy image and the share of steps that are taken, ``(d + 1,)``; its
    action the flat next image, ``(d,)``; an episode has ``num_steps`` steps.

    Attributes:
        num_steps: T.
        sigma: Standard deviation of each step, the noisiest first; shape ``(T,)``.
        signal: ᾱ before each step, shape ``(T,)``: a noisy image is √ᾱ x + √(1−ᾱ) ε.
        network: The part that is trained; its ``state_dict`` is what is saved.
    """

    num_steps: int
    sigma: Tensor
    signal: Tensor
    network: nn.Module

    def __call__(self, image: Tensor, step: Tensor) -> Tensor:
        """Mean of the next image, shape ``(n, d)``, given images and numbers of steps ``(n,)``."""
        ...

    def noise(self, image: Tensor, step: Tensor) -> Tensor:
        """The noise ε that the model sees in images, shape ``(n, d)``."""
        ...


def denoiser_of(models: TaskModels | None) -> Denoiser:
    """A new copy of the pre-trained denoiser of a task.

    Raises:
        MisfitError: If the task has none.
    """
    model: Any = None if models is None else models.pretrained
    if not isinstance(model, Denoiser):
        task = "The environment" if models is None else f"The task {models.task}"
        raise MisfitError(f"{task} has no pre-trained denoiser.", "Take a task of the domain diffusion.")
    return model

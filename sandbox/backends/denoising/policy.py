"""The fine-tuned denoiser as a policy: draws the next image."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array, Bools, Space
from sandbox.backends.denoising.model import Denoiser, denoiser_of
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, write_policy

ALGORITHMS = ("ddpo-is", "ddpo-sf", "rwr")


class DenoiserPolicy:
    """N(mean of the step, σ² of the step); implements `sandbox.api.Policy`.

    What is saved are weights. The network is made by the task when the policy is bound to it.

    Args:
        algorithm: Name of the algorithm that trains it.
        observation_space: Space of one row.
        action_space: Space of one row.
        stochastic: Whether it draws where its mode is asked for.

    Attributes:
        denoiser: None until it is bound.
        generator: Draws the noise.
    """

    def __init__(
        self,
        algorithm: str,
        observation_space: Space,
        action_space: Space,
        stochastic: bool = True,
    ) -> None:
        shapes = observation_space.shape, action_space.shape
        if shapes[0] is None or shapes[1] is None or shapes[0] != (shapes[1][0] + 1,):
            raise MisfitError(
                f"A denoiser sees an image and the share of steps and gives an image; shapes here: {shapes}."
            )
        self.algorithm, self.stochastic = algorithm, stochastic
        self.observation_space, self.action_space = observation_space, action_space
        self.denoiser: Denoiser | None = None
        self._saved: PolicyFiles | None = None
        self._source = Path()
        self.generator = np.random.default_rng()

    def bind(self, env: Any, models: TaskModels | None) -> None:
        """Make the network that the weights are for.

        Raises:
            MisfitError: If the task has no denoiser, or one of other layers.
        """
        if self.denoiser is None:
            denoiser = denoiser_of(models)
            if self._saved is not None:
                take_weights(denoiser.network, self._saved.tensors, self._source)
            denoiser.network.eval()
            self.denoiser = denoiser

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self.generator = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """The next images; see `sandbox.api.Policy.act`.

        Raises:
            MisfitError: Before it is bound.
        """
        mean, sigma = self.distribution(np.asarray(observation, np.float32))
        return self.draw(mean, sigma) if self.stochastic or not deterministic else self._bounded(mean)

    def distribution(self, observation: NDArray[np.float32]) -> tuple[Array, Array]:
        """Mean ``(n, d)`` and standard deviation ``(n, 1)`` of the next images."""
        if self.denoiser is None:
            raise MisfitError("The policy's network is the task's: call bind(env, models) before act().")
        image, step = split(self.denoiser, observation)
        with torch.inference_mode():
            mean = self.denoiser(image, step)
        return mean.numpy(), self.denoiser.sigma[step].numpy()[:, None]

    def draw(self, mean: Array, sigma: Array) -> Array:
        """Images from what `distribution` gave."""
        return self._bounded(mean + sigma * self.generator.standard_normal(mean.shape, np.float32))

    def snapshot(self) -> DenoiserPolicy:
        """A copy that further training does not change."""
        other = copy.copy(self)
        other.denoiser = copy.deepcopy(self.denoiser)
        other.generator = copy.deepcopy(self.generator)
        return other

    def save(self, directory: Path) -> None:
        """Write ``policy.json`` and ``weights.safetensors``.

        Raises:
            StorageError: If the folder cannot be written.
        """
        document = {
            "algorithm": self.algorithm,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "stochastic": self.stochastic,
        }
        if self.denoiser is not None:
            tensors: Mapping[str, Tensor] = self.denoiser.network.state_dict()
        elif self._saved is not None:
            tensors = self._saved.tensors
        else:
            raise MisfitError("A policy without weights cannot be saved.")
        write_policy(directory, document, tensors)

    def _bounded(self, images: Array) -> Array:
        space: Any = self.action_space
        return np.clip(images, space.low, space.high)


def split(denoiser: Denoiser, observation: Array) -> tuple[Tensor, Tensor]:
    """Images ``(n, d)`` and numbers of their steps ``(n,)`` from observations ``(n, d + 1)``."""
    rows = torch.from_numpy(np.ascontiguousarray(observation, np.float32))
    step = (rows[:, -1] * denoiser.num_steps).round().long().clamp(0, denoiser.num_steps - 1)
    return rows[:, :-1], step


def take_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Load saved weights into a network.

    Raises:
        MisfitError: Names the layers that differ.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    require_fit(expected, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, source)
    network.load_state_dict(dict(tensors))


def load(directory: Path) -> DenoiserPolicy:
    """Read back what `DenoiserPolicy.save` wrote; it plays once it is bound to a task.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    saved = read_policy(directory)
    try:
        seen, done = (space_from_json(saved.document[key]) for key in ("observation_space", "action_space"))
        policy = DenoiserPolicy(saved.document["algorithm"], seen, done, bool(saved.document["stochastic"]))
    except (KeyError, ValueError, TypeError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    policy._saved, policy._source = saved, directory
    return policy

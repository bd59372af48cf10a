"""Policies whose network the task makes: a pre-trained model that is fine-tuned."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np
from torch import Tensor, nn

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Space
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, write_policy


class HasNetwork(Protocol):
    """A model of which one part is trained.

    Attributes:
        network: That part; its ``state_dict`` is what is saved.
    """

    network: nn.Module


Model = TypeVar("Model", bound=HasNetwork)


class TaskNetworkPolicy(ABC, Generic[Model]):
    """What such policies share; with ``act`` they implement `sandbox.api.Policy`.

    What is saved are weights. The network is made by the task when the policy is bound to it.

    Args:
        algorithm: Name of the algorithm that trains it.
        observation_space: Space of one row.
        action_space: Space of one row.
        stochastic: Whether it draws where its mode is asked for.

    Attributes:
        model: None until it is bound.
        generator: Draws the actions.

    Raises:
        MisfitError: If the spaces are not those of such a model.
    """

    def __init__(
        self, algorithm: str, observation_space: Space, action_space: Space, stochastic: bool = True
    ) -> None:
        self.require_spaces(observation_space, action_space)
        self.algorithm, self.stochastic = algorithm, stochastic
        self.observation_space, self.action_space = observation_space, action_space
        self.model: Model | None = None
        self.generator = np.random.default_rng()
        self._saved: PolicyFiles | None = None
        self._source = Path()

    @staticmethod
    @abstractmethod
    def require_spaces(observation_space: Space, action_space: Space) -> None:
        """Refuse spaces that the model does not have (`MisfitError`)."""

    @staticmethod
    @abstractmethod
    def model_of(models: TaskModels | None) -> Model:
        """A new copy of the task's pre-trained model; `MisfitError` if it has none."""

    @staticmethod
    def copied(model: Model) -> Model:
        """A model whose network is another with the same weights."""
        return copy.deepcopy(model)

    def bind(self, env: Any, models: TaskModels | None) -> None:
        """Make the network that the weights are for.

        Raises:
            MisfitError: If the task has no such model, or one of other layers.
        """
        if self.model is None:
            model = self.model_of(models)
            if self._saved is not None:
                take_weights(model.network, self._saved.tensors, self._source)
            model.network.eval()
            self.model = model

    def bound(self) -> Model:
        """The model.

        Raises:
            MisfitError: Before the policy is bound.
        """
        if self.model is None:
            raise MisfitError("The policy's network is the task's: call bind(env, models) before act().")
        return self.model

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self.generator = np.random.default_rng(seed)

    def snapshot(self) -> Self:
        """A copy that further training does not change."""
        other = copy.copy(self)
        other.model = None if self.model is None else self.copied(self.model)
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
        if self.model is not None:
            tensors: Mapping[str, Tensor] = self.model.network.state_dict()
        elif self._saved is not None:
            tensors = self._saved.tensors
        else:
            raise MisfitError("A policy without weights cannot be saved.")
        write_policy(directory, document, tensors)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read back what `save` wrote; it plays once it is bound to a task.

        Raises:
            DamagedRunError: If anything is missing, changed or inconsistent.
        """
        saved = read_policy(directory)
        try:
            seen, done = (
                space_from_json(saved.document[key]) for key in ("observation_space", "action_space")
            )
            policy = cls(saved.document["algorithm"], seen, done, bool(saved.document["stochastic"]))
        except (KeyError, ValueError, TypeError, MisfitError) as error:
            raise DamagedRunError(
                f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
            ) from error
        policy._saved, policy._source = saved, directory
        return policy


def take_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Load saved weights into a network.

    Raises:
        MisfitError: Names the layers that differ.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    require_fit(expected, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, source)
    network.load_state_dict(dict(tensors))

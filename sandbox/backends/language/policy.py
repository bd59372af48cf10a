"""The fine-tuned language model as a policy: draws the next token."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from torch import Tensor, nn

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.task_models import TaskModels
from sandbox.api.types import Array, Bools, Space
from sandbox.backends.language.model import CausalModel, model_of
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, write_policy


class LanguagePolicy:
    """The distribution of the next token; implements `sandbox.api.Policy`.

    What is saved are weights. The network is made by the task when the policy is bound to it. An environment
    whose core has a method ``declare`` is told the log-probability of every token that is drawn.

    Args:
        algorithm: Name of the algorithm that trains it.
        observation_space: Space of one row.
        action_space: Space of one row.
        stochastic: Whether it draws where its mode is asked for.

    Attributes:
        model: None until it is bound.
        generator: Draws the tokens.
    """

    def __init__(
        self, algorithm: str, observation_space: Space, action_space: Space, stochastic: bool = True
    ) -> None:
        if not isinstance(action_space, spaces.Discrete) or not isinstance(
            observation_space, spaces.MultiDiscrete
        ):
            raise MisfitError("A language model sees a window of tokens (MultiDiscrete) and chooses one.")
        self.algorithm, self.stochastic = algorithm, stochastic
        self.observation_space, self.action_space = observation_space, action_space
        self.model: CausalModel | None = None
        self._declare: Callable[[Array], None] | None = None
        self._saved: PolicyFiles | None = None
        self._source = Path()
        self.generator = np.random.default_rng()

    def bind(self, env: Any, models: TaskModels | None) -> None:
        """Make the network that the weights are for, and find out whom to tell probabilities.

        Raises:
            MisfitError: If the task has no language model, or one of other layers.
        """
        self._declare = getattr(getattr(env, "core", None), "declare", None)
        if self.model is None:
            model = model_of(models)
            if self._saved is not None:
                take_weights(model.network, self._saved.tensors, self._source)
            model.network.eval()
            self.model = model

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator."""
        self.generator = np.random.default_rng(seed)

    def act(self, observation: Any, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """The next tokens; see `sandbox.api.Policy.act`.

        Raises:
            MisfitError: Before it is bound.
        """
        windows = np.asarray(observation, np.int64)
        if self.stochastic or not deterministic:
            return self.draw(windows, np.ones(len(windows), np.bool_))[0]
        tokens = np.asarray(self.log_probs(windows).argmax(axis=1))
        self._tell(np.zeros(len(tokens)))
        return tokens

    def draw(self, windows: Array, wanted: Bools) -> tuple[Array, Array]:
        """Tokens and their log-probabilities, 0 for rows that are not wanted; both ``(n,)``."""
        tokens, known = np.zeros(len(windows), np.int64), np.zeros(len(windows))
        rows = np.flatnonzero(wanted)
        level = self.generator.random(len(windows))[rows]
        if len(rows):
            values = self.log_probs(windows[rows])
            total = np.exp(values).cumsum(axis=1)
            below = (total <= (level * total[:, -1])[:, None]).sum(axis=1)
            tokens[rows] = np.minimum(below, values.shape[1] - 1)
            known[rows] = values[np.arange(len(rows)), tokens[rows]]
        self._tell(known)
        return tokens, known

    def log_probs(self, windows: Array) -> Array:
        """Log-probabilities of the next token, ``(n, V)``."""
        if self.model is None:
            raise MisfitError("The policy's network is the task's: call bind(env, models) before act().")
        with torch.inference_mode():
            values = self.model.next_log_probs(torch.from_numpy(np.ascontiguousarray(windows)))
        return np.asarray(values.double().numpy())

    def snapshot(self) -> LanguagePolicy:
        """A copy that further training does not change; it has to be bound to an environment to declare."""
        other = copy.copy(self)
        other.model = copy.copy(self.model)
        if self.model is not None and other.model is not None:
            other.model.network = copy.deepcopy(self.model.network)
        other.generator = copy.deepcopy(self.generator)
        other._declare = None
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

    def _tell(self, log_probs: Array) -> None:
        if self._declare is not None:
            self._declare(log_probs)


def take_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: Path) -> None:
    """Load saved weights into a network.

    Raises:
        MisfitError: Names the layers that differ.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    require_fit(expected, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, source)
    network.load_state_dict(dict(tensors))


def load(directory: Path) -> LanguagePolicy:
    """Read back what `LanguagePolicy.save` wrote; it plays once it is bound to a task.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    saved = read_policy(directory)
    try:
        seen, done = (space_from_json(saved.document[key]) for key in ("observation_space", "action_space"))
        policy = LanguagePolicy(saved.document["algorithm"], seen, done, bool(saved.document["stochastic"]))
    except (KeyError, ValueError, TypeError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    policy._saved, policy._source = saved, directory
    return policy

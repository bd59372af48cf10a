"""A policy: an actor network with its observation normaliser and its action distribution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.types import Array, Json, Observation, Space
from sandbox.backends.actors.distributions import Gaussian, distribution_for
from sandbox.backends.actors.export import ActorModule
from sandbox.backends.actors.networks import Actor
from sandbox.backends.actors.observations import Normaliser, flat_size, flatten
from sandbox.backends.policy_files import (
    PolicyFiles,
    read_policy,
    require_fit,
    require_size,
    shapes,
    write_policy,
)

P = TypeVar("P", bound="ActorPolicy")

ACTOR = "policy."
"""Prefix of the actor's weights in a saved policy."""


KIN = frozenset({"bc", "dagger", "gail", "iql", "cql", "lspi", "reinforce"})
"""Algorithms whose policies are such an actor and nothing else, so that others can start from them."""


class ActorPolicy:
    """A stochastic policy π(a|s); implements `sandbox.api.Policy`.

    Args:
        algorithm: Name of the algorithm whose ``load`` reads it back.
        observation_space: Space of one row.
        action_space: Space of one row.
        net_arch: Widths of the hidden layers.
        activation: A key of `sandbox.backends.actors.networks.ACTIVATIONS`.
        log_std: First log standard deviation of continuous actions.
        normalize: Whether observations are normalised.
        stochastic: Whether it samples even where the mode is asked for.
        seed: Seeds the draws.
        bounded: Whether the means of continuous actions are held within the bounds by a tanh, where all
            actions have bounds.

    Attributes:
        actor: Network from flattened, normalised observations to the distribution's parameters; its
            first weights come from torch's global generator.
        normaliser: Of the observations, or None.

    Raises:
        MisfitError: For spaces that it cannot work with.
    """

    def __init__(
        self,
        algorithm: str,
        observation_space: Space,
        action_space: Space,
        net_arch: Sequence[int],
        activation: str,
        log_std: float,
        normalize: bool,
        stochastic: bool,
        seed: int = 0,
        bounded: bool = False,
    ) -> None:
        self.algorithm = algorithm
        self.observation_space, self.action_space = observation_space, action_space
        self.net_arch, self.activation, self.stochastic = list(net_arch), activation, stochastic
        self.distribution = distribution_for(action_space)
        size = flat_size(observation_space)
        first = log_std if self.distribution.gaussian else None
        self.bounded = bounded and isinstance(self.distribution, Gaussian) and self.distribution.is_scaled
        self.actor = Actor(size, self.net_arch, self.distribution.size, activation, first, self.bounded)
        self.normaliser = Normaliser(size) if normalize else None
        self._rng = np.random.default_rng(seed)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator of stochastic actions; there is no recurrent state."""
        self._rng = np.random.default_rng(seed)

    def act(
        self, observation: Observation, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """Actions for a batch; see `sandbox.api.Policy.act`."""
        rng = self._rng if self.stochastic or not deterministic else None
        raw = self.draw(flatten(self.observation_space, observation), mask, rng)
        return self.distribution.action(raw)

    def draw(
        self,
        rows: NDArray[np.float32],
        mask: NDArray[np.bool_] | None,
        rng: np.random.Generator | None,
    ) -> Array:
        """Raw draws for flattened observations, shape ``(n, k)``; the mode without a generator."""
        with torch.inference_mode():
            params = self.actor(self.inputs(rows)).numpy()
        return self.distribution.draw(params, mask, rng)

    def inputs(self, rows: NDArray[np.float32]) -> torch.Tensor:
        """Flattened observations as inputs of the networks: normalised, as a tensor."""
        return torch.from_numpy(rows if self.normaliser is None else self.normaliser(rows))

    def module(self) -> torch.nn.Module:
        """The policy's mode as one torch module, for `sandbox export`."""
        module = ActorModule(self.actor, self.observation_space, self.distribution, self.normaliser)
        return module.eval()

    def save(self, directory: Path) -> None:
        """Write ``policy.json``, ``weights.safetensors`` and, if normalised, ``normaliser.npz``.

        Raises:
            StorageError: If the folder cannot be written.
        """
        document = {
            "algorithm": self.algorithm,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "net_arch": self.net_arch,
            "activation": self.activation,
            "stochastic": self.stochastic,
            **({"bounded": True} if self.bounded else {}),
            **self._extra_document(),
        }
        normaliser = None if self.normaliser is None else self.normaliser.arrays()
        write_policy(directory, document, self.tensors(), normaliser)

    def load_weights(self, saved: PolicyFiles, source: Path) -> None:
        """Start from a saved policy: its weights and its normaliser.

        Args:
            saved: The content of ``source``.
            source: Its folder, for messages.

        Raises:
            MisfitError: If it was trained by another algorithm, or with another activation or other
                layers, which are named.
        """
        trained_by, activation = saved.document["algorithm"], saved.document.get("activation")
        if trained_by != self.algorithm and trained_by not in KIN:
            raise MisfitError(
                f"The policy in {source} was trained by {trained_by}, "
                f"which {self.algorithm} cannot start from.",
                f"Continue with --algo {trained_by}, or start from a run of {self.algorithm}.",
            )
        actor = part(saved, ACTOR)
        require_fit(shapes(self.actor.state_dict()), shapes(actor), source)
        if bool(saved.document.get("bounded", False)) != self.bounded:
            raise MisfitError(
                f"The policy in {source} holds its actions within the bounds in another way than "
                f"{self.algorithm} does, which cannot start from it.",
                f"Continue with --algo {trained_by}.",
            )
        if activation != self.activation:
            raise MisfitError(
                f"The policy in {source} has the activation {activation}, the one to be trained "
                f"{self.activation}.",
                f"Add --hp activation={activation}.",
            )
        self.actor.load_state_dict(actor)
        self._load_normaliser(saved, source)

    def _load_normaliser(self, saved: PolicyFiles, source: Path) -> None:
        """The weights mean something only together with the inputs that they were trained on."""
        if saved.normaliser is not None:
            size = flat_size(self.observation_space)
            self.normaliser = Normaliser.from_arrays(saved.normaliser, size)
        elif self.normaliser is not None:
            raise MisfitError(
                f"The policy in {source} was trained on observations that were not normalised.",
                "Add --hp normalize_observation=false.",
            )

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights that are saved, by name."""
        return {ACTOR + name: tensor for name, tensor in self.actor.state_dict().items()}

    def _extra_document(self) -> Json:
        """Further entries of ``policy.json``."""
        return {}


def restored(directory: Path, make: Callable[[PolicyFiles, Space, Space], P]) -> P:
    """Read back what `ActorPolicy.save` wrote.

    Args:
        directory: The folder.
        make: Makes the policy, with any weights, from the content of the folder and the two spaces.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    saved = read_policy(directory)
    try:
        spaces = [space_from_json(saved.document[key]) for key in ("observation_space", "action_space")]
        layers = [int(width) for width in saved.document["net_arch"]]
        require_size(saved.tensors, flat_size(spaces[0]), layers, directory)
        policy = make(saved, spaces[0], spaces[1])
        policy.load_weights(saved, directory)
    except (KeyError, ValueError, TypeError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    return policy


def part(saved: PolicyFiles, prefix: str) -> dict[str, torch.Tensor]:
    """The saved weights whose names begin with a prefix; the prefix is removed."""
    return {name.removeprefix(prefix): t for name, t in saved.tensors.items() if name.startswith(prefix)}

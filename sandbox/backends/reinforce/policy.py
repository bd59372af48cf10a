"""The trained policy: acts, saves itself, and is read back without pickle."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, require_size, write_policy
from sandbox.backends.reinforce.distributions import distribution_for
from sandbox.backends.reinforce.networks import ACTIVATIONS, Actor, Critic
from sandbox.backends.reinforce.observations import Normaliser, flat_size, flatten
from sandbox.spaces import space_from_json, space_to_json

if TYPE_CHECKING:
    from sandbox.backends.reinforce.config import ReinforceConfig

ALGORITHM = "reinforce"
ACTOR, CRITIC = "policy.", "value."


class ReinforcePolicy:
    """A stochastic policy π(a|s); implements `sandbox.api.Policy`.

    Args:
        observation_space: Space of one row.
        action_space: Likewise.
        config: Decides on the networks and the normaliser.
        seed: Seeds the first weights; the process's own torch generator is left as it was.

    Attributes:
        actor: Network from flattened, normalised observations to the distribution's parameters.
        critic: Value network, where the baseline is learned.
        normaliser: Of the observations, or None.
        stochastic: Whether it samples even where the mode is asked for.

    Raises:
        MisfitError: For spaces that it cannot work with.
    """

    def __init__(
        self,
        observation_space: gym.Space[Any],
        action_space: gym.Space[Any],
        config: ReinforceConfig,
        seed: int = 0,
    ) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.net_arch, self.activation = list(config.net_arch), config.activation
        hidden = config.net_arch if config.value_net_arch is None else config.value_net_arch
        self.value_net_arch = list(hidden)
        self.stochastic = config.stochastic
        self.distribution = distribution_for(action_space)
        size = flat_size(observation_space)
        log_std = config.log_std_init if self.distribution.gaussian else None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.actor = Actor(size, self.net_arch, self.distribution.size, self.activation, log_std)
            self.critic = Critic(size, hidden, self.activation) if config.baseline else None
        self.normaliser = Normaliser(size) if config.normalize_observation else None
        self._rng = np.random.default_rng(seed)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator of stochastic actions; there is no recurrent state."""
        self._rng = np.random.default_rng(seed)

    def act(
        self, observation: Any, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> NDArray[Any]:
        """Actions for a batch; see `sandbox.api.Policy.act`."""
        rng = self._rng if self.stochastic or not deterministic else None
        raw = self.draw(flatten(self.observation_space, observation), mask, rng)
        return self.distribution.action(raw)

    def draw(
        self,
        rows: NDArray[np.float32],
        mask: NDArray[np.bool_] | None,
        rng: np.random.Generator | None,
    ) -> NDArray[Any]:
        """Raw draws for flattened observations, shape ``(n, k)``; the mode without a generator."""
        with torch.inference_mode():
            params = self.actor(self.inputs(rows)).numpy()
        return self.distribution.draw(params, mask, rng)

    def inputs(self, rows: NDArray[np.float32]) -> torch.Tensor:
        """What the networks are given for flattened observations."""
        return torch.from_numpy(rows if self.normaliser is None else self.normaliser(rows))

    def values(self, rows: NDArray[np.float32]) -> NDArray[Any]:
        """V of flattened observations, shape ``(n,)``; only with a critic."""
        assert self.critic is not None
        with torch.inference_mode():
            values: NDArray[Any] = self.critic(self.inputs(rows)).numpy().astype(np.float64)
        return values

    def module(self) -> torch.nn.Module:
        """The policy's mode as one torch module, for `sandbox export`."""
        from sandbox.backends.reinforce.export import ReinforceModule

        return ReinforceModule(self).eval()

    def snapshot(self) -> ReinforcePolicy:
        """A copy that further training does not change."""
        return copy.deepcopy(self)

    def save(self, directory: Path) -> None:
        """Write ``policy.json``, ``weights.safetensors`` and, if normalised, ``normaliser.npz``.

        Raises:
            StorageError: If the folder cannot be written.
        """
        tensors = {ACTOR + name: tensor for name, tensor in self.actor.state_dict().items()}
        if self.critic is not None:
            tensors |= {CRITIC + name: tensor for name, tensor in self.critic.state_dict().items()}
        document = {
            "algorithm": ALGORITHM,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "net_arch": self.net_arch,
            "value_net_arch": self.value_net_arch,
            "activation": self.activation,
            "stochastic": self.stochastic,
        }
        normaliser = None if self.normaliser is None else self.normaliser.arrays()
        write_policy(directory, document, tensors, normaliser)

    def take(self, saved: PolicyFiles, source: Path) -> None:
        """Start from a saved policy: its weights, its normaliser and, if it fits, its value network.

        Args:
            saved: What was read from ``source``.
            source: Its folder, for messages.

        Raises:
            MisfitError: If it was made by another algorithm, or with another activation or other
                layers, which are named.
        """
        made_by, activation = saved.document["algorithm"], saved.document.get("activation")
        if made_by != ALGORITHM:
            raise MisfitError(
                f"The policy in {source} was trained by {made_by}, which reinforce cannot start from.",
                f"Continue with --algo {made_by}, or start from a run of reinforce.",
            )
        actor, critic = _part(saved, ACTOR), _part(saved, CRITIC)
        require_fit(_shapes(self.actor.state_dict()), _shapes(actor), source)
        if activation != self.activation:
            raise MisfitError(
                f"The policy in {source} has the activation {activation}, the one to be trained "
                f"{self.activation}.",
                f"Add --hp activation={activation}.",
            )
        self.actor.load_state_dict(actor)
        if self.critic is not None and _shapes(critic) == _shapes(self.critic.state_dict()):
            self.critic.load_state_dict(critic)
        self._take_normaliser(saved, source)

    def _take_normaliser(self, saved: PolicyFiles, source: Path) -> None:
        """The weights mean something only together with the inputs that they were trained on."""
        if saved.normaliser is not None:
            size = flat_size(self.observation_space)
            self.normaliser = Normaliser.from_arrays(saved.normaliser, size)
        elif self.normaliser is not None:
            raise MisfitError(
                f"The policy in {source} was trained on observations that were not normalised.",
                "Add --hp normalize_observation=false.",
            )


def load(directory: Path) -> ReinforcePolicy:
    """Read back what `ReinforcePolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    from sandbox.backends.reinforce.config import ReinforceConfig

    saved = read_policy(directory)
    document = saved.document
    try:
        config = ReinforceConfig(
            net_arch=document["net_arch"],
            value_net_arch=document["value_net_arch"],
            activation=document["activation"],
            stochastic=document["stochastic"],
            baseline=bool(_part(saved, CRITIC)),
        )
        spaces = [space_from_json(document[key]) for key in ("observation_space", "action_space")]
        require_size(saved.tensors, flat_size(spaces[0]), config.net_arch, directory)
        policy = ReinforcePolicy(spaces[0], spaces[1], config)
        policy.take(saved, directory)
    except (KeyError, ValueError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    return policy


def _part(saved: PolicyFiles, prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): t for name, t in saved.tensors.items() if name.startswith(prefix)}


def _shapes(tensors: dict[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


__all__ = ["ACTIVATIONS", "ReinforcePolicy", "load"]

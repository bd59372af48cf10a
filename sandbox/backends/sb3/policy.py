"""A trained SB3 policy behind the sandbox's `Policy`: fast, frozen, saved without pickle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.spaces.utils import flatdim
from numpy.typing import NDArray
from pydantic import ValidationError
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import (
    is_image_space,
    is_image_space_channels_first,
    maybe_transpose,
)
from stable_baselines3.common.type_aliases import PyTorchObs
from stable_baselines3.common.vec_env import VecTransposeImage

from sandbox.api.errors import DamagedRunError, MisfitError, SandboxError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.types import Array, Observation, Space
from sandbox.backends.policy_files import misfit, read_policy, require_size, shapes, write_policy
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.heads import Head
from sandbox.backends.sb3.networks import Network, build_policy
from sandbox.backends.sb3.normaliser import Normaliser
from sandbox.backends.sb3.spaces import (
    action_writer,
    observation_reader,
    sb3_action_space,
    sb3_observation_space,
)
from sandbox.registry.resolve import resolve


class SB3Policy:
    """A policy network of SB3 or sb3-contrib, in evaluation mode, with its observation normaliser.

    Args:
        algorithm: The row of the catalogue that trained it.
        observation_space: The task's, one row.
        action_space: The task's, one row.
        network: What it takes to build the policy network again.
        policy: SB3's policy in evaluation mode; not shared with a running training.
        normaliser: Applied to observations first, or None.
        stochastic: Whether it samples even where the mode is asked for.

    Attributes:
        head: Maps observations in SB3's form to raw actions.
    """

    def __init__(
        self,
        algorithm: SB3Algorithm,
        observation_space: Space,
        action_space: Space,
        network: Network,
        policy: BasePolicy,
        normaliser: Normaliser | None = None,
        stochastic: bool = False,
    ) -> None:
        self.algorithm = algorithm
        self.observation_space = observation_space
        self.action_space = action_space
        self.network = network
        self.policy = policy
        self.normaliser = normaliser
        self.stochastic = stochastic
        self.head: Head = resolve(algorithm.head)(policy)
        self._read = observation_reader(observation_space)
        self._write = action_writer(action_space)
        self._generator = torch.Generator()
        self._generator.seed()

    @property
    def memoryless(self) -> bool:
        """Whether it has no recurrent state."""
        return self.network.lstm_hidden_size is None

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget recurrent state; with a seed, make stochastic actions repeatable."""
        self.head.reset(num_envs)
        if seed is not None:
            self._generator.manual_seed(seed)

    def act(
        self, observation: Observation, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """Choose an action for every row; see `sandbox.api.Policy.act`.

        A mask is honoured by every algorithm with discrete actions, also by those that were trained
        without. DQN and the like have no distribution to sample from: they act greedily either way, as
        do TD3 and ARS.
        """
        batch = self._read(observation)
        if self.normaliser is not None:
            batch = self.normaliser(batch)
        with torch.inference_mode():
            allowed = None if mask is None else torch.as_tensor(np.asarray(mask, dtype=np.bool_))
            actions: Array = self.head(
                _to_tensor(batch, self.policy.observation_space),
                allowed,
                None if deterministic and not self.stochastic else self._generator,
            ).numpy()
        space = self.policy.action_space
        actions = actions.reshape((-1, *(space.shape or ())))
        if isinstance(space, spaces.Box):
            # The same expressions as SB3's, so that the same bits come out.
            if self.policy.squash_output:
                actions = space.low + (0.5 * (actions + 1.0) * (space.high - space.low))
            else:
                actions = np.clip(actions, space.low, space.high)
        return self._write(actions)

    def module(self) -> torch.nn.Module:
        """The policy's mode as one torch module, for `sandbox export`.

        Raises:
            MisfitError: For a recurrent policy.
        """
        if self.algorithm.export is None:
            raise MisfitError(
                "A recurrent policy keeps a state between steps and cannot be exported.",
                "Train a feed-forward one, such as ppo.",
            )
        module: torch.nn.Module = resolve(self.algorithm.export)(self)
        return module.eval()

    def save(self, directory: Path) -> None:
        """Write the policy's folder; see `sandbox.backends.policy_files`."""
        document = {
            "algorithm": self.algorithm.name,
            "backend": "sb3",
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "network": self.network.model_dump(mode="json", exclude_none=True),
            "stochastic": self.stochastic,
        }
        arrays = None if self.normaliser is None else self.normaliser.arrays()
        write_policy(directory, document, self.policy.state_dict(), arrays)


def load(algorithm: SB3Algorithm, directory: Path) -> SB3Policy:
    """Read what `SB3Policy.save` wrote.

    Raises:
        DamagedRunError: If the folder is incomplete, damaged, or not of this algorithm.
    """
    files = read_policy(directory)
    document = files.document
    if document["algorithm"] != algorithm.name or document.get("backend") != "sb3":
        raise DamagedRunError(
            f"{directory} holds a policy of '{document['algorithm']}', which is not one of this backend."
        )
    try:
        network = Network.model_validate(document["network"])
        observation_space = space_from_json(document["observation_space"])
        action_space = space_from_json(document["action_space"])
        require_size(files.tensors, *_min_size(network, observation_space), directory)
        policy = build_policy(
            algorithm,
            network_observation_space(observation_space),
            sb3_action_space(action_space),
            network,
        )
    except DamagedRunError:
        raise
    except (
        KeyError,
        ValidationError,
        SandboxError,
        ValueError,
        TypeError,
        AssertionError,
        NotImplementedError,
    ) as e:
        raise DamagedRunError(f"{directory} describes no policy that can be built: {_first_line(e)}.") from e
    if lines := misfit(shapes(policy.state_dict()), shapes(files.tensors)):
        raise DamagedRunError(
            f"The weights in {directory} are not those that policy.json describes: {lines[0]}."
        )
    policy.load_state_dict(files.tensors)
    normaliser = None
    if files.normaliser is not None:
        normaliser = Normaliser.from_arrays(files.normaliser, observation_space)
    stochastic = document.get("stochastic", False) is True
    return SB3Policy(algorithm, observation_space, action_space, network, policy, normaliser, stochastic)


def network_observation_space(space: Space) -> Space:
    """What the network observes in a task with this observation space: images come channel first."""
    seen = sb3_observation_space(space)
    if isinstance(seen, spaces.Dict):
        return spaces.Dict([(key, _channel_first(part)) for key, part in seen.spaces.items()])
    return _channel_first(seen)


def _channel_first(space: Space) -> Space:
    if isinstance(space, spaces.Box) and is_image_space(space) and not is_image_space_channels_first(space):
        return VecTransposeImage.transpose_space(space)
    return space


def _min_size(network: Network, space: Space) -> tuple[int, list[int]]:
    """Inputs and hidden layers that a described network has at least."""
    layers = list(network.net_arch or ())
    if network.convolution is not None or _has_image(space):
        return 0, layers
    if network.lstm_hidden_size is not None:  # four gates, and as many recurrent weights again
        hidden = network.lstm_hidden_size
        return 0, [4 * hidden, *[hidden] * ((network.n_lstm_layers or 1) + 1), *layers]
    return int(flatdim(space)), layers


def _has_image(space: Space) -> bool:
    parts = space.spaces.values() if isinstance(space, spaces.Dict) else [space]
    return any(len(part.shape or ()) >= 3 for part in parts)


def _to_tensor(batch: Array | dict[str, Array], space: Space) -> PyTorchObs:
    if isinstance(batch, dict):
        assert isinstance(space, spaces.Dict)
        return {key: _array_to_tensor(batch[key], part) for key, part in space.spaces.items()}
    return _array_to_tensor(batch, space)


def _array_to_tensor(values: Array, space: Space) -> torch.Tensor:
    return torch.from_numpy(maybe_transpose(values, space) if is_image_space(space) else values)


def _first_line(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")

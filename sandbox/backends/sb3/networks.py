"""The policy network of an algorithm from plain data.

A policy network is rebuilt from its row of the catalogue, the spaces and a `Network`: nothing that is read
from a file names a class or a function, it only chooses among those listed here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gymnasium import spaces
from pydantic import BaseModel, ConfigDict, Field
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor
from torch import nn

from sandbox.api.errors import MisfitError
from sandbox.api.types import Space
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.config.common import Activation, Config, Layers
from sandbox.registry.resolve import resolve

MIN_IMAGE = 36
"""Side from which the convolutional network's last layer has an output, pixels."""

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}

Arguments = dict[str, Any]
"""Keyword arguments of an SB3 constructor."""


class Network(BaseModel):
    """All that is needed, beside algorithm and spaces, to build a policy network of the same shape.

    A field is None where the algorithm has no such thing or SB3's default applies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    net_arch: Layers | None = None
    activation: Activation | None = None
    n_quantiles: int | None = Field(None, ge=1, le=10_000)
    n_critics: int | None = Field(None, ge=1, le=32)
    lstm_hidden_size: int | None = Field(None, ge=1, le=8192)
    n_lstm_layers: int | None = Field(None, ge=1, le=8)
    shared_lstm: bool | None = None
    enable_critic_lstm: bool | None = None
    linear: bool | None = None
    convolution: Layers | None = None

    @classmethod
    def of(cls, algorithm: SB3Algorithm, config: Config) -> Network:
        """The network that an algorithm's hyperparameters ask for."""
        values = {name: getattr(config, name, None) for name in cls.model_fields}
        return cls(**values | {"activation": config.activation or default_activation(algorithm)})

    def policy_kwargs(self) -> Arguments:
        """Arguments for the constructor of an SB3 policy."""
        kwargs = self.model_dump(
            exclude_none=True, exclude={"linear", "activation", "net_arch", "convolution"}
        )
        if self.linear:
            return kwargs
        if self.activation is not None:
            kwargs["activation_fn"] = ACTIVATIONS[self.activation]
        if self.net_arch is not None:
            kwargs["net_arch"] = list(self.net_arch)
        return kwargs


def default_activation(algorithm: SB3Algorithm) -> Activation:
    """The nonlinearity that SB3 uses when none is asked for."""
    return "tanh" if algorithm.kind == "on-policy" else "relu"


def model_class(algorithm: SB3Algorithm) -> type[BaseAlgorithm]:
    """SB3's class of an algorithm."""
    model: type[BaseAlgorithm] = resolve(algorithm.model)
    return model


def policy_alias(
    algorithm: SB3Algorithm, observation_space: Space, network: Network
) -> str | type[BasePolicy]:
    """SB3's name of the kind of policy, such as ``MlpPolicy``, or the class of the cell policy.

    Raises:
        MisfitError: If a convolution is asked for and the algorithm has no cell policy.
    """
    if network.convolution is not None:
        if algorithm.cell_policy is None:
            raise MisfitError(f"{algorithm.name} has no policy for convolution.", "Leave convolution out.")
        cell_policy: type[BasePolicy] = resolve(algorithm.cell_policy)
        return cell_policy
    if network.linear:
        return "LinearPolicy"
    kind = "MultiInput" if isinstance(observation_space, spaces.Dict) else "Mlp"
    suffix = "LstmPolicy" if algorithm.recurrent else "Policy"
    if convolutional(observation_space) and f"Cnn{suffix}" in model_class(algorithm).policy_aliases:
        kind = "Cnn"
    return f"{kind}{suffix}"


def convolutional(observation_space: Space) -> bool:
    """Whether observations are images that SB3's convolutional network (Mnih et al. 2015) can take."""
    if not isinstance(observation_space, spaces.Box) or not is_image_space(observation_space):
        return False
    sides = sorted(observation_space.shape)[1:]
    return min(sides) >= MIN_IMAGE


class _Flatten(FlattenExtractor):
    def __init__(self, observation_space: Space) -> None:
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


class _Combine(CombinedExtractor):
    def __init__(self, observation_space: spaces.Dict) -> None:
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


def extractor_kwargs(
    algorithm: SB3Algorithm, observation_space: Space, action_space: Space, network: Network
) -> Arguments:
    """SB3's own feature extractors, with a workaround where they fail, or the extractor of the cell policy.

    For MultiDiscrete observations their size is a NumPy integer, which PyTorch's LSTM refuses.

    Raises:
        MisfitError: If a convolution is asked for and the task has no image with an action for each cell.
    """
    if network.convolution is not None:
        from sandbox.backends.sb3.convolution import CellFeatures, require_cells

        return {
            "features_extractor_class": CellFeatures,
            "features_extractor_kwargs": {
                "channels": network.convolution,
                "per_cell": require_cells(observation_space, action_space),
                "activation": ACTIVATIONS[network.activation or default_activation(algorithm)],
            },
        }
    if not algorithm.recurrent or convolutional(observation_space):
        return {}
    is_dict = isinstance(observation_space, spaces.Dict)
    return {"features_extractor_class": _Combine if is_dict else _Flatten}


def build_policy(
    algorithm: SB3Algorithm, observation_space: Space, action_space: Space, network: Network
) -> BasePolicy:
    """An untrained policy network for inference, without disturbing the global random generators.

    Args:
        algorithm: Its row of the catalogue.
        observation_space: In SB3's form, images channel first.
        action_space: In SB3's form.
        network: What the algorithm and the spaces leave open.

    Raises:
        MisfitError: If the network cannot be built for the spaces.
    """
    kwargs = network.policy_kwargs() | extractor_kwargs(algorithm, observation_space, action_space, network)
    alias = policy_alias(algorithm, observation_space, network)
    make: Callable[..., BasePolicy] = (
        model_class(algorithm).policy_aliases[alias] if isinstance(alias, str) else alias
    )
    schedule = () if algorithm.kind == "evolution" else (_no_learning,)
    if schedule:
        kwargs["optimizer_class"] = _NoOptimizer
    if algorithm.kind == "on-policy":
        kwargs["ortho_init"] = False  # takes most of the time, for weights that are to be replaced
    with torch.random.fork_rng(devices=[]):
        policy = make(observation_space, action_space, *schedule, **kwargs)
    policy.set_training_mode(False)
    return policy.requires_grad_(False)


class _NoOptimizer:
    """In place of Adam: making that imports torch's compiler, a second for every process that plays."""

    def __init__(self, *_: object, **__: object) -> None:
        pass


def _no_learning(_: float) -> float:
    return 0.0

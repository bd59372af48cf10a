"""Which SB3 class belongs to an algorithm, and its policy network from plain data.

A policy network is rebuilt from the algorithm's name, the spaces and a `Network`: nothing that is read
from a file names a class or a function, it only chooses among those listed here.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import gymnasium as gym
import torch
from gymnasium import spaces
from pydantic import BaseModel, ConfigDict, Field
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import CombinedExtractor, FlattenExtractor
from torch import nn

from sandbox.backends.sb3.config import Activation, Config, Layers

MODELS = {
    "ppo": "stable_baselines3:PPO",
    "a2c": "stable_baselines3:A2C",
    "dqn": "stable_baselines3:DQN",
    "sac": "stable_baselines3:SAC",
    "td3": "stable_baselines3:TD3",
    "qr-dqn": "sb3_contrib:QRDQN",
    "tqc": "sb3_contrib:TQC",
    "trpo": "sb3_contrib:TRPO",
    "crossq": "sb3_contrib:CrossQ",
    "ars": "sb3_contrib:ARS",
    "recurrent-ppo": "sb3_contrib:RecurrentPPO",
    "maskable-ppo": "sb3_contrib:MaskablePPO",
}

ACTOR_CRITIC = frozenset({"ppo", "a2c", "trpo", "recurrent-ppo", "maskable-ppo"})
"""Policy-gradient algorithms: one network with a policy head and a value head."""

MIN_PICTURE = 36
"""Side from which the convolutional network's last layer has an output, pixels."""

OFF_POLICY = frozenset({"dqn", "qr-dqn", "sac", "td3", "tqc", "crossq"})

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "leaky_relu": nn.LeakyReLU,
    "silu": nn.SiLU,
}


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
    def of(cls, config: Config) -> Network:
        """The network that an algorithm's hyperparameters ask for."""
        values = {name: getattr(config, name, None) for name in cls.model_fields if name != "linear"}
        if config.algorithm == "ars":
            values["linear"] = getattr(config, "policy", None) == "linear"
        if config.activation is None:
            values["activation"] = default_activation(config.algorithm)
        return cls(**values)

    def policy_kwargs(self) -> dict[str, Any]:
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


def default_activation(algorithm: str) -> Activation:
    """The nonlinearity that SB3 uses when none is asked for."""
    return "tanh" if algorithm in ACTOR_CRITIC else "relu"


def model_class(algorithm: str) -> type[BaseAlgorithm]:
    """SB3's class of the algorithm with this name."""
    module, _, name = MODELS[algorithm].partition(":")
    found: type[BaseAlgorithm] = getattr(import_module(module), name)
    return found


def policy_alias(
    algorithm: str, observation_space: gym.Space[Any], network: Network
) -> str | type[BasePolicy]:
    """SB3's name of the kind of policy, such as ``MlpPolicy``, or the class of our own."""
    if network.convolution is not None:
        from sandbox.backends.sb3.convolution import CLASSES

        return CLASSES[algorithm]
    if algorithm == "ars":
        return "LinearPolicy" if network.linear else "MlpPolicy"
    kind = "MultiInput" if isinstance(observation_space, spaces.Dict) else "Mlp"
    suffix = "LstmPolicy" if algorithm == "recurrent-ppo" else "Policy"
    if convolutional(observation_space) and f"Cnn{suffix}" in model_class(algorithm).policy_aliases:
        kind = "Cnn"
    return f"{kind}{suffix}"


def convolutional(observation_space: gym.Space[Any]) -> bool:
    """Whether observations are pictures that SB3's convolutional network (Mnih et al. 2015) can take."""
    if not isinstance(observation_space, spaces.Box) or not is_image_space(observation_space):
        return False
    sides = sorted(observation_space.shape)[1:]
    return min(sides) >= MIN_PICTURE


class _Flatten(FlattenExtractor):
    def __init__(self, observation_space: gym.Space[Any]) -> None:
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


class _Combine(CombinedExtractor):
    def __init__(self, observation_space: spaces.Dict) -> None:
        super().__init__(observation_space)
        self._features_dim = int(self._features_dim)


def extractor_kwargs(
    algorithm: str, observation_space: gym.Space[Any], action_space: gym.Space[Any], network: Network
) -> dict[str, Any]:
    """SB3's own feature extractors, with a workaround where they fail, or the convolutional one.

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
    if algorithm != "recurrent-ppo" or convolutional(observation_space):
        return {}
    is_dict = isinstance(observation_space, spaces.Dict)
    return {"features_extractor_class": _Combine if is_dict else _Flatten}


def build_policy(
    algorithm: str, observation_space: gym.Space[Any], action_space: gym.Space[Any], network: Network
) -> BasePolicy:
    """An untrained policy network for inference, without disturbing the global random generators.

    Args:
        algorithm: A key of `MODELS`.
        observation_space: As shown to SB3, images channel first.
        action_space: As shown to SB3.
        network: What the algorithm and the spaces leave open.
    """
    alias = policy_alias(algorithm, observation_space, network)
    make: Callable[..., BasePolicy] = (
        model_class(algorithm).policy_aliases[alias] if isinstance(alias, str) else alias
    )
    schedule = () if algorithm == "ars" else (_no_learning,)
    kwargs = network.policy_kwargs() | extractor_kwargs(algorithm, observation_space, action_space, network)
    if algorithm in ACTOR_CRITIC:
        kwargs["ortho_init"] = False  # takes most of the time, for weights that are to be replaced
    with torch.random.fork_rng(devices=[]):
        policy = make(observation_space, action_space, *schedule, **kwargs)
    policy.set_training_mode(False)
    return policy.requires_grad_(False)


def _no_learning(_: float) -> float:
    return 0.0

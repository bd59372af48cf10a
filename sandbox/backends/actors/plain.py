"""Policies of one network, made from what a config says of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol

import torch

from sandbox.api.types import Space
from sandbox.backends.actors.policy import ActorPolicy, restored
from sandbox.backends.policy_files import PolicyFiles


class NetworkConfig(Protocol):
    """The part of an algorithm's config that its network depends on."""

    @property
    def net_arch(self) -> list[int]: ...

    @property
    def activation(self) -> str: ...

    @property
    def normalize_observation(self) -> bool: ...


class _Saved(NamedTuple):
    net_arch: list[int]
    activation: str
    normalize_observation: bool


def make_policy(
    name: str,
    observation_space: Space,
    action_space: Space,
    config: NetworkConfig,
    seed: int = 0,
    bounded: bool = False,
    stochastic: bool = False,
) -> ActorPolicy:
    """A new policy; torch's global generator is left as it was.

    Args:
        name: The algorithm whose ``load`` reads it back.
        observation_space: Space of one row.
        action_space: Space of one row's action.
        config: What the network is like.
        seed: Draws the first weights, and sampled actions.
        bounded: As `ActorPolicy` takes it.
        stochastic: As `ActorPolicy` takes it.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ActorPolicy(
            name,
            observation_space,
            action_space,
            config.net_arch,
            config.activation,
            log_std=0.0,
            normalize=config.normalize_observation,
            stochastic=stochastic,
            seed=seed,
            bounded=bounded,
        )


def load(directory: Path) -> ActorPolicy:
    """Read back what `ActorPolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """

    def make(saved: PolicyFiles, observation_space: Space, action_space: Space) -> ActorPolicy:
        document = saved.document
        layers = [int(width) for width in document["net_arch"]]
        config = _Saved(layers, document["activation"], saved.normaliser is not None)
        bounded = bool(document.get("bounded", False))
        return make_policy(
            document["algorithm"],
            observation_space,
            action_space,
            config,
            bounded=bounded,
            stochastic=bool(document.get("stochastic", False)),
        )

    return restored(directory, make)

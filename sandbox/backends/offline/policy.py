"""A policy that takes the action with the largest Q of a network."""

from __future__ import annotations

from pathlib import Path

import torch

from sandbox.api.types import Space
from sandbox.backends.actors.policy import ActorPolicy, restored
from sandbox.backends.offline.config import CQLConfig
from sandbox.backends.policy_files import PolicyFiles


def make_policy(
    name: str, observation_space: Space, action_space: Space, config: CQLConfig, seed: int = 0
) -> ActorPolicy:
    """A new policy, whose network gives Q of every action; torch's global generator is left as it was.

    Taken as logits, these make it a Boltzmann policy where actions are sampled; its mode is the argmax of Q.
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
            stochastic=False,
            seed=seed,
        )


def load(directory: Path) -> ActorPolicy:
    """Read back what `ActorPolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """

    def make(saved: PolicyFiles, observation_space: Space, action_space: Space) -> ActorPolicy:
        document = saved.document
        config = CQLConfig(
            net_arch=document["net_arch"],
            activation=document["activation"],
            normalize_observation=saved.normaliser is not None,
        )
        return make_policy(document["algorithm"], observation_space, action_space, config)

    return restored(directory, make)

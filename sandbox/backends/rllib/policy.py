"""The trained policy, which needs torch but not Ray."""

from __future__ import annotations

from pathlib import Path

from sandbox.api.types import Space
from sandbox.backends.actors.policy import ActorPolicy, restored
from sandbox.backends.policy_files import PolicyFiles
from sandbox.backends.rllib.config import RllibPPOConfig

ALGORITHM = "rllib-ppo"


def new_policy(observation_space: Space, action_space: Space, config: RllibPPOConfig) -> ActorPolicy:
    """A policy whose weights are still to be learned.

    Raises:
        MisfitError: For spaces that it cannot work with.
    """
    return ActorPolicy(
        ALGORITHM,
        observation_space,
        action_space,
        config.net_arch,
        config.activation,
        config.log_std_init,
        config.normalize_observation,
        stochastic=False,
    )


def load(directory: Path) -> ActorPolicy:
    """Read back a saved policy.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """

    def make(saved: PolicyFiles, observation_space: Space, action_space: Space) -> ActorPolicy:
        config = RllibPPOConfig(
            net_arch=saved.document["net_arch"],
            activation=saved.document["activation"],
            normalize_observation=saved.normaliser is not None,
        )
        return new_policy(observation_space, action_space, config)

    return restored(directory, make)

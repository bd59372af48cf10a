"""Fine-tuning: a fresh SB3 model that starts from a saved policy."""

from __future__ import annotations

from pathlib import Path

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit, shapes
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.config.common import Config
from sandbox.backends.sb3.from_clone import is_clone, start_from_clone
from sandbox.backends.sb3.networks import Network
from sandbox.backends.sb3.normaliser import Normaliser


def start_from(model: BaseAlgorithm, algorithm: SB3Algorithm, config: Config, directory: Path) -> None:
    """Load a saved policy's weights and normaliser into a model that has not learned yet.

    Any policy with the same layers will do, whichever algorithm trained it: PPO, A2C, TRPO and
    maskable PPO share theirs, and take over the actor of a clone (`start_from_clone`). Target networks
    start as copies of the loaded ones.

    Raises:
        MisfitError: If layers, nonlinearity or normalisation differ; names what does.
        DamagedRunError: If the folder is incomplete or damaged.
    """
    files = read_policy(directory)
    if is_clone(files):
        activation = Network.of(algorithm, config).activation
        start_from_clone(model, files, activation, config.normalize_observation, directory)
        return
    require_fit(shapes(model.policy.state_dict()), shapes(files.tensors), directory)
    _require_same_activation(files, Network.of(algorithm, config), directory)
    _restore_normaliser(model, config, files, directory)
    model.policy.load_state_dict(files.tensors)
    for name in algorithm.target_networks:
        target = model.policy.get_submodule(f"{name}_target")
        target.load_state_dict(model.policy.get_submodule(name).state_dict())
    if algorithm.kind == "evolution":  # searches in a flat vector of the weights
        weights = torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach()
        model.weights = weights  # type: ignore[attr-defined]


def explore_by_policy(model: BaseAlgorithm) -> None:
    """Let a model that starts from a saved policy act by it from the first step on.

    Off-policy algorithms of SB3 take random actions for ``learning_starts`` steps. Fine-tuning would throw
    away there what the policy knows: its first steps, and a replay buffer that shows the critic nothing of
    where the policy goes (Zhou et al. 2024, arXiv 2412.07762). Gradient steps still wait for
    ``learning_starts``.
    """
    if not isinstance(model, OffPolicyAlgorithm):
        return
    sample = model._sample_action

    def by_policy(
        learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[Array, Array]:
        del learning_starts
        return sample(0, action_noise, n_envs)

    model._sample_action = by_policy  # type: ignore[method-assign]


def _require_same_activation(files: PolicyFiles, network: Network, directory: Path) -> None:
    described = files.document.get("network")
    saved = described.get("activation") if isinstance(described, dict) else None
    if isinstance(saved, str) and saved != network.activation:
        raise MisfitError(
            f"The policy in {directory} was trained with activation {saved}, here it would be "
            f"{network.activation}.",
            f"Use --hp activation={saved}.",
        )


def _restore_normaliser(model: BaseAlgorithm, config: Config, files: PolicyFiles, directory: Path) -> None:
    if (files.normaliser is not None) != config.normalize_observation:
        was, fix = ("normalised", "true") if files.normaliser is not None else ("plain", "false")
        raise MisfitError(
            f"The policy in {directory} was trained on {was} observations.",
            f"Use --hp normalize_observation={fix}.",
        )
    if files.normaliser is None:
        return
    env = model.get_vec_normalize_env()
    assert env is not None
    Normaliser.from_arrays(files.normaliser, env.observation_space).restore(env)

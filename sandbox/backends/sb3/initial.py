"""Fine-tuning: a fresh SB3 model that starts from a saved policy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import ActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from sandbox.api.errors import MisfitError
from sandbox.backends.policy_files import PolicyFiles, read_policy, require_fit
from sandbox.backends.sb3.config import Config
from sandbox.backends.sb3.networks import Network
from sandbox.backends.sb3.normaliser import Normaliser

_TARGETS = {"q_net": "q_net_target", "quantile_net": "quantile_net_target"} | {
    "actor": "actor_target",
    "critic": "critic_target",
}
"""Online network and its slowly following copy, where a policy has them."""


def start_from(model: BaseAlgorithm, config: Config, directory: Path) -> None:
    """Load a saved policy's weights and normaliser into a model that has not learned yet.

    Any policy with the same layers will do, whichever algorithm trained it: PPO, A2C, TRPO and
    maskable PPO share theirs. Target networks start as copies of the loaded ones.

    Raises:
        MisfitError: If layers, nonlinearity or normalisation differ; names what does.
        DamagedRunError: If the folder is incomplete or damaged.
    """
    files = read_policy(directory)
    expected = model.policy.state_dict()
    require_fit(_shapes(expected), _shapes(files.tensors), directory)
    _require_same_activation(files, config, directory)
    _restore_normaliser(model, config, files, directory)
    model.policy.load_state_dict(files.tensors)
    for online, target in _TARGETS.items():
        if (copy := getattr(model.policy, target, None)) is not None:
            copy.load_state_dict(getattr(model.policy, online).state_dict())
    if config.algorithm == "ars":  # searches in a vector of its own
        model.weights = torch.nn.utils.parameters_to_vector(model.policy.parameters()).detach()  # type: ignore[attr-defined]


def explore_by_policy(model: BaseAlgorithm) -> None:
    """Let a model that starts from a saved policy act by it from the first step on.

    Off-policy algorithms of SB3 take random actions for ``learning_starts`` steps. Fine-tuning would throw
    away there what the policy knows: its first steps, and a replay that shows the critic nothing of where
    the policy goes (Zhou et al. 2024, arXiv 2412.07762). Gradient steps still wait for ``learning_starts``.
    """
    if not isinstance(model, OffPolicyAlgorithm):
        return
    sample = model._sample_action

    def by_policy(
        learning_starts: int, action_noise: ActionNoise | None = None, n_envs: int = 1
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        del learning_starts
        return sample(0, action_noise, n_envs)

    model._sample_action = by_policy  # type: ignore[method-assign]


def _require_same_activation(files: PolicyFiles, config: Config, directory: Path) -> None:
    network = files.document.get("network")
    saved = network.get("activation") if isinstance(network, dict) else None
    wanted = Network.of(config).activation
    if isinstance(saved, str) and saved != wanted:
        raise MisfitError(
            f"The policy in {directory} was trained with activation {saved}, here it would be {wanted}.",
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


def _shapes(tensors: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}

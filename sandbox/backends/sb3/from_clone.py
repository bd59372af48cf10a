"""Reinforcement learning that begins with imitation: an SB3 actor-critic whose actor is a clone's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

from sandbox.api.errors import MisfitError
from sandbox.backends.actors.distributions import Gaussian
from sandbox.backends.actors.observations import Normaliser as ActorNormaliser
from sandbox.backends.actors.policy import ACTOR, KIN, part
from sandbox.backends.policy_files import PolicyFiles, require_fit, shapes
from sandbox.backends.sb3.normaliser import Normaliser, Statistics


def is_clone(files: PolicyFiles) -> bool:
    """Whether a saved policy is an actor of `sandbox.backends.actors`, such as ``bc`` and ``dagger`` save."""
    return files.document.get("algorithm") in KIN


def start_from_clone(
    model: BaseAlgorithm, files: PolicyFiles, activation: str | None, normalised: bool, directory: Path
) -> None:
    """Give an actor-critic the actor of a clone: the same actions for the same observations.

    The critic is a new one, since a clone has none, and so are the standard deviations of continuous
    actions (``log_std_init``): a clone's tell how well its labels could be told apart, not how much to
    explore. The clone's normaliser goes on where observations are normalised here too, and is otherwise
    folded into the first layer, which then lacks its limit of ten deviations.

    Args:
        model: Has not learned yet.
        files: The saved policy.
        activation: Of the model's hidden layers.
        normalised: Whether the model normalises observations.
        directory: Of the saved policy, for messages.

    Raises:
        MisfitError: If the model has no such actor, or other layers, activation or bounds of actions.
    """
    policy, trained_by = model.policy, files.document["algorithm"]
    # sb3-contrib's maskable policy has the same layers and another base class.
    has_actor = hasattr(policy, "mlp_extractor") and hasattr(policy, "action_net")
    if not has_actor or isinstance(model.observation_space, spaces.Dict):
        raise MisfitError(
            f"The policy in {directory} was trained by {trained_by}. From it start ppo, a2c, trpo and "
            "maskable-ppo, where observations are a single array or number, and reinforce.",
        )
    if files.document.get("activation") != activation:
        saved = files.document.get("activation")
        raise MisfitError(
            f"The policy in {directory} has the activation {saved}, here it would be {activation}.",
            f"Use --hp activation={saved}.",
        )
    if files.document.get("bounded"):
        raise MisfitError(f"The policy in {directory} bounds its actions by a tanh, which this one does not.")
    layers = _named_as_here(part(files, ACTOR))
    here = policy.state_dict()
    expected = {
        name: here[name] for name in here if name.startswith(("mlp_extractor.policy_net.", "action_net."))
    }
    require_fit(shapes(expected), shapes(layers), directory)
    if files.normaliser is not None:
        statistics = ActorNormaliser.from_arrays(files.normaliser, expected[_first(expected)].shape[1])
        if normalised:
            _go_on_with(statistics, model)
        else:
            _fold(statistics, layers)
    elif normalised:
        raise MisfitError(
            f"The policy in {directory} was trained on plain observations.",
            "Use --hp normalize_observation=false.",
        )
    if isinstance(policy.action_space, spaces.Box):
        _in_units_of_the_actions(policy.action_space, layers)
    policy.load_state_dict(here | layers)


def _named_as_here(actor: dict[str, Tensor]) -> dict[str, Tensor]:
    """Layers of a clone's actor under the names that they have in SB3's policies."""
    numbers = sorted({int(name.split(".")[1]) for name in actor if name.startswith("net.")})
    names = {number: f"mlp_extractor.policy_net.{number}" for number in numbers[:-1]}
    names[numbers[-1]] = "action_net"
    return {
        f"{names[number]}.{kind}": actor[f"net.{number}.{kind}"].clone()
        for number in numbers
        for kind in ("weight", "bias")
    }


def _first(layers: dict[str, Tensor]) -> str:
    """Name of the first layer's weights."""
    name = "mlp_extractor.policy_net.0.weight"
    return name if name in layers else "action_net.weight"


def _go_on_with(statistics: ActorNormaliser, model: BaseAlgorithm) -> None:
    env = model.get_vec_normalize_env()
    assert env is not None
    shape = model.observation_space.shape or ()
    running = Statistics(statistics.mean.reshape(shape), statistics.var.reshape(shape), statistics.count)
    Normaliser({"": running}, env.epsilon, env.clip_obs).restore(env)


def _fold(statistics: ActorNormaliser, layers: dict[str, Tensor]) -> None:
    """W (x - μ)/σ + b = (W/σ) x + (b - (W/σ) μ)."""
    weight = _first(layers)
    bias = weight.replace("weight", "bias")
    layers[weight] = layers[weight] * torch.from_numpy(statistics.scale)
    layers[bias] = layers[bias] - layers[weight] @ torch.from_numpy(statistics.shift)


def _in_units_of_the_actions(space: spaces.Box, layers: dict[str, Tensor]) -> None:
    """A clone's means are in half widths of the range from its middle, SB3's are the actions themselves."""
    scale = Gaussian(space)
    half_width, middle = (
        torch.from_numpy(numbers.astype(np.float32)) for numbers in (scale.half_width, scale.middle)
    )
    layers["action_net.weight"] = layers["action_net.weight"] * half_width[:, None]
    layers["action_net.bias"] = layers["action_net.bias"] * half_width + middle

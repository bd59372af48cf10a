"""Turns a model that Stable-Baselines3 saved itself into a policy without pickle.

The only place where a pickle is read, and it is reached only behind ``--trust-pickle``: reading an archive
of Stable-Baselines3 runs whatever code its author put in.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from sandbox.api.errors import BrokenFileError, MisfitError
from sandbox.backends.sb3.networks import (
    ACTIVATIONS,
    Network,
    build_policy,
    default_activation,
    model_class,
)
from sandbox.backends.sb3.policy import SB3Policy


def convert(file: Path, directory: Path, name: str) -> None:
    """Read the archive ``file`` of the algorithm ``name`` and write it as a policy into ``directory``.

    The statistics of a ``VecNormalize`` are not part of such an archive: a model that was trained on
    normalised observations plays without them, and worse.

    Raises:
        BrokenFileError: If it is not such an archive.
        MisfitError: If its network is one that a policy here cannot have.
    """
    if not zipfile.is_zipfile(file):
        raise BrokenFileError(file, "is not an archive of Stable-Baselines3")
    try:
        model = model_class(name).load(file, device="cpu")
    except Exception as error:  # whatever its pickles raise
        first = next(iter(str(error).splitlines()), "no reason given")
        raise BrokenFileError(
            file,
            f"cannot be read as a model of {name}: {type(error).__name__}: {first[:200]}",
            hint="Name the algorithm that trained it: --algo NAME.",
        ) from error
    network = _network(model, name, file)
    policy = build_policy(name, model.observation_space, model.action_space, network)
    try:
        policy.load_state_dict(model.policy.state_dict())
    except RuntimeError as error:
        raise MisfitError(
            f"{file} holds a network that a policy of {name} here cannot have: "
            f"{next(iter(str(error).splitlines()[1:]), str(error)).strip()[:200]}",
            "Supported are SB3's own policies for vectors and dictionaries of them.",
        ) from error
    SB3Policy(name, model.observation_space, model.action_space, network, policy).save(directory)


def _network(model: BaseAlgorithm, name: str, file: Path) -> Network:
    given: dict[str, Any] = dict(model.policy_kwargs)
    if isinstance(model.observation_space, spaces.Box) and len(model.observation_space.shape or ()) > 2:
        raise MisfitError(f"{file} was trained on pictures, which are not converted.")
    if given.get("features_extractor_class") or given.get("use_sde") or getattr(model, "use_sde", False):
        raise MisfitError(f"{file} has a feature extractor or an exploration of its own.")
    layers = given.get("net_arch")
    if isinstance(layers, dict):
        parts = [tuple(part) for part in layers.values()]
        if any(part != parts[0] for part in parts):
            raise MisfitError(f"{file} has unlike layers for actor and critic: {layers}.")
        layers = parts[0]
    classes = {made: word for word, made in ACTIVATIONS.items()}
    activation = given.get("activation_fn")
    if activation is not None and activation not in classes:
        raise MisfitError(f"{file} has the nonlinearity {activation}.", f"Known: {', '.join(ACTIVATIONS)}.")
    known = set(Network.model_fields) - {"net_arch", "activation"}
    kept = {key: value for key, value in given.items() if key in known}
    return Network(
        net_arch=None if layers is None else tuple(layers),
        activation=default_activation(name) if activation is None else classes[activation],
        linear="Linear" in type(model.policy).__name__ if name == "ars" else None,
        **kept,
    )

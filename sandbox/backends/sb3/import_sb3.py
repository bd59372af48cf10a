"""Turns a model that Stable-Baselines3 saved itself into a policy without pickle.

The only place where a pickle is read, and it is reached only behind ``--trust-pickle``: reading an archive
of Stable-Baselines3 runs whatever code its author put in.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from sandbox.api.errors import BrokenFileError, MisfitError
from sandbox.backends.sb3.catalogue import SB3Algorithm
from sandbox.backends.sb3.networks import (
    ACTIVATIONS,
    Arguments,
    Network,
    build_policy,
    default_activation,
    model_class,
)
from sandbox.backends.sb3.policy import SB3Policy


def import_sb3(algorithm: SB3Algorithm, file: Path, directory: Path) -> None:
    """Read the archive ``file`` of an algorithm and write it as a policy into ``directory``.

    The statistics of a ``VecNormalize`` are not part of such an archive: a model that was trained on
    normalised observations plays without them, and worse.

    Raises:
        BrokenFileError: If it is not such an archive.
        MisfitError: If its network is one that a policy here cannot have.
    """
    if not zipfile.is_zipfile(file):
        raise BrokenFileError(file, "is not an archive of Stable-Baselines3")
    try:
        model = model_class(algorithm).load(file, device="cpu")
    except Exception as error:  # whatever its pickles raise
        first = next(iter(str(error).splitlines()), "no reason given")
        raise BrokenFileError(
            file,
            f"cannot be read as a model of {algorithm.name}: {type(error).__name__}: {first[:200]}",
            hint="Name the algorithm that trained it: --algo NAME.",
        ) from error
    network = _network(algorithm, model, file)
    policy = build_policy(algorithm, model.observation_space, model.action_space, network)
    try:
        policy.load_state_dict(model.policy.state_dict())
    except RuntimeError as error:
        raise MisfitError(
            f"{file} holds a network that a policy of {algorithm.name} here cannot have: "
            f"{next(iter(str(error).splitlines()[1:]), str(error)).strip()[:200]}",
            "Supported are SB3's own policies for vectors and dictionaries of them.",
        ) from error
    SB3Policy(algorithm, model.observation_space, model.action_space, network, policy).save(directory)


def _network(algorithm: SB3Algorithm, model: BaseAlgorithm, file: Path) -> Network:
    given: Arguments = dict(model.policy_kwargs)
    if isinstance(model.observation_space, spaces.Box) and len(model.observation_space.shape or ()) > 2:
        raise MisfitError(f"{file} was trained on images, which are not converted.")
    if given.get("features_extractor_class") or given.get("use_sde") or getattr(model, "use_sde", False):
        raise MisfitError(f"{file} has a custom feature extractor or state-dependent exploration (gSDE).")
    layers = given.get("net_arch")
    if isinstance(layers, dict):
        parts = [tuple(part) for part in layers.values()]
        if any(part != parts[0] for part in parts):
            raise MisfitError(f"{file} has different layers for actor and critic: {layers}.")
        layers = parts[0]
    names = {module: name for name, module in ACTIVATIONS.items()}
    activation = given.get("activation_fn")
    if activation is not None and activation not in names:
        raise MisfitError(f"{file} has the nonlinearity {activation}.", f"Known: {', '.join(ACTIVATIONS)}.")
    other_fields = set(Network.model_fields) - {"net_arch", "activation"}
    kept = {key: value for key, value in given.items() if key in other_fields}
    return Network(
        net_arch=None if layers is None else tuple(layers),
        activation=default_activation(algorithm) if activation is None else names[activation],
        linear="Linear" in type(model.policy).__name__ if algorithm.kind == "evolution" else None,
        **kept,
    )

"""The policy of several agents: rows of an environment are its agents, in their order."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.api.agents import Agents
from sandbox.api.errors import DamagedRunError, MisfitError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.types import Array, Bools, Json
from sandbox.backends.multi_agent.actors import Actors
from sandbox.backends.multi_agent.export import AgentPart, parts_of
from sandbox.backends.multi_agent.layout import Layout
from sandbox.backends.multi_agent.normaliser import JointNormaliser
from sandbox.backends.policy_files import (
    PolicyFiles,
    read_policy,
    require_fit,
    require_size,
    shapes,
    write_policy,
)

if TYPE_CHECKING:
    from sandbox.backends.multi_agent.config import NetworkConfig

ACTORS = "agents."
"""Prefix of the acting networks' weights; what else was learned (critics, mixers) has its own."""


class JointPolicy:
    """Acts for all agents of every environment; implements `sandbox.api.Policy`.

    Args:
        algorithm: Name of the algorithm whose ``load`` reads it back.
        layout: The agents and their spaces.
        config: Of the networks; the rest of an algorithm's hyperparameters is not needed to act.
        greedy: Whether it always takes the best action (utilities) or can be sampled (probabilities).
        seed: Seeds the first weights and the draws.
        log_std: First log standard deviation of continuous actions.

    Attributes:
        actors: The networks that act.
        normaliser: Of the observations, or None.
        others: Networks that were learned beside and are saved with it: critics, mixers.
        stochastic: Always false: where the mode is asked for, the mode is taken.
    """

    stochastic = False

    def __init__(
        self,
        algorithm: str,
        layout: Layout,
        config: NetworkConfig,
        greedy: bool,
        seed: int = 0,
        log_std: float = -0.5,
    ) -> None:
        self.algorithm, self.layout, self.config, self.greedy = algorithm, layout, config, greedy
        self.observation_space, self.action_space = layout.observation_space, layout.action_space
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.actors = Actors(layout, config, log_std if layout.distribution.gaussian else None)
        shared = config.share_parameters
        normal = config.normalize_observation
        self.normaliser = JointNormaliser(len(layout), layout.inputs, shared) if normal else None
        self.others: dict[str, nn.Module] = {}
        self._rng = np.random.default_rng(seed)

    @property
    def agents(self) -> Agents:
        """For whom it acts."""
        return self.layout.agents

    def bind(self, env: Any, models: Any) -> None:
        """Refuse an environment with other agents.

        Raises:
            MisfitError: If there are more or fewer agents, or their own spaces have other sizes.
        """
        names = list(getattr(env, "possible_agents", None) or getattr(env, "agents", None) or ())
        if names and len(names) != len(self.agents):
            raise MisfitError(
                f"The policy acts for {len(self.agents)} agents together; this task has {len(names)}.",
                "A policy of several learners fits the agents that it was trained with, in their order.",
            )

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator of sampled actions; there is no recurrent state."""
        self._rng = np.random.default_rng(seed)

    def act(
        self, observation: Array, mask: NDArray[np.bool_] | None = None, deterministic: bool = True
    ) -> Array:
        """Actions of ``n · k`` rows, environment by environment; see `sandbox.api.Policy.act`."""
        rows = len(observation)
        if rows % len(self.agents):
            raise MisfitError(
                f"{rows} rows are no whole number of environments with {len(self.agents)} agents."
            )
        inputs = self.inputs(self.layout.flat(observation))
        rng = None if deterministic or self.greedy else self._rng
        actions = self.layout.actions(self.draw(inputs, mask, rng))
        return actions.reshape(rows, *actions.shape[2:])

    def inputs(self, rows: NDArray[np.float32]) -> Tensor:
        """Flattened observations ``(n, k, D)`` as the networks take them."""
        return torch.from_numpy(rows if self.normaliser is None else self.normaliser(rows))

    def draw(self, inputs: Tensor, mask: Bools | None, rng: np.random.Generator | None) -> Array:
        """Raw draws, shape ``(n, k, r)``; the best without a generator."""
        n, k = inputs.shape[:2]
        with torch.inference_mode():
            params = self.actors(inputs).reshape(n * k, -1).numpy()
        allowed = self.layout.allowed(mask, n)
        flat = None if allowed is None else allowed.reshape(n * k, -1)
        return self.layout.distribution.draw(params, flat, rng).reshape(n, k, -1)

    def snapshot(self) -> JointPolicy:
        """A copy that further training does not change."""
        return copy.deepcopy(self)

    def networks(self) -> Sequence[AgentPart]:
        """What `sandbox export` writes: a part for every agent, or for all where they act alike."""
        return parts_of(self.layout, self.config, self.actors, self.normaliser)

    def save(self, directory: Path) -> None:
        """Write ``policy.json``, ``weights.safetensors`` and, if normalised, ``normaliser.npz``.

        Raises:
            StorageError: If the folder cannot be written.
        """
        agents, config = self.agents, self.config
        document: Json = {
            "algorithm": self.algorithm,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "agents": [
                {"name": name, "observation_space": space_to_json(seen), "action_space": space_to_json(done)}
                for name, seen, done in zip(
                    agents.names, agents.observation_spaces, agents.action_spaces, strict=True
                )
            ],
            "net_arch": list(config.net_arch),
            "activation": config.activation,
            "share_parameters": config.share_parameters,
            "agent_id": config.agent_id,
            "greedy": self.greedy,
        }
        normaliser = None if self.normaliser is None else self.normaliser.arrays()
        write_policy(directory, document, self.tensors(), normaliser)

    def tensors(self) -> dict[str, Tensor]:
        """All weights by name."""
        modules = {ACTORS: self.actors, **{f"{name}.": module for name, module in self.others.items()}}
        return {
            prefix + name: tensor
            for prefix, module in modules.items()
            for name, tensor in module.state_dict().items()
        }

    def load_weights(self, saved: PolicyFiles, source: Path) -> None:
        """Start from a saved policy: its weights, its normaliser, and critics or mixers that fit.

        Raises:
            MisfitError: If it is of another algorithm, or its layers or its normaliser differ.
        """
        trained_by = saved.document["algorithm"]
        if trained_by != self.algorithm:
            raise MisfitError(
                f"The policy in {source} was trained by {trained_by}, "
                f"which {self.algorithm} cannot start from.",
                f"Continue with --algo {trained_by}, or start from a run of {self.algorithm}.",
            )
        actors = _part(saved, ACTORS)
        require_fit(shapes(self.actors.state_dict()), shapes(actors), source)
        self.actors.load_state_dict(actors)
        for name, module in self.others.items():
            weights = _part(saved, f"{name}.")
            if shapes(weights) == shapes(module.state_dict()):
                module.load_state_dict(weights)
        if (saved.normaliser is None) != (self.normaliser is None):
            given = "not " if saved.normaliser is None else ""
            raise MisfitError(
                f"The policy in {source} was trained on observations that were {given}normalised.",
                f"Add --hp normalize_observation={'false' if given else 'true'}.",
            )
        if self.normaliser is not None and saved.normaliser is not None:
            self.normaliser.load(saved.normaliser)


def load(directory: Path) -> JointPolicy:
    """Read back what `JointPolicy.save` wrote.

    Raises:
        DamagedRunError: If anything is missing, changed or inconsistent.
    """
    from sandbox.backends.multi_agent.config import NetworkConfig

    saved = read_policy(directory)
    document = saved.document
    try:
        config = NetworkConfig(
            net_arch=document["net_arch"],
            activation=document["activation"],
            share_parameters=document["share_parameters"],
            agent_id=document["agent_id"],
            normalize_observation=saved.normaliser is not None,
        )
        layout = Layout(
            Agents(
                tuple(str(agent["name"]) for agent in document["agents"]),
                tuple(space_from_json(agent["observation_space"]) for agent in document["agents"]),
                tuple(space_from_json(agent["action_space"]) for agent in document["agents"]),
            ),
            space_from_json(document["observation_space"]),
            space_from_json(document["action_space"]),
        )
        _require_weights(saved, layout, config, directory)
        policy = JointPolicy(str(document["algorithm"]), layout, config, bool(document["greedy"]))
        policy.load_weights(saved, directory)
    except (KeyError, ValueError, TypeError, IndexError, AssertionError, MisfitError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error
    return policy


def _require_weights(saved: PolicyFiles, layout: Layout, config: NetworkConfig, source: Path) -> None:
    """Refuse a description of networks that are larger than the weights that come with them."""
    actors = _part(saved, ACTORS)
    if config.share_parameters:
        require_size(actors, layout.inputs, config.net_arch, source)
        return
    for agent, columns in enumerate(layout.columns):
        prefix = f"nets.nets.{agent}."
        weights = {name: tensor for name, tensor in actors.items() if name.startswith(prefix)}
        require_size(weights, len(columns), config.net_arch, source)


def _part(saved: PolicyFiles, prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): t for name, t in saved.tensors.items() if name.startswith(prefix)}

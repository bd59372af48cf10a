"""PETS: learn an ensemble of probabilistic networks, and plan in it (Chua et al. 2018, arXiv 1805.12114).

    a_t = first of argmax over a_t, …, a_{t+H-1} of  1/E Σ_e Σ_h γ^h r_e(s_{t+h}, a_{t+h})

Each member of the ensemble plays every sequence by itself to the end (TS∞): a sequence is good if it is good
whichever member is right.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from sandbox.api import Interaction, TrainContext, driven
from sandbox.api.errors import DamagedRunError, MisfitError, RunFailedError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.types import Array, Space
from sandbox.backends.actors.observations import flat_size, flatten
from sandbox.backends.models.config import PetsConfig
from sandbox.backends.models.ensemble import Ensemble, fit_model
from sandbox.backends.models.experience import ActionScale, Experience, bounded_box
from sandbox.backends.models.trajectories import Floats, TrajectorySearch
from sandbox.backends.policy_files import read_policy, require_fit, shapes, write_policy
from sandbox.backends.tensors import load_module, packed

NAME = "pets"


class PetsPolicy:
    """Plans in a learned model before every step; see `Policy`.

    Args:
        observation_space: Of a row.
        action_space: Of a row; bounded.
        config: Of the model and the search.
        seed: Draws the first weights.

    Attributes:
        ensemble: The model.

    Raises:
        MisfitError: If actions have no bounds.
    """

    memoryless = False

    def __init__(
        self, observation_space: Space, action_space: Space, config: PetsConfig, seed: int = 0
    ) -> None:
        box = bounded_box(action_space, NAME)
        self.observation_space, self.action_space, self.config = observation_space, box, config
        self.scale = ActionScale(box)
        size = flat_size(observation_space)
        self.ensemble = Ensemble(config.members, size, self.scale.size, config.net_arch, seed)
        self.search = TrajectorySearch(box, config, NAME)
        self._rng = np.random.default_rng(seed)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget the plans and restart the generator."""
        self.start(num_envs, np.random.default_rng(seed))

    def start(self, num_envs: int, rng: np.random.Generator) -> None:
        """The same with a generator that is shared."""
        self._rng = rng
        self.search.reset(num_envs, rng)

    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """First actions of new plans."""
        rows = flatten(self.observation_space, observation)
        return self.search.plan(lambda sequences: self.returns(rows, sequences))

    def returns(self, observations: Array, sequences: Floats) -> Floats:
        """Mean over the members of what sequences earn in them, shape ``(rows, N)``.

        Args:
            observations: Shape ``(rows, size)``.
            sequences: Actions, shape ``(rows, N, horizon, k)``.
        """
        rows, number, horizon, size = sequences.shape
        ensemble, count = self.ensemble, rows * number
        actions = torch.from_numpy(self.scale.scaled(sequences).reshape(count, horizon, size))
        seen = torch.from_numpy(np.repeat(np.asarray(observations, np.float32), number, axis=0))
        state = seen.expand(ensemble.members, count, -1)
        total, alive, weight = torch.zeros(ensemble.members, count), torch.ones(ensemble.members, count), 1.0
        shape = (ensemble.members, count, ensemble.outputs)
        for step in range(horizon):
            noise = torch.from_numpy(self._rng.standard_normal(shape, np.float32))
            action = actions[:, step].expand(ensemble.members, count, -1)
            state, reward, ended = ensemble.step(state, action, noise)
            total += weight * alive * reward
            alive = alive * ~ended
            weight *= self.config.gamma
        mean: Floats = total.mean(0).double().numpy().reshape(rows, number)
        return mean

    def save(self, directory: Path) -> None:
        """Write the model and the settings."""
        document = {
            "algorithm": NAME,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "config": self.config.model_dump(mode="json"),
        }
        write_policy(directory, document, self.ensemble.state_dict())


def load(directory: Path) -> PetsPolicy:
    """Read what `PetsPolicy.save` wrote.

    Raises:
        DamagedRunError: If it does not hold together.
    """
    saved = read_policy(directory)
    try:
        spaces = [space_from_json(saved.document[key]) for key in ("observation_space", "action_space")]
        config = PetsConfig.model_validate(saved.document["config"])
        layers = sum(name.startswith("weights.") for name in saved.tensors)
        if layers != len(config.net_arch) + 1 or saved.tensors["weights.0"].shape[0] != config.members:
            raise ValueError("its layers are not those of its settings")
        policy = PetsPolicy(spaces[0], spaces[1], config)
        require_fit(shapes(policy.ensemble.state_dict()), shapes(saved.tensors), directory)
        policy.ensemble.load_state_dict(saved.tensors)
    except (KeyError, ValueError, TypeError, ValidationError, MisfitError, RuntimeError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is no learned model: {error}.", "Use another checkpoint of the run."
        ) from error
    return policy


class Pets:
    """See `sandbox.api.Learner`: plays, then fits the model to all steps so far."""

    def __init__(self, context: TrainContext) -> None:
        config: PetsConfig = context.config
        self.config, self.total, self.steps = config, context.steps, 0
        self.learned = PetsPolicy(context.observation_space, context.action_space, config, context.seed)
        self.fitted = context.initial is not None
        if context.initial is not None and context.resume is None:
            saved = read_policy(context.initial)
            if saved.document["algorithm"] != NAME:
                raise MisfitError(
                    f"The policy in {context.initial} was trained by {saved.document['algorithm']}, "
                    f"which {NAME} cannot start from."
                )
            require_fit(shapes(self.learned.ensemble.state_dict()), shapes(saved.tensors), context.initial)
            self.learned.ensemble.load_state_dict(saved.tensors)
        self.rng = np.random.default_rng(context.seed)
        self.experience = Experience(context.observation_space, self.learned.scale)
        self.play = Interaction(context)
        self.learned.start(self.play.rows, self.rng)

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Play until the next fit, and fit."""
        wanted = self.config.steps_per_fit if self.fitted else self.config.random_steps
        wanted, taken, reward = min(wanted, self.total - self.steps), 0, 0.0
        while taken < wanted:
            played = self.play.step(self._actions())
            self.experience.add(played)
            self.learned.search.forget(played.terminated | played.truncated)
            taken, reward = taken + len(played), reward + float(played.reward.sum())
        self.steps += taken
        steps = self.experience.all()
        if not (np.isfinite(steps.reward).all() and np.isfinite(steps.following).all()):
            raise RunFailedError("The environment gave a reward or an observation that is no finite number.")
        figures = fit_model(self.learned.ensemble, steps, self.config, self.rng)
        self.fitted = True
        return taken, {"reward": reward / taken, **figures}

    def _actions(self) -> Array:
        if not self.fitted:
            drawn = self.rng.uniform(-1, 1, (self.play.rows, self.learned.scale.size))
            return self.learned.scale.actions(drawn)
        return self.learned.act(self.play.observation)

    def policy(self) -> PetsPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """The model, the steps, the plans, the environments' last observations and the generator."""
        return {
            "ensemble": packed(self.learned.ensemble.state_dict()),
            "experience": self.experience.get_state(),
            "plans": self.learned.search.plans.copy(),
            "play": self.play.get_state(),
            "rng": self.rng.bit_generator.state,
            "steps": self.steps,
            "fitted": self.fitted,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.learned.ensemble, state["ensemble"])
        self.experience.set_state(state["experience"])
        self.learned.search.plans[:] = state["plans"]
        self.play.set_state(state["play"])
        self.rng.bit_generator.state = state["rng"]
        self.steps, self.fitted = int(state["steps"]), bool(state["fitted"])


train = driven(Pets)

"""MBPO: soft actor-critic on short rollouts in a learned model (Janner et al. 2019, arXiv 1906.08253).

From observations that were met, the policy plays ``rollout_length`` steps in the ensemble, each step in
a member that is drawn. Most of a batch are such steps, so that a step in the environment is followed by many
updates; as rollouts are short, the model's errors do not pile up.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sandbox.api import Interaction, TrainContext, driven
from sandbox.api.errors import DamagedRunError, MisfitError, RunFailedError
from sandbox.api.spaces import space_from_json, space_to_json
from sandbox.api.types import Array, Space
from sandbox.backends.actors.observations import flat_size, flatten
from sandbox.backends.models.config import MbpoConfig
from sandbox.backends.models.ensemble import Ensemble, Steps, fit_model, joined
from sandbox.backends.models.experience import ActionScale, Experience, bounded_box
from sandbox.backends.models.sac import SoftActorCritic, SquashedActor
from sandbox.backends.policy_files import read_policy, require_fit, shapes, write_policy
from sandbox.backends.tensors import load_module, packed

NAME = "mbpo"


class SquashedPolicy:
    """The actor alone; see `sandbox.api.Policy`.

    Args:
        observation_space: Of a row.
        action_space: Of a row; bounded.
        actor: The network.
        net_arch: Its hidden layers.
    """

    memoryless = True

    def __init__(
        self, observation_space: Space, action_space: Space, actor: SquashedActor, net_arch: list[int]
    ) -> None:
        self.observation_space, self.actor, self.net_arch = observation_space, actor, net_arch
        self.scale = ActionScale(bounded_box(action_space, NAME))
        self._rng = np.random.default_rng(0)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Restart the generator of sampled actions."""
        self._rng = np.random.default_rng(seed)

    @torch.no_grad()
    def act(self, observation: Any, mask: Any = None, deterministic: bool = True) -> Array:
        """The mode, or a sample."""
        rows = torch.from_numpy(flatten(self.observation_space, observation))
        if deterministic:
            return self.scale.actions(self.actor(rows).numpy())
        noise = self._rng.standard_normal((len(rows), self.scale.size), np.float32)
        return self.scale.actions(self.actor.sample(rows, torch.from_numpy(noise))[0].numpy())

    def save(self, directory: Path) -> None:
        """Write the actor."""
        document = {
            "algorithm": NAME,
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.scale.space),
            "net_arch": self.net_arch,
        }
        write_policy(directory, document, self.actor.state_dict())


def load(directory: Path) -> SquashedPolicy:
    """Read what `SquashedPolicy.save` wrote.

    Raises:
        DamagedRunError: If it does not hold together.
    """
    saved = read_policy(directory)
    try:
        spaces = [space_from_json(saved.document[key]) for key in ("observation_space", "action_space")]
        layers = [int(width) for width in saved.document["net_arch"]]
        inputs, scale = flat_size(spaces[0]), ActionScale(bounded_box(spaces[1], NAME))
        with torch.device("meta"):  # of no size, until it is clear that the file holds as much
            actor: nn.Module = SquashedActor(inputs, scale.size, layers)
        require_fit(shapes(actor.state_dict()), shapes(saved.tensors), directory)
        actor.load_state_dict(saved.tensors, assign=True)
        assert isinstance(actor, SquashedActor)
        return SquashedPolicy(spaces[0], spaces[1], actor, layers)
    except (KeyError, ValueError, TypeError, MisfitError, RuntimeError) as error:
        raise DamagedRunError(
            f"The policy in {directory} is inconsistent: {error}.", "Use another checkpoint of the run."
        ) from error


class Mbpo:
    """See `sandbox.api.Learner`: fits the model, plays in it, then plays and learns."""

    def __init__(self, context: TrainContext) -> None:
        config: MbpoConfig = context.config
        self.config, self.total, self.steps, self.owed = config, context.steps, 0, 0.0
        self.observation_space = context.observation_space
        self.scale = ActionScale(bounded_box(context.action_space, NAME))
        size = flat_size(self.observation_space)
        self.ensemble = Ensemble(config.members, size, self.scale.size, config.net_arch, seed=context.seed)
        self.sac = SoftActorCritic(
            size,
            self.scale.size,
            config.policy_arch,
            config.policy_learning_rate,
            config.gamma,
            config.target_rate,
            context.seed,
        )
        if context.initial is not None and context.resume is None:
            started = load(context.initial)
            require_fit(
                shapes(self.sac.actor.state_dict()), shapes(started.actor.state_dict()), context.initial
            )
            self.sac.actor.load_state_dict(started.actor.state_dict())
        self.rng = np.random.default_rng(context.seed)
        self.experience = Experience(self.observation_space, self.scale)
        self.imagined: deque[Steps] = deque(maxlen=config.kept_fits)
        self.play = Interaction(context)

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Until the next fit: at first with random actions, later with updates after every step."""
        figures: dict[str, float] = {}
        learning = len(self.experience) >= 2
        if learning:
            steps = self.experience.all()
            figures = fit_model(self.ensemble, steps, self.config, self.rng)
            self.imagined.append(self.imagine(steps))
        wanted = self.config.steps_per_fit if learning else self.config.random_steps
        wanted, taken, sums, updates = min(wanted, self.total - self.steps), 0, np.zeros(2), 0
        while taken < wanted:
            played = self.play.step(self._actions(learning))
            if not (np.isfinite(played.reward).all()):
                raise RunFailedError("The environment gave a reward that is no finite number.")
            self.experience.add(played)
            taken += len(played)
            if learning:
                self.owed += self.config.updates_per_step * len(played)
                while self.owed >= 1:
                    sums += self.sac.update(self._batch(), self.rng)
                    updates, self.owed = updates + 1, self.owed - 1
        if updates:
            loss, value = sums / updates
            figures |= {"critic_loss": loss, "q": value}
            if not np.isfinite(sums).all():
                raise RunFailedError("The loss is no longer a finite number.", "Lower policy_learning_rate.")
        self.steps += taken
        return taken, figures

    @torch.no_grad()
    def imagine(self, steps: Steps) -> Steps:
        """What the policy does in the model, from observations that were met."""
        ensemble, config = self.ensemble, self.config
        count = max(1, config.rollouts // ensemble.members) * ensemble.members
        rows = torch.from_numpy(steps.observation[self.rng.integers(len(steps), size=count)])
        parts = []
        for _ in range(config.rollout_length):
            rows = rows[torch.from_numpy(self.rng.permutation(len(rows)))]  # another member each step
            rows = rows[: len(rows) // ensemble.members * ensemble.members]
            if not len(rows):
                break
            action = self.sac.actor.sample(rows, self._noise(len(rows), self.scale.size))[0]
            shape = (ensemble.members, len(rows) // ensemble.members)
            noise = self._noise(len(rows), ensemble.outputs).reshape(*shape, -1)
            following, reward, ended = ensemble.step(
                rows.reshape(*shape, -1), action.reshape(*shape, -1), noise
            )
            following, ended = following.flatten(0, 1), ended.flatten()
            arrays = (part.numpy() for part in (rows, action, reward.flatten(), following, ended))
            parts.append(Steps(*arrays))
            rows = following[~ended]
        return joined(parts)

    def _batch(self) -> Steps:
        """Mostly imagined steps."""
        size = self.config.batch_of_policy
        real = max(1, round(self.config.real_share * size))
        played = self.experience.take(self.rng.integers(len(self.experience), size=real))
        generation = self.imagined[int(self.rng.integers(len(self.imagined)))]
        return joined([played, generation.take(self.rng.integers(len(generation), size=size - real))])

    def _actions(self, learning: bool) -> Array:
        if not learning:
            return self.scale.actions(self.rng.uniform(-1, 1, (self.play.rows, self.scale.size)))
        rows = torch.from_numpy(flatten(self.observation_space, self.play.observation))
        with torch.no_grad():
            sampled = self.sac.actor.sample(rows, self._noise(len(rows), self.scale.size))[0]
        return self.scale.actions(sampled.numpy())

    def _noise(self, rows: int, size: int) -> Tensor:
        return torch.from_numpy(self.rng.standard_normal((rows, size), np.float32))

    def policy(self) -> SquashedPolicy:
        """The policy of this moment."""
        actor = copy.deepcopy(self.sac.actor)
        return SquashedPolicy(self.observation_space, self.scale.space, actor, self.config.policy_arch)

    def get_state(self) -> dict[str, Any]:
        """Model, actor, critics, steps played and imagined, and the generator."""
        return {
            "ensemble": packed(self.ensemble.state_dict()),
            "sac": self.sac.get_state(),
            "experience": self.experience.get_state(),
            "imagined": [{name: getattr(part, name) for name in Steps.__slots__} for part in self.imagined],
            "play": self.play.get_state(),
            "rng": self.rng.bit_generator.state,
            "steps": self.steps,
            "owed": self.owed,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.ensemble, state["ensemble"])
        self.sac.set_state(state["sac"])
        self.experience.set_state(state["experience"])
        self.imagined.clear()
        self.imagined.extend(Steps(**part) for part in state["imagined"])
        self.play.set_state(state["play"])
        self.rng.bit_generator.state = state["rng"]
        self.steps, self.owed = int(state["steps"]), float(state["owed"])


train = driven(Mbpo)

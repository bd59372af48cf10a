"""Independent Q-learning, VDN and QMIX; `values` has the mathematics."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sandbox.api import TrainContext, driven
from sandbox.api.joint import JointInteraction, JointStep
from sandbox.api.masks import random_allowed
from sandbox.api.types import Array
from sandbox.backends.actors.observations import Normaliser
from sandbox.backends.multi_agent import estimates, values
from sandbox.backends.multi_agent.config import QConfig, QMixConfig
from sandbox.backends.multi_agent.learning import (
    begin_from,
    clip_gradients,
    generators,
    gradient_groups,
    layout_of,
    load_state,
    packed_state,
    require_finite,
    set_learning_rate,
)
from sandbox.backends.multi_agent.networks import MonotonicMixer
from sandbox.backends.multi_agent.policy import JointPolicy
from sandbox.backends.multi_agent.replay import JointReplay, fields_of
from sandbox.backends.tensors import load_module, packed

MIXER = "mixer"


class JointQ:
    """See `sandbox.api.Learner`.

    Args:
        context: Of the training.
        name: Of the algorithm: ``iql-marl``, ``vdn`` or ``qmix``.
    """

    def __init__(self, context: TrainContext, name: str) -> None:
        config: QConfig = context.config
        layout = layout_of(context)
        self.config, self.layout, self.total = config, layout, context.steps
        self.team = name != "iql-marl"
        # Each agent's error is scaled by its own count only where its networks are its own.
        self.per_agent = not config.share_parameters and not self.team
        self.learned = JointPolicy(name, layout, config, greedy=True, seed=context.seed)
        if isinstance(config, QMixConfig):
            self.learned.others[MIXER] = self._mixer(config, context.seed + 1)
        begin_from(context, self.learned)
        self.target = self._copy()
        networks = (self.learned.actors, *self.learned.others.values())
        weights = [weight for network in networks for weight in network.parameters()]
        self.optimizer = torch.optim.Adam(weights, config.learning_rate)
        self._groups = gradient_groups(*networks, shared=not self.per_agent)
        self.memory = JointReplay(config.buffer_size)
        self._rewards = Normaliser(1)
        self.draws, self.samples = generators(context.seed, 2)
        self.play = JointInteraction(context)
        self.steps = 0

    def _mixer(self, config: QMixConfig, seed: int) -> MonotonicMixer:
        k = len(self.layout)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            state = k * (self.layout.inputs + 1)
            return MonotonicMixer(k, state, config.mixing_width, config.hypernet_width)

    def _copy(self) -> nn.ModuleDict:
        parts = {"actors": self.learned.actors, **self.learned.others}
        return copy.deepcopy(nn.ModuleDict(parts)).requires_grad_(False)

    @property
    def exploration(self) -> float:
        """The share of random actions at this moment."""
        config = self.config
        fallen = min(1.0, self.steps / (config.exploration_fraction * self.total))
        return config.exploration_initial + fallen * (config.exploration_final - config.exploration_initial)

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Play some steps, then update."""
        rate = set_learning_rate(self.optimizer, self.config, self.steps / self.total)
        for _ in range(self.config.train_freq):
            self._remember(self._step())
        taken = self.config.train_freq * self.play.rows.rows
        self.steps += taken
        figures = {"exploration": self.exploration, "learning_rate": rate}
        if len(self.memory) >= max(1, self.config.learning_starts):
            losses = [self.update() for _ in range(self.config.gradient_steps)]
            loss, value = np.mean(losses, axis=0)
            require_finite({"loss": loss}, self.steps)
            figures |= {"loss": float(loss), "q": float(value)}
        return taken, figures

    def _step(self) -> JointStep:
        """One step of all environments: random actions now and then, else the best; each agent on its own."""
        policy, layout = self.learned, self.layout
        mask = layout.allowed(self.play.mask, self.play.num_envs)
        assert mask is not None, "actions are discrete"
        best = layout.actions(policy.draw(policy.inputs(layout.flat(self.play.observation)), mask, None))
        tried = random_allowed(layout.action_space, mask, self.draws)
        explores = self.draws.random(best.shape) < self.exploration
        return self.play.step(np.where(explores, tried, best))

    def _remember(self, step: JointStep) -> None:
        space: Any = self.layout.action_space
        reward = step.reward
        if getattr(self.config, "reward", "own") == "team":
            reward = estimates.team_mean(reward, step.present)
        rows = self.layout.flat(step.observation)
        assert step.next_mask is not None, "actions are discrete"
        self.memory.add(
            fields_of(
                rows,
                step.action - int(space.start),
                reward,
                step.present,
                step.terminated,
                self.layout.flat(step.next_observation),
                step.next_mask,
            )
        )
        earned = reward.mean(1) if self.team else reward[step.present]
        self._rewards.update(earned[:, None])
        if self.learned.normaliser is not None:
            self.learned.normaliser.update(rows, step.present)

    @property
    def unit(self) -> float:
        """What rewards are divided by."""
        deviation = float(np.sqrt(self._rewards.var[0]))
        return deviation if self.config.normalize_reward and deviation > 1e-6 else 1.0

    def update(self) -> tuple[float, float]:
        """One update from remembered steps; its loss, and the mean utility in units of the reward."""
        batch = self._batch(self.memory.sample(self.samples, self.config.batch_size))
        loss, value = self.loss(batch)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        clip_gradients(self._groups, self.config.max_grad_norm)
        self.optimizer.step()
        self._follow()
        return loss.item(), value.item() * self.unit

    def loss(self, batch: values.Batch) -> tuple[Tensor, Tensor]:
        """The loss of a minibatch and the mean utility of what was done."""
        config = self.config
        utilities = values.chosen_utilities(self.learned.actors(batch.inputs), batch.action)
        with torch.no_grad():
            target = self.target["actors"](batch.following)
            learning = self.learned.actors(batch.following) if config.double_q else target
            later = values.best_next(learning, target, batch.next_mask, config.double_q)
        mean = estimates.mean_over(utilities.detach(), batch.present.float())
        if self.team:
            return values.team_loss(utilities, later, batch, config.gamma, self._team_values()), mean
        weights = estimates.presence_weights(batch.present, self.per_agent)
        return values.independent_loss(utilities, later, batch, config.gamma, weights), mean

    def _team_values(self) -> tuple[values.TeamValue, values.TeamValue]:
        if MIXER in self.target:
            return values.Mixed(self.learned.others[MIXER]), values.Mixed(self.target[MIXER])
        return values.total, values.total

    def _batch(self, fields: Mapping[str, Array]) -> values.Batch:
        tensors = {name: torch.from_numpy(each) for name, each in fields.items()}
        tensors["inputs"] = self.learned.inputs(fields["rows"])
        tensors["following"] = self.learned.inputs(fields["following"])
        tensors["reward"] = tensors["reward"] / self.unit
        return values.as_batch(tensors)

    @torch.no_grad()
    def _follow(self) -> None:
        parts = nn.ModuleDict({"actors": self.learned.actors, **self.learned.others})
        for target, weights in zip(self.target.parameters(), parts.parameters(), strict=True):
            target.lerp_(weights, self.config.target_rate)

    def policy(self) -> JointPolicy:
        """The policy of this moment."""
        return self.learned.snapshot()

    def get_state(self) -> dict[str, Any]:
        """Networks, targets, optimiser, memory, generators, and where the environments are."""
        return {
            **packed_state(self.learned, self.optimizer, (self.draws, self.samples)),
            "target": packed(self.target.state_dict()),
            "memory": self.memory.get_state(),
            "rewards": self._rewards.arrays(),
            "play": self.play.get_state(),
            "steps": self.steps,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_state(dict(state), self.learned, self.optimizer, (self.draws, self.samples))
        load_module(self.target, state["target"])
        self.memory.set_state(state["memory"])
        arrays = {name: np.asarray(values) for name, values in state["rewards"].items()}
        self._rewards = Normaliser.from_arrays(arrays, 1)
        self.play.set_state(state["play"])
        self.steps = int(state["steps"])


def learner(name: str) -> Callable[[TrainContext], JointQ]:
    """A function of the context that makes the learner of that name."""

    def make(context: TrainContext) -> JointQ:
        return JointQ(context, name)

    make.__name__ = name
    return make


train_iql, train_vdn, train_qmix = (driven(learner(name)) for name in ("iql-marl", "vdn", "qmix"))

"""Generative adversarial imitation: PPO on the reward of a discriminator that tells learner from expert.

    min_π max_D  E_expert log D(s, a) + E_π log(1 - D(s, a)) - λ H(π)

(Ho & Ermon 2016, eq. 15). At the saddle point the learner visits states and takes actions as often as the
expert, whatever it is that the expert wants. Nothing of the task's own reward is used.

The expert's steps come from a dataset;
where an expert is given instead, it first plays ``expert_steps`` steps.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sandbox.api import Interaction, TrainContext, driven
from sandbox.api.data import Transitions, take_rows
from sandbox.api.errors import RunFailedError
from sandbox.api.types import Array, Bools, Floats
from sandbox.backends.actors.estimates import advantages, clipped_loss
from sandbox.backends.actors.labels import MIN_LOG_STD, raw_actions
from sandbox.backends.actors.networks import mlp
from sandbox.backends.actors.observations import Normaliser, flat_size, flatten
from sandbox.backends.actors.plain import make_policy
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.imitation.config import GailConfig
from sandbox.backends.imitation.discriminator import Discriminator, action_features, feature_size
from sandbox.backends.policy_files import read_policy
from sandbox.backends.tensors import load_module, load_optimizer, packed

NAME = "gail"


@dataclass(frozen=True, slots=True, eq=False)
class Demonstrations:
    """n steps of the expert.

    Attributes:
        rows: Flattened observations, shape ``(n, size)``.
        actions: Features of its actions, shape ``(n, m)``.
    """

    rows: NDArray[np.float32]
    actions: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Rollout:
    """T steps of n rows under one policy.

    Attributes:
        rows: Flattened observations, shape ``(T, n, size)``.
        raw: Raw draws, shape ``(T, n, k)``.
        masks: Allowed actions, shape ``(T, n, m)``, or None.
        present: Who took part, shape ``(T, n)``.
        steps: What followed.
    """

    rows: NDArray[np.float32]
    raw: Array
    masks: Bools | None
    present: Bools
    steps: list[Transitions]


class Gail:
    """See `sandbox.api.Learner`."""

    def __init__(self, context: TrainContext) -> None:
        config: GailConfig = context.config
        self.config, self.total, self.steps = config, context.steps, 0
        self.learned = make_policy(
            NAME,
            context.observation_space,
            context.action_space,
            config,
            seed=context.seed,
            stochastic=config.stochastic,
        )
        actor = self.learned.actor
        if actor.log_std is not None:
            actor.log_std.data.fill_(config.log_std_init)
        self.started = context.initial is not None
        if context.initial is not None and context.resume is None:
            self.learned.load_weights(read_policy(context.initial), context.initial)
        size = flat_size(context.observation_space)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(context.seed)
            inputs = size + feature_size(self.learned.distribution)
            self.discriminator = Discriminator(inputs, config)
            self.critic = mlp(size, config.net_arch, 1, config.activation, last_gain=1.0)
        self.returns = Normaliser(1)
        weights = [*actor.parameters(), *self.critic.parameters()]
        self.optimizer = torch.optim.Adam(weights, config.learning_rate)
        self.draws, self.order = (np.random.default_rng([context.seed, stream]) for stream in (1, 2))
        self.play = Interaction(context)
        self.expert: Demonstrations | None = None
        self.recorded = context.dataset is not None
        if context.dataset is not None:
            steps = context.dataset.batch(slice(None))
            self._learn_from(flatten(context.observation_space, steps.observation), steps.action)

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Play, tell the learner from the expert, and learn from what that says; first watch the expert."""
        if self.expert is None:
            return self._watch()
        rollout = self._collect()
        taken = rollout.present.size
        self._schedule()
        figures = self._discriminate(rollout)
        figures |= self._improve(rollout)
        if self.learned.normaliser is not None and not self.started:
            self.learned.normaliser.update(rollout.rows[rollout.present])
        self.steps += taken
        if not np.isfinite(list(figures.values())).all():
            raise RunFailedError("The loss is no longer a finite number.", "Lower learning_rate.")
        return taken, figures

    def _learn_from(self, rows: NDArray[np.float32], actions: Array) -> None:
        distribution = self.learned.distribution
        features = action_features(distribution, raw_actions(distribution, actions))
        self.expert = Demonstrations(rows, features)
        if self.learned.normaliser is not None and not self.started:
            self.learned.normaliser.update(rows)

    def _watch(self) -> tuple[int, Mapping[str, float]]:
        """The expert plays all rows for a while."""
        play, seen, actions, taken = self.play, [], [], 0
        while taken < self.config.expert_steps:
            active = play.active
            acts = np.array(play.info["expert_action"])
            rows = flatten(self.learned.observation_space, play.observation)
            seen.append(np.array(take_rows(rows, active), np.float32))
            actions.append(acts[active])
            play.step(acts)
            taken += play.rows
        play.restart()
        self._learn_from(np.concatenate(seen), np.concatenate(actions))
        self.steps += taken
        return taken, {"demonstrated": float(sum(map(len, seen)))}

    def _collect(self) -> Rollout:
        policy, play = self.learned, self.play
        rows, raws, masks, present, steps = [], [], [], [], []
        for _ in range(self.config.n_steps):
            flat, mask = np.array(flatten(policy.observation_space, play.observation)), play.mask
            raw = policy.draw(flat, mask, self.draws)
            present.append(np.array(play.active))
            steps.append(play.step(policy.distribution.action(raw)))
            rows.append(flat)
            raws.append(raw)
            masks.append(mask)
        stacked = None if masks[0] is None else np.stack([mask for mask in masks if mask is not None])
        return Rollout(np.stack(rows), np.stack(raws), stacked, np.stack(present), steps)

    def _schedule(self) -> None:
        """Step sizes of this update."""
        config = self.config
        left = max(1.0 - self.steps / self.total, 0.0) if config.learning_rate_schedule == "linear" else 1.0
        for optimizer, rate in (
            (self.optimizer, config.learning_rate),
            (self.discriminator.optimizer, config.discriminator_learning_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * left

    def _steps_of(self, rows: NDArray[np.float32], actions: NDArray[np.float32]) -> Tensor:
        """What the discriminator is given."""
        return torch.cat((self.learned.inputs(rows), torch.from_numpy(actions)), 1)

    def _discriminate(self, rollout: Rollout) -> dict[str, float]:
        """Fit the discriminator."""
        assert self.expert is not None
        config = self.config
        there = np.argwhere(rollout.present)
        size, sums = config.discriminator_batch_size, np.zeros(2)
        for _ in range(config.discriminator_updates):
            theirs = self.order.integers(len(self.expert.rows), size=size)
            ours = there[self.order.integers(len(there), size=size)].T
            features = action_features(self.learned.distribution, rollout.raw[ours[0], ours[1]])
            between = torch.from_numpy(self.order.random((size, 1)).astype(np.float32))
            sums += self.discriminator.update(
                self._steps_of(self.expert.rows[theirs], self.expert.actions[theirs]),
                self._steps_of(rollout.rows[ours[0], ours[1]], features),
                between,
            )
        loss, right = sums / config.discriminator_updates
        return {"discriminator_loss": float(loss), "told_apart": float(right)}

    def _improve(self, rollout: Rollout) -> dict[str, float]:
        """PPO on what the discriminator pays."""
        config, distribution = self.config, self.learned.distribution
        flat, raw = _merged(rollout.rows), _merged(rollout.raw)
        rewards = self.discriminator.reward(self._steps_of(flat, action_features(distribution, raw)))
        rewards = rewards.reshape(rollout.present.shape) * rollout.present
        advantage, target = self._estimates(rollout, rewards)
        present = rollout.present.ravel()
        inputs, allowed = self.learned.inputs(flat)[present], None
        if rollout.masks is not None:
            allowed = torch.from_numpy(_merged(rollout.masks)[present])
        draws = torch.from_numpy(raw[present])
        with torch.inference_mode():
            before = self._log_prob(inputs, draws, allowed)[0].clone()
        gain, wanted = advantage.ravel()[present], target.ravel()[present]
        self.returns.update(wanted[:, None])
        wanted = (wanted - self.returns.mean) / np.sqrt(self.returns.var + 1e-8)
        gain = (gain - gain.mean()) / (gain.std() + 1e-8)
        pair = [torch.as_tensor(values, dtype=torch.float32) for values in (gain, wanted)]
        sums, batches = np.zeros(3), 0
        for _ in range(config.n_epochs):
            order = self.order.permutation(len(gain))
            for start in range(0, len(order), config.batch_size):
                chosen = order[start : start + config.batch_size]
                mask = None if allowed is None else allowed[chosen]
                log_prob, entropy = self._log_prob(inputs[chosen], draws[chosen], mask)
                gained, aim = (values[chosen] for values in pair)
                policy_loss = clipped_loss(log_prob, before[chosen], gained, config.clip_range).mean()
                value_loss = (self.critic(inputs[chosen]).squeeze(1) - aim).square().mean()
                self._step(policy_loss + config.vf_coef * value_loss - config.ent_coef * entropy.mean())
                sums += [x.item() for x in (policy_loss, value_loss, entropy.mean())]
                batches += 1
        names = ("policy_loss", "value_loss", "entropy")
        figures = dict(zip(names, (sums / max(batches, 1)).tolist(), strict=True))
        return {**figures, "reward": float(rewards[rollout.present].mean())}

    def _step(self, loss: Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        weights = [weight for group in self.optimizer.param_groups for weight in group["params"]]
        torch.nn.utils.clip_grad_norm_(weights, self.config.max_grad_norm)
        self.optimizer.step()
        if self.learned.actor.log_std is not None:
            self.learned.actor.log_std.data.clamp_(min=MIN_LOG_STD)

    def _estimates(self, rollout: Rollout, rewards: Floats) -> tuple[Floats, Floats]:
        """Advantages and the critic's targets, in units of the reward, shape ``(T, n)`` each."""
        config, space = self.config, self.learned.observation_space
        values = self._values(_merged(rollout.rows)).reshape(rewards.shape)
        following = self._values(flatten(space, self.play.observation))
        cut_off = np.zeros_like(values)
        for t, step in enumerate(rollout.steps):
            if step.truncated.any():
                last = self._values(flatten(space, step.next_observation))
                cut_off[t] = np.where(step.truncated, last, 0.0)
        done = np.stack([step.terminated | step.truncated for step in rollout.steps])
        gain = advantages(
            rewards, values, following, cut_off, done, rollout.present, config.gamma, config.gae_lambda
        )
        return gain, gain + values

    def _values(self, rows: NDArray[np.float32]) -> Floats:
        with torch.inference_mode():
            out: Floats = self.critic(self.learned.inputs(rows)).squeeze(1).numpy().astype(np.float64)
        return out * np.sqrt(self.returns.var + 1e-8) + self.returns.mean

    def _log_prob(self, inputs: Tensor, draws: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        params = self.learned.actor(inputs)
        draws = draws.to(params.dtype) if draws.is_floating_point() else draws
        distribution = self.learned.distribution
        return distribution.log_prob(params, draws, mask), distribution.entropy(params, mask)

    def policy(self) -> ActorPolicy:
        """The policy of this moment."""
        return copy.deepcopy(self.learned)

    def get_state(self) -> dict[str, Any]:
        """Networks, optimisers, normalisers, generators, and what an expert has shown."""
        normaliser = self.learned.normaliser
        seen = None
        if self.expert is not None and not self.recorded:
            seen = {"rows": self.expert.rows, "actions": self.expert.actions}
        return {
            "actor": packed(self.learned.actor.state_dict()),
            "critic": packed(self.critic.state_dict()),
            "optimizer": packed(self.optimizer.state_dict()),
            "discriminator": self.discriminator.get_state(),
            "normaliser": None if normaliser is None else normaliser.arrays(),
            "returns": self.returns.arrays(),
            "generators": [each.bit_generator.state for each in (self.draws, self.order)],
            "expert": seen,
            "play": self.play.get_state(),
            "steps": self.steps,
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        load_module(self.learned.actor, state["actor"])
        load_module(self.critic, state["critic"])
        load_optimizer(self.optimizer, state["optimizer"])
        self.discriminator.set_state(state["discriminator"])
        if self.learned.normaliser is not None:
            arrays = state["normaliser"]
            self.learned.normaliser = Normaliser.from_arrays(arrays, len(arrays["mean"]))
        self.returns = Normaliser.from_arrays(state["returns"], 1)
        for generator, saved in zip((self.draws, self.order), state["generators"], strict=True):
            generator.bit_generator.state = saved
        if state["expert"] is not None:
            self.expert = Demonstrations(state["expert"]["rows"], state["expert"]["actions"])
        self.play.set_state(state["play"])
        self.steps = int(state["steps"])


def _merged(values: Any) -> Any:
    """``(T, n, …)`` as ``(T · n, …)``."""
    return values.reshape(-1, *values.shape[2:])


train = driven(Gail)

"""TD3 with a term of imitation (Fujimoto & Gu 2021), for continuous actions.

    π = argmax E [λ Q(s, π(s)) - (π(s) - a)²],  λ = α / mean |Q(s, a)|     (equations 3 and 4)

beside the critics of TD3: the smaller of two target values, at the target policy's action with clipped
noise; the policy moves every second update. Actions are in half widths of their range.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from sandbox.api import TrainContext, driven
from sandbox.backends.actors.networks import Actor
from sandbox.backends.actors.observations import flat_size
from sandbox.backends.offline.config import TD3BCConfig
from sandbox.backends.offline.critics import TwinQ, squared_error
from sandbox.backends.offline.learner import RecordLearner, step
from sandbox.backends.offline.records import Batch, require_bounded


class TD3BC(RecordLearner):
    """See `RecordLearner`."""

    config: TD3BCConfig

    def __init__(self, context: TrainContext) -> None:
        require_bounded("td3-bc", context.action_space)
        super().__init__("td3-bc", context)

    def build(self) -> None:
        policy, config = self.learned, self.config
        inputs, actions = flat_size(policy.observation_space), policy.distribution.size // 2
        self.q = TwinQ(inputs, actions, False, config.net_arch, config.activation)
        self.q_target, self.actor_target = copy.deepcopy(self.q), copy.deepcopy(policy.actor)
        self.modules |= {"q": self.q, "q_target": self.q_target, "actor_target": self.actor_target}
        self.adam("actor", policy.actor)
        self.adam("q", self.q)

    def update(self, batch: Batch) -> dict[str, float]:
        """One step of the critics, and of the policy where it is due."""
        config = self.config
        with torch.no_grad():
            noise = (self.normal(tuple(batch.action.shape)) * config.target_noise).clamp(
                -config.noise_clip, config.noise_clip
            )
            next_action = (mean_of(self.actor_target, batch.following) + noise).clamp(-1, 1)
            later = self.q_target.least(batch.following, next_action)
            goal = batch.reward + config.gamma * batch.goes_on * later
        values = self.q(batch.seen, batch.action)
        q_loss = squared_error(values, goal)
        step(self.optimizers["q"], q_loss)
        if self.updates % config.policy_delay == 0:
            action = mean_of(self.learned.actor, batch.seen)
            value = self.q(batch.seen, action)[0]
            step(self.optimizers["actor"], imitating_loss(value, action, batch.action, config.alpha))
            self.follow(self.actor_target, self.learned.actor)
            self.follow(self.q_target, self.q)
        return {"q_loss": q_loss.item(), "q": values.mean().item() * self.records.unit}


def mean_of(actor: Actor, seen: Tensor) -> Tensor:
    """The policy's mean, in half widths of the range."""
    params: Tensor = actor(seen)
    return params.chunk(2, 1)[0]


def imitating_loss(value: Tensor, action: Tensor, recorded: Tensor, alpha: float) -> Tensor:
    """Minus equation 3: the values' own size sets how much imitation counts."""
    return -alpha / value.abs().mean().detach() * value.mean() + ((action - recorded) ** 2).mean()


train = driven(TD3BC)

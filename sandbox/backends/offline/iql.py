"""Implicit Q-learning (Kostrikov et al. 2021), for continuous and for discrete actions.

    L_V = E |τ - 1(u < 0)| u²,  u = min Q̄(s, a) - V(s)                     (equation 5)
    L_Q = E (r + γ V(s') - Q(s, a))²                                      (equation 6)
    L_π = -E min(exp(β u), 100) log π(a|s)                                (equation 7)

V is an expectile of Q over the recorded actions: with τ near 1 nearly the best of them. No action that
was not recorded is ever evaluated, neither in a target nor in the policy's loss.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from sandbox.api import TrainContext, driven
from sandbox.backends.actors.distributions import Categorical
from sandbox.backends.actors.labels import MIN_LOG_STD, permitting
from sandbox.backends.actors.networks import mlp
from sandbox.backends.actors.observations import flat_size
from sandbox.backends.actors.policy import ActorPolicy
from sandbox.backends.offline.config import IQLConfig
from sandbox.backends.offline.critics import TwinQ, squared_error
from sandbox.backends.offline.learner import RecordLearner, step
from sandbox.backends.offline.records import Batch

MAX_WEIGHT = 100.0
"""No recorded action counts for more in the policy's loss, as in the authors' code."""


class ImplicitQ(RecordLearner):
    """See `RecordLearner`."""

    config: IQLConfig

    def __init__(self, context: TrainContext) -> None:
        super().__init__("iql", context)

    def build(self) -> None:
        policy, config = self.learned, self.config
        inputs = flat_size(policy.observation_space)
        discrete = isinstance(policy.distribution, Categorical)
        actions = policy.distribution.size if discrete else policy.distribution.size // 2
        self.q = TwinQ(inputs, actions, discrete, config.net_arch, config.activation)
        self.q_target = copy.deepcopy(self.q)
        self.v = mlp(inputs, config.net_arch, 1, config.activation, 1.0)
        self.modules |= {"q": self.q, "q_target": self.q_target, "v": self.v}
        self.adam("actor", policy.actor)
        self.adam("q", self.q)
        self.adam("v", self.v)

    def update(self, batch: Batch) -> dict[str, float]:
        """One step of V, of the policy and of Q."""
        config = self.config
        with torch.no_grad():
            recorded = self.q_target.least(batch.seen, batch.action)
            later = self.v(batch.following).squeeze(1)
            goal = batch.reward + config.gamma * batch.goes_on * later
        value: Tensor = self.v(batch.seen).squeeze(1)
        advantage = recorded - value
        value_loss = expectile_loss(advantage, config.expectile)
        step(self.optimizers["v"], value_loss)
        policy_loss = weighted_imitation(self.learned, batch, advantage.detach(), config.temperature)
        step(self.optimizers["actor"], policy_loss)
        if self.learned.actor.log_std is not None:
            self.learned.actor.log_std.data.clamp_(min=MIN_LOG_STD)
        values = self.q(batch.seen, batch.action)
        q_loss = squared_error(values, goal)
        step(self.optimizers["q"], q_loss)
        self.follow(self.q_target, self.q)
        losses = {"value_loss": value_loss.item(), "q_loss": q_loss.item(), "policy_loss": policy_loss.item()}
        return losses | {"q": values.mean().item() * self.records.unit}


def expectile_loss(difference: Tensor, expectile: float) -> Tensor:
    """Mean of |τ - 1(u < 0)| u²."""
    weight = torch.where(difference < 0, 1 - expectile, expectile)
    return (weight * difference**2).mean()


def weighted_imitation(policy: ActorPolicy, batch: Batch, advantage: Tensor, temperature: float) -> Tensor:
    """Minus the mean log-likelihood of recorded actions, each weighted by exp(β · advantage)."""
    weight = (temperature * advantage).exp().clamp(max=MAX_WEIGHT)
    params: Tensor = policy.actor(batch.seen)
    mask = batch.mask
    if mask is not None:
        permitted = permitting(policy.distribution, mask.numpy(), batch.action.numpy())
        mask = None if permitted is None else torch.from_numpy(permitted)
    return -(weight * policy.distribution.log_prob(params, batch.action, mask)).mean()


train = driven(ImplicitQ)

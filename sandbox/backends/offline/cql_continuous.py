"""Conservative Q-learning for continuous actions: the critics of soft actor-critic and a penalty.

    L_Q = ½ (Q(s, a) - r - γ (min Q̄(s', a') - η log π(a'|s')))² + α (log Σ exp Q(s, ·) - Q(s, a))

The sum over all actions is estimated from uniform actions and from the policy's, each divided by its
density (Kumar et al. 2020, appendix F). The policy maximises Q plus η times its entropy; η is held
where the entropy is minus the number of actions, as in soft actor-critic.
"""

from __future__ import annotations

import copy
import math

import numpy as np
import torch
from torch import Tensor, nn

from sandbox.api import TrainContext
from sandbox.backends.actors.labels import MIN_LOG_STD
from sandbox.backends.actors.observations import flat_size
from sandbox.backends.offline.config import CQLConfig
from sandbox.backends.offline.critics import TwinQ, squared_error
from sandbox.backends.offline.learner import RecordLearner, step
from sandbox.backends.offline.records import Batch, require_bounded

MAX_LOG_STD = 0.0
"""A deviation of the policy is at most half of the action's range."""


class ConservativeActorCritic(RecordLearner):
    """See `RecordLearner`."""

    config: CQLConfig

    def __init__(self, context: TrainContext) -> None:
        require_bounded("cql", context.action_space)
        super().__init__("cql", context)

    def build(self) -> None:
        policy, config = self.learned, self.config
        inputs, self.actions = flat_size(policy.observation_space), policy.distribution.size // 2
        self.q = TwinQ(inputs, self.actions, False, config.net_arch, config.activation)
        self.q_target, self.log_entropy_weight = copy.deepcopy(self.q), LogWeight()
        self.modules |= {"q": self.q, "q_target": self.q_target, "entropy": self.log_entropy_weight}
        self.adam("actor", policy.actor)
        self.adam("q", self.q)
        self.adam("entropy", self.log_entropy_weight)

    def draw(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Actions of the policy and their log densities; differentiable."""
        mean, log_std = self.learned.actor(seen).chunk(2, 1)
        noise = self.normal(tuple(mean.shape))
        density = (-0.5 * noise**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(1)
        return (mean + noise * log_std.exp()).clamp(-1, 1), density

    def update(self, batch: Batch) -> dict[str, float]:
        """One step of the critics, of the policy and of the weight of its entropy."""
        config, weight = self.config, self.log_entropy_weight.value.exp().detach()
        with torch.no_grad():
            next_action, next_density = self.draw(batch.following)
            later = self.q_target.least(batch.following, next_action) - weight * next_density
            goal = batch.reward + config.gamma * batch.goes_on * later
        values = self.q(batch.seen, batch.action)
        penalty = self.penalty(batch, values)
        error = squared_error(values, goal)
        step(self.optimizers["q"], error + config.alpha * penalty)
        action, density = self.draw(batch.seen)
        policy_loss = (weight * density - self.q.least(batch.seen, action)).mean()
        step(self.optimizers["actor"], policy_loss)
        assert self.learned.actor.log_std is not None
        self.learned.actor.log_std.data.clamp_(MIN_LOG_STD, MAX_LOG_STD)
        entropy_error = -density.detach().mean() + self.actions
        step(self.optimizers["entropy"], self.log_entropy_weight.value * entropy_error)
        self.follow(self.q_target, self.q)
        q = values.mean().item() * self.records.unit
        return {"td_loss": error.item(), "penalty": penalty.item(), "q": q, "entropy_weight": weight.item()}

    def penalty(self, batch: Batch, values: Tensor) -> Tensor:
        """log Σ exp Q over all actions, less Q of the recorded one; summed over both critics."""
        draws = self.config.sampled_actions
        count = len(batch) * draws
        seen, following = (rows.repeat_interleave(draws, 0) for rows in (batch.seen, batch.following))
        uniform = torch.from_numpy(self.rng.uniform(-1, 1, (count, self.actions)).astype(np.float32))
        with torch.no_grad():
            now, now_density = self.draw(seen)
            then, then_density = self.draw(following)
        uniform_density = torch.full((count,), -self.actions * math.log(2))
        tried = [(uniform, uniform_density), (now, now_density), (then, then_density)]
        corrected = [
            (self.q(seen, action) - density).reshape(2, len(batch), draws) for action, density in tried
        ]
        everything = torch.cat(corrected, 2).logsumexp(2) - math.log(3 * draws)
        return (everything - values).mean(1).sum()


class LogWeight(nn.Module):
    """A logarithm that is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(()))

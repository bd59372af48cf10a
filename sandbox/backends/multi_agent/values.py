"""Losses of learning values with several agents, where agents come and go.

Agent i has utilities Q_i(o_i, a). With y the target and Q̄ target networks,

    iql-marl    y_i = r_i + γ Q̄_i(o'_i, a'_i)                 loss  mean over i of (Q_i(o_i, a_i) - y_i)²
    vdn         y = r + γ Σ_i Q̄_i(o'_i, a'_i)                 loss  (Σ_i Q_i(o_i, a_i) - y)²
    qmix        y = r + γ mix̄(s', Q̄_1, …, Q̄_k)               loss  (mix(s, Q_1, …, Q_k) - y)²

a'_i is the best allowed action by the learning network (double Q-learning) or by the target network. The
sums and the mixer are over those who are present: an agent that has left by itself has no part in the
next value, one that was cut off keeps it. When nobody is left, the next value is 0. A step in which
nobody takes part does not occur: the episode is over then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor, nn

from sandbox.backends.actors.distributions import FORBIDDEN
from sandbox.backends.multi_agent.networks import joint_state


@dataclass(frozen=True, slots=True)
class Batch:
    """A minibatch of m steps.

    Attributes:
        inputs: Normalised observations, shape ``(m, k, D)``.
        action: Numbers of actions, shape ``(m, k)``.
        reward: Shape ``(m, k)``.
        present: Who took part, shape ``(m, k)``.
        goes_on: Whose value counts after the step, shape ``(m, k)``.
        following: Normalised next observations, shape ``(m, k, D)``.
        next_mask: Actions that are allowed then, shape ``(m, k, a)``.
    """

    inputs: Tensor
    action: Tensor
    reward: Tensor
    present: Tensor
    goes_on: Tensor
    following: Tensor
    next_mask: Tensor


class TeamValue(Protocol):
    """Makes the team's value of the agents' utilities; the learning one, or its target."""

    def __call__(self, utilities: Tensor, present: Tensor, inputs: Tensor) -> Tensor:
        """``(m, k)``, ``(m, k)`` and ``(m, k, D)`` to ``(m,)``."""
        ...


def total(utilities: Tensor, present: Tensor, inputs: Tensor) -> Tensor:
    """VDN: the sum over those who are present."""
    return (utilities * present).sum(1)


@dataclass(frozen=True)
class Mixed:
    """QMIX: a `MonotonicMixer` on what all agents see."""

    mixer: nn.Module

    def __call__(self, utilities: Tensor, present: Tensor, inputs: Tensor) -> Tensor:
        """See `TeamValue`."""
        mixed: Tensor = self.mixer(utilities, present.to(inputs.dtype), joint_state(inputs, present))
        return mixed


def chosen_utilities(utilities: Tensor, action: Tensor) -> Tensor:
    """Q_i(o_i, a_i), shape ``(m, k)``, of utilities ``(m, k, a)``."""
    return utilities.gather(2, action.unsqueeze(2)).squeeze(2)


def best_next(learning: Tensor, target: Tensor, mask: Tensor, double: bool) -> Tensor:
    """Q̄_i(o'_i, a'_i) of the best allowed action, shape ``(m, k)``."""
    by = (learning if double else target).masked_fill(~mask, FORBIDDEN)
    return chosen_utilities(target, by.argmax(2))


def independent_loss(utilities: Tensor, later: Tensor, batch: Batch, gamma: float, weights: Tensor) -> Tensor:
    """The weighted mean of every present agent's squared error.

    Args:
        utilities: Q_i(o_i, a_i), shape ``(m, k)``.
        later: Q̄_i(o'_i, a'_i), shape ``(m, k)``.
        batch: What happened.
        gamma: Discount a step.
        weights: See `sandbox.backends.multi_agent.estimates.presence_weights`.
    """
    goal = batch.reward + gamma * batch.goes_on * later
    return ((utilities - goal).square() * weights).sum() / weights.sum().clamp(min=1e-8)


def team_loss(
    utilities: Tensor,
    later: Tensor,
    batch: Batch,
    gamma: float,
    values: tuple[TeamValue, TeamValue],
) -> Tensor:
    """The mean squared error of the team's value.

    Args:
        utilities: As for `independent_loss`.
        later: As for `independent_loss`.
        batch: What happened; r, the team's reward, is the mean over all k agents, of whom absent ones earn 0.
        gamma: Discount a step.
        values: The learning team value and its target.
    """
    now, target = values
    next_value = target(later, batch.goes_on, batch.following) * batch.goes_on.any(1)
    goal = batch.reward.mean(1) + gamma * next_value
    return (now(utilities, batch.present, batch.inputs) - goal.detach()).square().mean()


def as_batch(fields: Mapping[str, Tensor]) -> Batch:
    """A minibatch of the fields that have its names."""
    return Batch(**{name: fields[name] for name in Batch.__dataclass_fields__})

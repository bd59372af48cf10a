"""The policy-gradient estimator and its variance reductions.

The gradient of the expected return J(θ) is estimated from N whole episodes by

    ∇J ≈ (1/N) Σᵢ Σₜ ∇log π(aᵢₜ|sᵢₜ) Ψᵢₜ

With Ψᵢₜ = Σₖ rᵢₖ, the episode's return, this is the textbook estimator
(1/N) Σᵢ (Σₜ ∇log π(aᵢₜ|sᵢₜ)) (Σₜ rᵢₜ). `weights` computes Ψ for every switch:

    switches                  Ψₜ
    (none)                    R = Σₖ γᵏ rₖ
    reward_to_go              Gₜ = Σₖ γᵏ rₜ₊ₖ
    constant_baseline         the two above, less their mean over the other episodes
    baseline                  R - V(s₀)
    baseline, reward_to_go    Gₜ - V(sₜ)
    gae                       Σₖ (γλ)ᵏ δₜ₊ₖ,  δₜ = rₜ + γ V(sₜ₊₁) - V(sₜ)

An action cannot change earlier rewards, and a baseline that depends on the state only, or on nothing, has no
covariance with the score on average: neither changes the expectation for γ = 1. As is common, no
factor γᵗ weighs later states less, so for γ < 1 these are not the gradient of one discounted return.

A terminated episode is over: nothing follows. A truncated one would have gone on: with a learned
value, γᵀ V(s_T) stands for the rest of the return; without one R and G are sums of the observed rewards,
so the objective is then the return within the time limit.

Sources: Williams (1992), Machine Learning 8; Sutton & Barto (2018), chapter 13; Schulman et al.
(2016), arXiv 1506.02438, eqs. 11 and 16; Pardo et al. (2018), arXiv 1712.00378, on time limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sandbox.api.types import Array

if TYPE_CHECKING:
    from sandbox.backends.actors.distributions import Distribution
    from sandbox.backends.reinforce.config import ReinforceConfig


@dataclass(frozen=True, slots=True)
class Episodes:
    """N whole episodes with M steps in all, one step a row, in any order.

    Attributes:
        observations: Flattened, shape ``(M, d)``.
        actions: Raw draws, shape ``(M, k)``.
        masks: Allowed actions, shape ``(M, n)``, or None.
        rewards: Shape ``(M,)``.
        episode: Which episode a step belongs to, 0 to N - 1; shape ``(M,)``.
        time: How many steps of its episode came before it, shape ``(M,)``.
        last_observations: Observation after the last step, shape ``(N, d)``.
        terminated: Whether the process itself ended, shape ``(N,)``; otherwise it was truncated.
    """

    observations: Array
    actions: Array
    masks: Array | None
    rewards: Array
    episode: Array
    time: Array
    last_observations: Array
    terminated: Array

    @property
    def count(self) -> int:
        """N."""
        return len(self.terminated)

    @property
    def lengths(self) -> Array:
        """Steps of every episode, shape ``(N,)``."""
        return np.bincount(self.episode, minlength=self.count)

    @property
    def returns(self) -> Array:
        """Undiscounted sum of rewards of every episode, shape ``(N,)``."""
        return np.bincount(self.episode, self.rewards, self.count)

    def grid(self, values: Array) -> Array:
        """Values of all steps as a table, shape ``(max length, N)``, zero after an episode's end."""
        table = np.zeros((int(self.time.max()) + 1, self.count))
        table[self.time, self.episode] = values
        return table

    def flat(self, table: Array) -> Array:
        """The inverse of `grid`, shape ``(M,)``."""
        flat: Array = table[self.time, self.episode]
        return flat


def discounted_to_go(table: Array, factor: float) -> Array:
    """Σₖ factorᵏ · table[t + k] for every t, downwards in each column."""
    sums = np.zeros_like(table)
    following = np.zeros(table.shape[1])
    for t in reversed(range(len(table))):
        following = table[t] + factor * following
        sums[t] = following
    return sums


def returns_to_go(episodes: Episodes, gamma: float, last_values: Array | None = None) -> Array:
    """Gₜ of every step, shape ``(M,)``, bootstrapped at truncation where values are given.

    Args:
        episodes: N episodes.
        gamma: Discount.
        last_values: V of the last observations, shape ``(N,)``, or None.
    """
    rewards = episodes.grid(episodes.rewards)
    if last_values is not None:
        cut_off = np.where(episodes.terminated, 0.0, last_values)
        rewards[episodes.lengths - 1, np.arange(episodes.count)] += gamma * cut_off
    return episodes.flat(discounted_to_go(rewards, gamma))


def gae(episodes: Episodes, gamma: float, lam: float, values: Array, last_values: Array) -> Array:
    """Generalised advantages of every step, shape ``(M,)``; Schulman et al. (2016), eq. 16.

    Args:
        episodes: N episodes.
        gamma: Discount.
        lam: λ.
        values: V of every step's observation, shape ``(M,)``.
        last_values: V of the last observations, shape ``(N,)``; not used where terminated.
    """
    after = np.roll(episodes.grid(values), -1, axis=0)
    after[episodes.lengths - 1, np.arange(episodes.count)] = np.where(episodes.terminated, 0.0, last_values)
    errors = episodes.rewards + gamma * episodes.flat(after) - values
    return episodes.flat(discounted_to_go(episodes.grid(errors), gamma * lam))


def weights(
    episodes: Episodes,
    config: ReinforceConfig,
    values: Array | None = None,
    last_values: Array | None = None,
) -> Array:
    """Ψ of every step, shape ``(M,)``, by the table above.

    Args:
        episodes: N episodes.
        config: The switches.
        values: V of every step's observation, shape ``(M,)``; given with the baseline only.
        last_values: V of the last observations, shape ``(N,)``; given with the baseline only.
    """
    if config.gae:
        assert values is not None
        assert last_values is not None
        psi = gae(episodes, config.gamma, config.gae_lambda, values, last_values)
    else:
        to_go = returns_to_go(episodes, config.gamma, last_values)
        if config.reward_to_go:
            psi = to_go if values is None else to_go - values
        else:
            first = to_go if values is None else to_go - values
            psi = episodes.grid(first)[0, episodes.episode]
        if config.constant_baseline:
            psi = psi - mean_of_others(episodes, psi)
    return psi


def mean_of_others(episodes: Episodes, psi: Array) -> Array:
    """For every step the mean of ``psi`` over the steps of all other episodes, shape ``(M,)``; 0 if N = 1.

    An episode's own rewards are left out, so that the estimate stays unbiased.
    """
    sums, lengths = np.bincount(episodes.episode, psi, episodes.count), episodes.lengths
    others = np.maximum(lengths.sum() - lengths, 1)
    mean: Array = ((sums.sum() - sums) / others)[episodes.episode]
    return mean


def standardised(psi: Array) -> Array:
    """Ψ with mean 0 and standard deviation 1 over all steps; only centred if it does not vary."""
    scaled: Array = (psi - psi.mean()) / (psi.std() + 1e-8)
    return scaled


def policy_loss(
    distribution: Distribution,
    params: Tensor,
    actions: Tensor,
    masks: Tensor | None,
    psi: Tensor,
    count: int,
    entropy_coef: float = 0.0,
) -> Tensor:
    """The number whose gradient is minus the estimate of ∇J.

    (1/N) Σᵢ Σₜ -(log π(aᵢₜ|sᵢₜ) Ψᵢₜ + c H(π(·|sᵢₜ))), a scalar. A sum over steps, so the losses of
    parts of the data add up to the loss of all.

    Args:
        distribution: Of the actions.
        params: Its parameters for every step, shape ``(M, p)``.
        actions: Raw draws, shape ``(M, k)``.
        masks: Shape ``(M, n)``, or None.
        psi: Ψ, shape ``(M,)``.
        count: N.
        entropy_coef: c.
    """
    objective = distribution.log_prob(params, actions, masks) * psi
    if entropy_coef:
        objective = objective + entropy_coef * distribution.entropy(params, masks)
    return -torch.sum(objective) / count

"""Advantages and losses of PPO where agents come and go.

    δ_t = r_t + γ V(o_{t+1}) - V(o_t),      A_t = δ_t + γ λ A_{t+1}

for each agent on its own (Schulman et al. 2016, eq. 16). After an agent's last step nothing is added,
whoever goes on without it; where a limit cut it off, V of what it saw last stands for the rest. Steps in
which an agent is absent have no advantage and count in no mean.

    L = -mean min(ρ A, clip(ρ, 1 - ε, 1 + ε) A),    ρ = π(a|o) / π_old(a|o)

(Schulman et al. 2017, eq. 7).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sandbox.api.types import Array, Bools, Floats


def advantages(
    rewards: Floats,
    values: Floats,
    following: Floats,
    cut_off: Floats,
    done: Bools,
    present: Bools,
    gamma: float,
    gae_lambda: float,
) -> Floats:
    """Generalised advantage estimates, shape ``(T, n, k)``; 0 where an agent is absent.

    Args:
        rewards: Shape ``(T, n, k)``.
        values: V of what the actions were chosen by, shape ``(T, n, k)``.
        following: V of what is seen after the last step, shape ``(n, k)``.
        cut_off: V of an agent's last observation where it was truncated, 0 elsewhere, shape ``(T, n, k)``.
        done: Whether an agent's part ended with the step, shape ``(T, n, k)``.
        present: Who took part in the step, shape ``(T, n, k)``.
        gamma: Discount a step.
        gae_lambda: λ.
    """
    estimates = np.zeros_like(rewards)
    after, later = following, np.zeros_like(following)
    for t in reversed(range(len(rewards))):
        goes_on = ~done[t]
        error = rewards[t] + gamma * (goes_on * after + cut_off[t]) - values[t]
        later = present[t] * (error + gamma * gae_lambda * goes_on * later)
        estimates[t], after = later, values[t]
    return estimates


def standardised(estimates: Floats, present: Bools, per_agent: bool) -> Floats:
    """Advantages with mean 0 and deviation 1 over those who were present, or over each agent's own.

    Args:
        estimates: Shape ``(m, k)``.
        present: Shape ``(m, k)``.
        per_agent: Whether agents are scaled apart.
    """
    scaled = np.zeros_like(estimates)
    every = np.ones(estimates.shape[1], np.bool_)
    groups = [every] if not per_agent else list(np.eye(estimates.shape[1], dtype=np.bool_))
    for group in groups:
        chosen = present & group
        if chosen.any():
            kept = estimates[chosen]
            scaled[chosen] = (kept - kept.mean()) / (kept.std() + 1e-8)
    return scaled


def mean_over(values: Tensor, weights: Tensor) -> Tensor:
    """Σ w x / Σ w; weights of what is absent are 0. Shape ``()``."""
    return (values * weights).sum() / weights.sum().clamp(min=1e-8)


def presence_weights(present: Tensor, per_agent: bool) -> Tensor:
    """Weights of a minibatch's samples, shape ``(m, k)``, with which `mean_over` means the intended thing.

    With shared networks every sample counts alike. With networks of their own, every agent's mean counts
    alike however long it was there, so that agents learn as they would alone.
    """
    weights = present.to(torch.float32)
    return weights / weights.sum(0, keepdim=True).clamp(min=1.0) if per_agent else weights


def clipped_loss(log_prob: Tensor, before: Tensor, advantage: Tensor, clip_range: float) -> Tensor:
    """PPO's loss of every sample; all of one shape."""
    ratio = (log_prob - before).exp()
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    return -torch.minimum(ratio * advantage, clipped * advantage)


def team_mean(rewards: Array, present: Bools) -> Floats:
    """The mean reward over all k agents, given to everyone who is there; shape ``(…, k)``.

    The sum of it over an episode is the return that evaluations report. An agent that has left has no
    share in what the others earn later.
    """
    mean: Floats = np.asarray(rewards, np.float64).mean(axis=-1, keepdims=True) * present
    return mean

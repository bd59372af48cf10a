"""What is computed of samples where agents come and go; advantages and PPO's loss are `actors.estimates`.

An agent that is absent counts in no mean.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sandbox.api.types import Array, Bools, Floats
from sandbox.backends.actors.estimates import advantages, clipped_loss

__all__ = [
    "advantages",
    "clipped_loss",
    "mean_over",
    "presence_weights",
    "standardised",
    "team_mean",
]


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


def team_mean(rewards: Array, present: Bools) -> Floats:
    """The mean reward over all k agents, given to everyone who is there; shape ``(…, k)``.

    The sum of it over an episode is the return that evaluations report. An agent that has left has no
    share in what the others earn later.
    """
    mean: Floats = np.asarray(rewards, np.float64).mean(axis=-1, keepdims=True) * present
    return mean

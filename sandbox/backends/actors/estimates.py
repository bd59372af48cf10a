"""Advantages, and the clipped loss of proximal policy optimisation.

    δ_t = r_t + γ V(o_{t+1}) - V(o_t),      A_t = δ_t + γ λ A_{t+1}

(Schulman et al. 2016, eq. 16). After a row's last step nothing is added; where a limit cut it off, V of what
it saw last stands for the rest. Steps in which a row is absent have no advantage.

    L = -mean min(ρ A, clip(ρ, 1 - ε, 1 + ε) A),    ρ = π(a|o) / π_old(a|o)

(Schulman et al. 2017, eq. 7).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from sandbox.api.types import Bools, Floats


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
    """Generalised advantage estimates, shape ``(T, …)``; 0 where a row is absent.

    Args:
        rewards: Shape ``(T, …)``; the axes after the first are rows, or environments and their agents.
        values: V of what the actions were chosen by, shape ``(T, …)``.
        following: V of what is seen after the last step, shape ``(…)``.
        cut_off: V of a row's last observation where it was truncated, 0 elsewhere, shape ``(T, …)``.
        done: Whether a row's part ended with the step, shape ``(T, …)``.
        present: Who took part in the step, shape ``(T, …)``.
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


def clipped_loss(log_prob: Tensor, before: Tensor, advantage: Tensor, clip_range: float) -> Tensor:
    """PPO's loss of every sample; all of one shape."""
    ratio = (log_prob - before).exp()
    clipped = ratio.clamp(1 - clip_range, 1 + clip_range)
    return -torch.minimum(ratio * advantage, clipped * advantage)

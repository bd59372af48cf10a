"""The losses, as functions of log-probabilities of tokens, ``(n, W)``, and of the places that count.

With ρ = π(token) / π'(token), π' the weights that drew the texts, π₀ the pre-trained model and A the
advantage:

    grpo, rlhf-ppo   −min(ρ A, clip(ρ, 1 ± ε) A)                      Schulman et al. 2017; Shao et al. 2024
    grpo, β > 0      + β (π₀/π − log(π₀/π) − 1)                       Shao et al. 2024, eq. 4; Schulman's k3
    dpo              −log σ(β (log π/π₀ (chosen) − log π/π₀ (rejected)))   Rafailov et al. 2023, eq. 7
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

Reduction = Literal["grpo", "bnpo", "dr_grpo"]


def clipped(log_probs: Tensor, before: Tensor, advantages: Tensor, clip: float) -> Tensor:
    """PPO's loss of each token, shape ``(n, W)``."""
    ratio = (log_probs - before).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(1 - clip, 1 + clip) * advantages)


def k3(log_probs: Tensor, reference: Tensor) -> Tensor:
    """KL of each token from the reference by Schulman's third estimator, never negative."""
    apart = reference - log_probs
    return apart.exp() - apart - 1


def reduced(losses: Tensor, places: Tensor, how: Reduction, most: int) -> Tensor:
    """One number of the losses of tokens.

    Args:
        losses: Shape ``(n, W)``.
        places: Which of them count.
        how: See `sandbox.backends.language.config.GrpoConfig.loss_type`.
        most: Tokens that a text can have.
    """
    counted = losses * places
    if how == "grpo":
        return (counted.sum(dim=1) / places.sum(dim=1).clamp(min=1)).mean()
    if how == "bnpo":
        return counted.sum() / places.sum().clamp(min=1)
    return counted.sum() / (len(losses) * most)


def direct_preference(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """DPO's loss of each pair from log π/π₀ of its two texts, shape ``(m,)``."""
    return -nn.functional.logsigmoid(beta * (chosen - rejected))

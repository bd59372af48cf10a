"""Hyperparameters; defaults were chosen on a model of 120,000 weights and texts of a dozen tokens."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class LanguageConfig(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="of AdamW")
    anneal: bool = Field(
        True,
        description="the learning rate falls linearly to 0 over the training, so that its noise ends as well",
    )
    weight_decay: float = Field(0.0, ge=0.0, le=1.0, description="of AdamW")
    max_grad_norm: float = Field(1.0, gt=0.0, le=1e6, description="the gradient's norm is clipped to it")
    batch_size: int = Field(64, ge=1, le=1_000_000, description="texts of a gradient step (pairs in dpo)")
    stochastic: bool = Field(
        True,
        description="tokens are drawn even where the policy's mode is asked for: always the likeliest "
        "token gives "
        "the same text again and again",
    )


class GrpoConfig(LanguageConfig):
    """grpo."""

    num_iterations: int = Field(2, ge=1, le=1000, description="μ, passes over a batch of texts")
    epsilon: float = Field(0.2, gt=0.0, le=1.0, description="ratios of probabilities are clipped to 1 ± this")
    beta: float = Field(
        0.0,
        ge=0.0,
        le=1e6,
        description="β, weight of the KL from the pre-trained model in the loss, by the estimator of "
        "GRPO (k3); "
        "beside whatever weight the reward's term kl has",
    )
    loss_type: Literal["grpo", "bnpo", "dr_grpo"] = Field(
        "dr_grpo",
        description="what the loss is a mean over: texts of their means over tokens; all tokens; or texts of "
        "their sums over tokens, divided by the most that there can be, which favours no length",
    )
    scale_rewards: Literal["group", "batch", "none"] = Field(
        "none",
        description="what advantages are divided by: standard deviation of the texts of a prompt, of all, or "
        "nothing, so that the weight of the KL means the same at any spread of rewards",
    )


class PpoConfig(LanguageConfig):
    """rlhf-ppo."""

    epochs: int = Field(2, ge=1, le=1000, description="passes over a batch of texts")
    clip_range: float = Field(
        0.2, gt=0.0, le=1.0, description="ratios of probabilities are clipped to 1 ± this"
    )
    gae_lambda: float = Field(
        0.95, ge=0.0, le=1.0, description="λ of generalised advantage estimation; γ is 1"
    )
    value_coef: float = Field(
        0.5, ge=0.0, le=1e6, description="weight of the value's squared error in the loss"
    )


class RejectionConfig(LanguageConfig):
    """rejection-sampling."""

    keep: float = Field(
        0.125, gt=0.0, le=1.0, description="share of a prompt's texts that are kept, the best; at least one"
    )
    epochs: int = Field(1, ge=1, le=1000, description="passes over the texts that are kept")
    learning_rate: float = Field(5e-4, gt=0.0, le=1.0, description="of AdamW")
    batch_size: int = Field(16, ge=1, le=1_000_000, description="texts of a gradient step")


class DpoConfig(LanguageConfig):
    """dpo."""

    beta: float = Field(
        0.1, gt=0.0, le=1e6, description="β, strength of the KL penalty that the loss stands for"
    )
    learning_rate: float = Field(3e-4, gt=0.0, le=1.0, description="of AdamW")
    batch_size: int = Field(32, ge=1, le=1_000_000, description="pairs of a gradient step")

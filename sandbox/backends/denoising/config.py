"""Hyperparameters; defaults were chosen on digits of 8 × 8 pixels."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DenoisingConfig(BaseModel):
    """What the three algorithms share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rounds: int = Field(1, ge=1, le=10_000, description="images of every row before each update")
    max_grad_norm: float = Field(1.0, gt=0.0, le=1e6, description="the gradient's norm is clipped to it")
    weight_decay: float = Field(1e-4, ge=0.0, le=1.0, description="of AdamW")
    max_advantage: float = Field(
        5.0, gt=0.0, le=1e6, description="advantages are clipped to ± this many standard deviations"
    )
    stochastic: bool = Field(
        True,
        description="images are drawn even where the policy's mode is asked for: the mode of every step "
        "gives no image of the model",
    )


class ImportanceConfig(DenoisingConfig):
    """ddpo-is."""

    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="of AdamW")
    kl_coef: float = Field(
        0.0,
        ge=0.0,
        le=1e6,
        description="β, weight of the KL from the pre-trained model, mean over pixels, in the loss: the "
        "expectation of the reward's term kl, without its noise",
    )
    epochs: int = Field(2, ge=1, le=1000, description="passes over a batch of images")
    batch_size: int = Field(512, ge=1, le=1_000_000, description="denoising steps of a gradient step")
    clip_range: float = Field(
        1e-4,
        gt=0.0,
        le=1.0,
        description="ratios of densities, whose logarithm is a mean over pixels, are clipped to 1 ± this",
    )


class ScoreConfig(DenoisingConfig):
    """ddpo-sf."""

    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="of AdamW")
    kl_coef: float = Field(
        0.0,
        ge=0.0,
        le=1e6,
        description="β, weight of the KL from the pre-trained model, mean over pixels, in the loss: the "
        "expectation of the reward's term kl, without its noise",
    )
    batch_size: int = Field(
        4096, ge=1, le=1_000_000, description="denoising steps whose gradients are computed at a time"
    )


class RegressionConfig(DenoisingConfig):
    """rwr."""

    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="of AdamW")
    epochs: int = Field(20, ge=1, le=10_000, description="passes over a batch of images")
    batch_size: int = Field(256, ge=1, le=1_000_000, description="images of a gradient step")
    temperature: float = Field(
        0.5, gt=0.0, le=1e6, description="weights are exp(advantage / temperature), with mean 1"
    )

"""Hyperparameters of algorithms that learn from a replay buffer."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sandbox.api import Tunable
from sandbox.backends.sb3.config.common import DiscountedConfig, LearningRate

Entropy = Annotated[str, Field(pattern=r"^auto(_(\d+\.?\d*|\.\d+)(e-?\d+)?)?$")]
NonNegative = Annotated[float, Field(ge=0)]
QLearningRate = Annotated[float, Field(gt=0, le=10), Tunable(1e-5, 5e-3, log=True)]
ReplayBatchSize = Annotated[int, Field(ge=1, le=1_000_000), Tunable(choices=(32, 64, 128, 256, 512, 1024))]
TrainFrequency = Annotated[int, Field(ge=1, le=1_000_000), Tunable(choices=(1, 2, 4, 8, 16))]
SoftUpdate = Annotated[float, Field(gt=0, le=1), Tunable(0.001, 0.1, log=True)]
# A target network moves softly (tau) or is copied now and then (target_update_interval), not both.
SoftUpdateUnlessCopied = Annotated[float, Field(gt=0, le=1), Tunable(0.001, 0.1, log=True, unless=1.0)]
TargetInterval = Annotated[int, Field(ge=1), Tunable(100, 20_000, log=True, unless=1)]
ExplorationShare = Annotated[float, Field(gt=0, le=1), Tunable(0.05, 0.5)]
FinalEpsilon = Annotated[float, Field(ge=0, le=1), Tunable(0.01, 0.1, log=True)]


class OffPolicyConfig(DiscountedConfig):
    """What algorithms of the kind ``off-policy`` share."""

    buffer_size: int = Field(
        1_000_000, ge=1, le=100_000_000, description="transitions in the replay buffer, over all rows"
    )
    learning_starts: Annotated[int, Field(ge=0), Tunable(choices=(100, 1_000, 5_000), limit="warm-up")] = (
        Field(100, description="steps before learning, by random actions or the policy to start from")
    )
    batch_size: ReplayBatchSize = Field(256, description="transitions per gradient step")
    train_freq: TrainFrequency = Field(1, description="steps of each row between updates")
    gradient_steps: int = Field(
        1, ge=-1, le=100_000, description="gradient steps per update; -1: as many as steps were taken"
    )
    n_steps: int = Field(1, ge=1, le=10_000, description="steps of the n-step return")

    @model_validator(mode="after")
    def _buffer_holds_a_batch(self) -> Self:
        if self.batch_size > self.buffer_size:
            raise ValueError(
                f"batch_size ({self.batch_size}) must not be larger than buffer_size ({self.buffer_size})"
            )
        return self


class _DeepQ(OffPolicyConfig):
    learning_rate: QLearningRate = Field(1e-4, description="step size of the optimiser")
    batch_size: ReplayBatchSize = Field(32, description="transitions per gradient step")
    tau: SoftUpdateUnlessCopied = Field(1.0, description="share of the online network at a target update")
    train_freq: TrainFrequency = Field(4, description="steps of each row between updates")
    target_update_interval: TargetInterval = Field(10_000, description="steps between target updates")
    exploration_fraction: ExplorationShare = Field(
        0.1, description="share of the training over which ε falls"
    )
    exploration_initial_eps: float = Field(1.0, ge=0, le=1, description="ε at the start")
    exploration_final_eps: FinalEpsilon = Field(0.05, description="ε at the end")


class DqnConfig(_DeepQ):
    """Deep Q-network."""

    max_grad_norm: float = Field(10, gt=0, description="gradients are clipped to this norm")


class QrDqnConfig(_DeepQ):
    """Quantile-regression DQN."""

    learning_rate: QLearningRate = Field(5e-5, description="step size of the optimiser")
    exploration_fraction: ExplorationShare = Field(
        0.005, description="share of the training over which ε falls"
    )
    exploration_final_eps: FinalEpsilon = Field(0.01, description="ε at the end")
    max_grad_norm: float | None = Field(
        None, gt=0, description="gradients are clipped to this norm; unlimited if absent"
    )
    n_quantiles: int = Field(200, ge=1, le=10_000, description="quantiles of the return per action")


class ContinuousConfig(OffPolicyConfig):
    """What off-policy algorithms for continuous actions share."""

    action_noise_std: float = Field(
        0.0, ge=0, le=2, description="Gaussian noise added to actions scaled to [-1, 1]; none at 0"
    )
    n_critics: int = Field(2, ge=1, le=32, description="critics, of which the lowest value is used")


class _Soft(ContinuousConfig):
    ent_coef: NonNegative | Entropy = Field(
        "auto", description="weight of the entropy: a number, auto (learned), or auto_X (learned from X)"
    )
    target_entropy: float | Literal["auto"] = Field(
        "auto", description="entropy aimed at when it is learned; auto: minus the number of action dimensions"
    )

    @model_validator(mode="after")
    def _learnable(self) -> Self:
        if (
            isinstance(self.ent_coef, str)
            and "_" in self.ent_coef
            and float(self.ent_coef.split("_")[1]) <= 0
        ):
            raise ValueError("the initial value in ent_coef=auto_X must be greater than 0")
        return self


class SacConfig(_Soft):
    """Soft actor-critic."""

    learning_rate: LearningRate = Field(3e-4, description="step size of actor, critics and entropy")
    tau: SoftUpdateUnlessCopied = Field(0.005, description="share of the critics at a target update")
    target_update_interval: TargetInterval = Field(1, description="gradient steps between target updates")


class TqcConfig(SacConfig):
    """Truncated quantile critics."""

    top_quantiles_to_drop_per_net: int = Field(
        2, ge=0, le=1000, description="highest quantiles of each critic that are left out"
    )
    n_quantiles: int = Field(25, ge=1, le=1000, description="quantiles per critic")

    @model_validator(mode="after")
    def _some_quantiles_left(self) -> Self:
        if self.top_quantiles_to_drop_per_net >= self.n_quantiles:
            raise ValueError("top_quantiles_to_drop_per_net must be smaller than n_quantiles")
        return self


class CrossqConfig(_Soft):
    """CrossQ."""

    learning_rate: LearningRate = Field(1e-3, description="step size of actor, critics and entropy")
    policy_delay: int = Field(3, ge=1, le=1000, description="critic steps per step of the actor")


class Td3Config(ContinuousConfig):
    """Twin delayed DDPG."""

    learning_rate: LearningRate = Field(1e-3, description="step size of actor and critics")
    tau: SoftUpdate = Field(0.005, description="share of the networks at a target update")
    policy_delay: int = Field(2, ge=1, le=1000, description="critic steps per step of the actor")
    target_policy_noise: float = Field(0.2, ge=0, le=2, description="noise that smooths the target action")
    target_noise_clip: float = Field(0.5, ge=0, le=2, description="bound of that noise")

"""Hyperparameters of offline learning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class RecordsConfig(BaseModel):
    """Settings of all that learns from batches of recorded steps."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gamma: Annotated[float, Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, ge=0, le=1, description="discount factor per step"
    )
    learning_rate: Annotated[float, Tunable(1e-5, 1e-2, log=True)] = Field(
        3e-4, gt=0, le=10, description="step size of Adam"
    )
    batch_size: Annotated[int, Tunable(choices=(64, 128, 256, 512))] = Field(
        256, ge=1, le=1_000_000, description="recorded steps of one update"
    )
    target_rate: Annotated[float, Tunable(0.001, 0.05, log=True)] = Field(
        0.005, gt=0, le=1, description="share by which the target network follows, every update"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        [128, 128], max_length=16, description="hidden layers of Q; [] makes it linear"
    )
    activation: Annotated[Literal["tanh", "relu"], Tunable(choices=("tanh", "relu"))] = Field(
        "relu", description="of the hidden layers"
    )
    normalize_observation: bool = Field(
        True, description="scale observations by the mean and deviation of the recorded ones"
    )
    normalize_reward: bool = Field(
        True, description="divide rewards by the deviation of the recorded ones, so that alpha means the same"
    )


class CQLConfig(RecordsConfig):
    """Settings of conservative Q-learning."""

    alpha: Annotated[float, Tunable(0.01, 10.0, log=True)] = Field(
        0.5, ge=0, le=1e6, description="weight of the penalty on actions that were not recorded; 0: none"
    )
    sampled_actions: int = Field(
        10, ge=1, le=1000, description="draws of each kind for the penalty on continuous actions"
    )


class IQLConfig(RecordsConfig):
    """Settings of implicit Q-learning."""

    expectile: Annotated[float, Tunable(0.5, 0.95)] = Field(
        0.8, gt=0, lt=1, description="τ: 0.5 values what was done on average, near 1 the best that was done"
    )
    temperature: Annotated[float, Tunable(0.5, 10.0, log=True)] = Field(
        3.0, ge=0, le=1e3, description="β: 0 imitates all records, a large one only those of high advantage"
    )


class TD3BCConfig(RecordsConfig):
    """Settings of TD3 with a term of imitation."""

    alpha: Annotated[float, Tunable(0.5, 10.0, log=True)] = Field(
        2.5, ge=0, le=1e6, description="weight of the values against imitation; 0 imitates"
    )
    policy_delay: int = Field(2, ge=1, le=100, description="updates of the critics for one of the policy")
    target_noise: float = Field(
        0.2, ge=0, le=1, description="deviation of the noise on target actions, in half widths of the range"
    )
    noise_clip: float = Field(0.5, ge=0, le=2, description="bound of that noise")


class DecisionTransformerConfig(BaseModel):
    """Settings of the decision transformer."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    target_return: float | None = Field(
        None,
        ge=-1e12,
        le=1e12,
        description="return that is asked for in play; if absent, the one that `target_quantile` names",
    )
    target_quantile: Annotated[float, Tunable(0.7, 1.0)] = Field(
        0.95, ge=0, le=1, description="quantile of the recorded returns that is asked for"
    )
    context: Annotated[int, Tunable(choices=(5, 10, 20))] = Field(
        20, ge=1, le=256, description="steps that the transformer sees"
    )
    width: Annotated[int, Tunable(choices=(32, 64, 128))] = Field(
        64, ge=4, le=1024, multiple_of=4, description="numbers that stand for a token"
    )
    layers: Annotated[int, Tunable(choices=(1, 2, 3))] = Field(2, ge=1, le=16, description="of attention")
    heads: int = Field(2, ge=1, le=16, description="of attention; must divide `width`")
    dropout: float = Field(0.1, ge=0, lt=1, description="share of activations left out in training")
    learning_rate: Annotated[float, Tunable(1e-5, 1e-2, log=True)] = Field(
        1e-3, gt=0, le=10, description="step size of AdamW"
    )
    weight_decay: float = Field(1e-4, ge=0, le=1, description="decoupled decay of the weights")
    batch_size: Annotated[int, Tunable(choices=(32, 64, 128))] = Field(
        64, ge=1, le=100_000, description="pieces of episodes of one update"
    )

    @model_validator(mode="after")
    def _heads_fit(self) -> DecisionTransformerConfig:
        if self.width % self.heads:
            raise ValueError(f"heads ({self.heads}) must divide width ({self.width})")
        return self


class LSPIConfig(BaseModel):
    """Settings of least-squares policy iteration."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gamma: Annotated[float, Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.97, ge=0, lt=1, description="discount factor per step"
    )
    features: Annotated[int, Tunable(choices=(16, 32, 64, 128))] = Field(
        32, ge=1, le=2048, description="random features of an observation; each action weighs all of them"
    )
    ridge: Annotated[float, Tunable(1e-3, 1.0, log=True)] = Field(
        1e-2,
        gt=0,
        le=1e6,
        description="pull of an action's value to the state's; large: no preference",
    )
    iterations: int = Field(
        20, ge=1, le=10_000, description="rounds at most, the first for the behaviour; fewer if stable"
    )

    @property
    def net_arch(self) -> list[int]:
        """Of the policy's network."""
        return [self.features]

    @property
    def activation(self) -> str:
        """Of the policy's network."""
        return "tanh"

    @property
    def normalize_observation(self) -> bool:
        """Of the policy."""
        return True

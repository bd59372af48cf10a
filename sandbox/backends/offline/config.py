"""Hyperparameters of offline learning."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class CQLConfig(BaseModel):
    """Settings of conservative Q-learning."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    alpha: Annotated[float, Tunable(0.01, 10.0, log=True)] = Field(
        0.5, ge=0, le=1e6, description="weight of the penalty on actions that were not recorded; 0: none"
    )
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

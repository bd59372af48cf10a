"""Hyperparameters of imitation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class CloningConfig(BaseModel):
    """Settings of behavioural cloning."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: Annotated[float, Tunable(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0, le=10, description="step size of Adam"
    )
    batch_size: Annotated[int, Tunable(choices=(64, 128, 256, 512))] = Field(
        128, ge=1, le=1_000_000, description="labelled observations of one update"
    )
    weight_decay: Annotated[float, Tunable(1e-6, 1e-2, log=True)] = Field(
        0.0, ge=0, le=1, description="decoupled decay of the weights (AdamW)"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        [64, 64], max_length=16, description="hidden layers of the policy; [] makes it linear"
    )
    activation: Annotated[Literal["tanh", "relu"], Tunable(choices=("tanh", "relu"))] = Field(
        "tanh", description="of the hidden layers"
    )
    normalize_observation: bool = Field(
        True, description="scale observations by the mean and deviation of the labelled ones"
    )
    stochastic: bool = Field(
        False, description="sample actions in play too, as a behaviour that was not deterministic did"
    )


class DaggerConfig(CloningConfig):
    """Settings of DAgger."""

    steps_per_iteration: Annotated[int, Tunable(choices=(250, 500, 1000, 2000))] = Field(
        500, ge=1, le=10_000_000, description="steps that are labelled before the policy is fitted again"
    )
    updates_per_iteration: Annotated[int, Tunable(choices=(100, 200, 400))] = Field(
        200, ge=1, le=1_000_000, description="updates on all labels so far, after each iteration"
    )
    expert_share: Annotated[float, Tunable(choices=(0.0, 0.5, 0.9))] = Field(
        0.0,
        ge=0,
        lt=1,
        description="β: the expert plays a share β^i of iteration i's steps; all of the first, i = 0",
    )

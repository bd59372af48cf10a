"""Hyperparameters of the pathwise gradient."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class PathwiseConfig(BaseModel):
    """Settings of the pathwise gradient."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: Annotated[float, Tunable(3e-3, 1e-1, log=True)] = Field(
        3e-2, gt=0, le=10, description="first step size of Adam; falls to 0 along half a cosine"
    )
    copies: Annotated[int, Tunable(choices=(64, 128, 256))] = Field(
        128, ge=1, le=1_000_000, description="paths that are simulated side by side"
    )
    segment: Annotated[int, Tunable(choices=(4, 8, 16))] = Field(
        8, ge=1, le=10_000, description="steps whose actions are learned from in an update"
    )
    tail: Annotated[int, Tunable(choices=(8, 16, 24, 48))] = Field(
        16,
        ge=0,
        le=10_000,
        description="steps after them that are played for their costs; at least the longest delay",
    )
    max_grad_norm: Annotated[float, Tunable(0.1, 10.0, log=True)] = Field(
        1.0, gt=0, le=1e9, description="largest norm of a gradient"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((32, 32), (64, 64), (128, 128)))] = Field(
        [32, 32], max_length=16, description="hidden layers of the policy; [] makes it linear"
    )
    activation: Annotated[Literal["tanh", "relu", "silu"], Tunable(choices=("tanh", "relu", "silu"))] = Field(
        "silu", description="of the hidden layers"
    )
    as_played: bool = Field(
        True,
        description="play what the environment makes of actions, such as whole orders, and take gradients as "
        "if it did not; false plays the actions themselves while learning",
    )
    normalize_observation: bool = Field(
        False, description="scale observations by the mean and deviation of those met so far"
    )

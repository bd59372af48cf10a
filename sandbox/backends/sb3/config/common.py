"""What the hyperparameters of several kinds of algorithm share; the defaults are Stable-Baselines3's own.

Fields carry the names of SB3's constructor arguments. Beyond those: ``learning_rate_schedule``,
``clip_range_schedule`` and ``ent_coef_schedule``, the network (``net_arch``, ``activation``, …), exploration
noise as a number, and normalisation by running statistics. State-dependent exploration (gSDE) is not offered.

`Tunable` gives the range that ``sandbox tune`` searches. The ranges follow RL Zoo 3 (Raffin 2020) and
Patterson et al. 2024, section 5.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable

Activation = Literal["tanh", "relu", "elu", "gelu", "leaky_relu", "silu"]
Layers = Annotated[tuple[Annotated[int, Field(ge=1, le=8192)], ...], Field(max_length=16)]
Schedule = Literal["constant", "linear"]
LearningRate = Annotated[float, Field(gt=0, le=10), Tunable(1e-5, 1e-2, log=True)]


class Config(BaseModel):
    """What all algorithms share."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: LearningRate = Field(description="step size of the optimiser")
    learning_rate_schedule: Annotated[Schedule, Tunable(choices=("constant", "linear"))] = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    net_arch: Annotated[Layers | None, Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        None, description="units of each hidden layer, of actor and critic alike; SB3's default if absent"
    )
    activation: Annotated[Activation | None, Tunable(choices=("tanh", "relu"))] = Field(
        None, description="nonlinearity of the hidden layers; SB3's default if absent"
    )
    normalize_observation: Annotated[bool, Tunable(choices=(False, True))] = Field(
        False, description="scale observations by their running mean and variance; kept with the policy"
    )


class DiscountedConfig(Config):
    """What all algorithms with a value function share."""

    normalize_reward: bool = Field(
        False, description="scale rewards in training by the running variance of the discounted return"
    )
    gamma: Annotated[float, Field(ge=0, le=1), Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, description="discount factor per step"
    )

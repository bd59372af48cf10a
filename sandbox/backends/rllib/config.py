"""Hyperparameters of RLlib's PPO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Layer = Annotated[int, Field(ge=1, le=8192)]


class RllibPPOConfig(BaseModel):
    """Defaults are those of this project's PPO where RLlib has the same thing, so that the two compare."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    env_runners: int = Field(
        0,
        ge=0,
        le=10_000,
        description="processes that step environments, each on a core of the cluster; 0: here",
    )
    n_steps: int = Field(256, ge=1, le=1_000_000, description="steps of every environment an update")
    minibatch_size: int = Field(1024, ge=1, le=10_000_000, description="samples of one gradient step")
    n_epochs: int = Field(10, ge=1, le=1000, description="passes over an update's data")
    learning_rate: float = Field(3e-4, gt=0.0, le=10.0, description="of Adam")
    schedule: Literal["constant", "linear"] = Field("constant", description="linear falls to 0 at the end")
    gamma: float = Field(0.99, gt=0.0, le=1.0, description="discount a step")
    gae_lambda: float = Field(0.95, ge=0.0, le=1.0, description="λ of GAE: 1 is Monte Carlo, 0 one step")
    clip_range: float = Field(0.2, gt=0.0, le=10.0, description="ε of the clipped probability ratio")
    entropy_coef: float = Field(0.0, ge=0.0, le=100.0, description="weight of the entropy bonus")
    value_coef: float = Field(0.5, ge=0.0, le=100.0, description="weight of the value loss")
    max_grad_norm: float = Field(0.5, gt=0.0, description="clip the gradient's norm")
    reward_scale: float = Field(
        1.0, gt=0.0, le=1e9, description="factor on rewards while learning, so that returns are near one"
    )
    normalize_observation: bool = Field(
        True, description="scale observations by their mean and deviation over all environments so far"
    )
    net_arch: list[Layer] = Field([64, 64], max_length=16, description="hidden layers of policy and value")
    activation: Literal["tanh", "relu"] = Field("tanh", description="of the hidden layers")
    log_std_init: float = Field(
        -0.5,
        ge=-10.0,
        le=5.0,
        description="first log standard deviation of continuous actions, in half widths of a bounded range",
    )

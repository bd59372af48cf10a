"""Hyperparameters of RLlib's PPO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class RllibPPOConfig(BaseModel):
    """Defaults are those of the algorithm ``ppo`` where RLlib has the same setting."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    env_runners: int = Field(
        0,
        ge=0,
        le=10_000,
        description="processes that step environments, each on a core of the cluster; 0: here",
    )
    n_steps: Annotated[int, Tunable(choices=(32, 64, 128, 256, 512, 1024, 2048), limit="rollout")] = Field(
        256, ge=1, le=1_000_000, description="steps of every environment an update"
    )
    minibatch_size: int = Field(1024, ge=1, le=10_000_000, description="samples of one gradient step")
    n_epochs: Annotated[int, Tunable(choices=(3, 5, 10, 20))] = Field(
        10, ge=1, le=1000, description="passes over an update's data"
    )
    learning_rate: Annotated[float, Tunable(1e-5, 1e-2, log=True)] = Field(
        3e-4, gt=0.0, le=10.0, description="of Adam"
    )
    schedule: Literal["constant", "linear"] = Field("constant", description="linear falls to 0 at the end")
    gamma: Annotated[float, Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, gt=0.0, le=1.0, description="discount a step"
    )
    gae_lambda: Annotated[float, Tunable(0.8, 0.995, log=True, complement=True)] = Field(
        0.95, ge=0.0, le=1.0, description="λ of GAE: 1 is Monte Carlo, 0 one step"
    )
    clip_range: Annotated[float, Tunable(choices=(0.1, 0.2, 0.3))] = Field(
        0.2, gt=0.0, le=10.0, description="ε of the clipped probability ratio"
    )
    entropy_coef: Annotated[float, Tunable(1e-6, 0.1, log=True)] = Field(
        0.0, ge=0.0, le=100.0, description="weight of the entropy bonus"
    )
    value_coef: float = Field(0.5, ge=0.0, le=100.0, description="weight of the value loss")
    max_grad_norm: Annotated[float, Tunable(0.3, 10.0, log=True)] = Field(
        0.5, gt=0.0, description="clip the gradient's norm"
    )
    reward_scale: float = Field(
        1.0, gt=0.0, le=1e9, description="factor on rewards while learning, so that returns are near one"
    )
    normalize_observation: Annotated[bool, Tunable(choices=(False, True))] = Field(
        True, description="scale observations by their mean and deviation over all environments so far"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        [64, 64], max_length=16, description="hidden layers of policy and value"
    )
    activation: Annotated[Literal["tanh", "relu"], Tunable(choices=("tanh", "relu"))] = Field(
        "tanh", description="of the hidden layers"
    )
    log_std_init: float = Field(
        -0.5,
        ge=-10.0,
        le=5.0,
        description="first log standard deviation of continuous actions, in half widths of a bounded range",
    )

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


class GailConfig(BaseModel):
    """Settings of adversarial imitation."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    reward: Annotated[Literal["log-odds", "gail"], Tunable(choices=("log-odds", "gail"))] = Field(
        "log-odds",
        description="what a step earns: log D - log(1 - D), of either sign, or -log(1 - D), always positive, "
        "which pays for long episodes",
    )
    expert_steps: int = Field(
        2000, ge=1, le=10_000_000, description="steps that an expert plays first, where no dataset is given"
    )
    discriminator_learning_rate: Annotated[float, Tunable(1e-4, 3e-3, log=True)] = Field(
        1e-3, gt=0, le=10, description="step size of the discriminator (Adam)"
    )
    discriminator_updates: Annotated[int, Tunable(choices=(2, 5, 10, 20))] = Field(
        20, ge=1, le=10_000, description="updates of the discriminator after each rollout"
    )
    discriminator_batch_size: Annotated[int, Tunable(choices=(64, 128, 256))] = Field(
        128, ge=1, le=1_000_000, description="steps of the expert, and as many of the learner, in each"
    )
    discriminator_net_arch: Annotated[list[Layer], Tunable(choices=((32, 32), (64, 64), (128, 128)))] = Field(
        [64, 64], max_length=16, description="hidden layers of the discriminator"
    )
    gradient_penalty: Annotated[float, Tunable(0.01, 1.0, log=True)] = Field(
        0.1, ge=0, le=1e6, description="weight of (|gradient of the logit| - 1)² between both kinds of steps"
    )
    n_steps: Annotated[int, Tunable(choices=(32, 64, 128, 256), limit="rollout")] = Field(
        128, ge=1, le=1_000_000, description="steps of every row between two updates"
    )
    batch_size: Annotated[int, Tunable(choices=(64, 128, 256), limit="minibatch")] = Field(
        128, ge=1, le=1_000_000, description="steps in a minibatch of the policy and the critic"
    )
    n_epochs: Annotated[int, Tunable(choices=(4, 8, 12))] = Field(
        8, ge=1, le=1000, description="passes over what was played"
    )
    learning_rate: Annotated[float, Tunable(1e-4, 3e-3, log=True)] = Field(
        1e-3, gt=0, le=10, description="step size of policy and critic (Adam)"
    )
    learning_rate_schedule: Literal["constant", "linear"] = Field(
        "linear", description="linear falls to 0 at the end of training, the discriminator's too"
    )
    gamma: Annotated[float, Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, ge=0, le=1, description="discount a step"
    )
    gae_lambda: Annotated[float, Tunable(0.8, 0.995, log=True, complement=True)] = Field(
        0.95, ge=0, le=1, description="λ of generalised advantage estimation"
    )
    clip_range: Annotated[float, Tunable(0.1, 0.3)] = Field(
        0.2, gt=0, le=10, description="ε, by how much a probability's ratio may differ from 1"
    )
    ent_coef: Annotated[float, Tunable(1e-4, 0.05, log=True)] = Field(
        0.0, ge=0, le=100, description="weight of the entropy bonus: λ of Ho & Ermon"
    )
    vf_coef: float = Field(0.5, ge=0, le=100, description="weight of the value loss")
    max_grad_norm: float = Field(0.5, gt=0, description="largest norm of a gradient of policy and critic")
    net_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        [64, 64], max_length=16, description="hidden layers of policy and critic; [] makes them linear"
    )
    activation: Annotated[Literal["tanh", "relu"], Tunable(choices=("tanh", "relu"))] = Field(
        "tanh", description="of the hidden layers"
    )
    log_std_init: float = Field(
        -0.5,
        ge=-10,
        le=5,
        description="first log standard deviation of continuous actions, in half widths of a bounded range",
    )
    normalize_observation: bool = Field(
        True, description="scale observations by the running mean and deviation of all that was seen"
    )
    stochastic: bool = Field(
        False, description="sample actions in play too, as an expert that is not deterministic does"
    )

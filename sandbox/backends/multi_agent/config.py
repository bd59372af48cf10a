"""Hyperparameters of learning with several agents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class NetworkConfig(BaseModel):
    """What every policy of several agents has."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    share_parameters: bool = Field(
        True, description="one network for all agents, on padded observations; false gives each its own"
    )
    agent_id: bool = Field(
        True, description="tell a shared network which agent it acts for, so that agents may have roles"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((64,), (64, 64), (128, 128)))] = Field(
        [64, 64], max_length=16, description="hidden layers of the acting networks; [] makes them linear"
    )
    activation: Annotated[Literal["tanh", "relu"], Tunable(choices=("tanh", "relu"))] = Field(
        "tanh", description="of the hidden layers"
    )
    normalize_observation: bool = Field(
        True, description="scale observations by their running mean and deviation over those who are present"
    )


class LearningConfig(NetworkConfig):
    """What every algorithm has."""

    gamma: Annotated[float, Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, ge=0, le=1, description="discount a step"
    )
    learning_rate: Annotated[float, Tunable(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0, le=10, description="step size of Adam"
    )
    learning_rate_schedule: Literal["constant", "linear"] = Field(
        "constant", description="linear falls to 0 at the end of training"
    )
    max_grad_norm: float | None = Field(
        0.5, gt=0, description="clip the gradient's norm, each agent's where they have their own networks"
    )


class PPOConfig(LearningConfig):
    """Proximal policy optimisation by several agents."""

    reward: Literal["own", "team"] = Field(
        "own", description="what an agent maximises: its own reward, or the mean over all k agents"
    )
    n_steps: Annotated[int, Tunable(choices=(32, 64, 128, 256), limit="rollout")] = Field(
        128, ge=1, le=1_000_000, description="steps of every environment between two updates"
    )
    batch_size: Annotated[int, Tunable(choices=(64, 128, 256), limit="minibatch")] = Field(
        128, ge=1, le=1_000_000, description="steps of environments in a minibatch, all their agents in each"
    )
    n_epochs: Annotated[int, Tunable(3, 15)] = Field(
        8, ge=1, le=1000, description="passes over what was played"
    )
    gae_lambda: Annotated[float, Tunable(0.8, 0.995, log=True, complement=True)] = Field(
        0.95, ge=0, le=1, description="λ of generalised advantage estimation"
    )
    clip_range: Annotated[float, Tunable(0.1, 0.3)] = Field(
        0.2, gt=0, le=10, description="ε, by how much a probability's ratio may differ from 1"
    )
    ent_coef: Annotated[float, Tunable(1e-4, 0.05, log=True)] = Field(
        0.0, ge=0, le=100, description="weight of the entropy bonus"
    )
    vf_coef: float = Field(0.5, ge=0, le=100, description="weight of the value loss")
    value_net_arch: list[Layer] | None = Field(
        None, max_length=16, description="hidden layers of the critic; null takes those of the actor"
    )
    normalize_value: bool = Field(
        True, description="let the critic predict returns in units of their running mean and deviation"
    )
    log_std_init: float = Field(
        -0.5,
        ge=-10,
        le=5,
        description="first log standard deviation of continuous actions, in half widths of a bounded range",
    )


class QConfig(LearningConfig):
    """Q-learning by several agents."""

    buffer_size: int = Field(
        50_000, ge=1, le=100_000_000, description="steps of environments that are remembered"
    )
    batch_size: Annotated[int, Tunable(choices=(32, 64, 128, 256))] = Field(
        64, ge=1, le=1_000_000, description="remembered steps of an update, all their agents in each"
    )
    learning_starts: Annotated[int, Tunable(choices=(100, 500, 1000, 5000), limit="warm-up")] = Field(
        500, ge=0, le=100_000_000, description="steps of environments before the first update"
    )
    train_freq: Annotated[int, Tunable(choices=(1, 2, 4, 8))] = Field(
        4, ge=1, le=100_000, description="steps of every environment between updates"
    )
    gradient_steps: Annotated[int, Tunable(choices=(1, 2, 4))] = Field(
        1, ge=1, le=100_000, description="updates at a time"
    )
    target_rate: Annotated[float, Tunable(0.002, 0.1, log=True)] = Field(
        0.01, gt=0, le=1, description="share by which target networks follow at every update"
    )
    double_q: bool = Field(
        True, description="let the learning network choose the next action, the target network rate it"
    )
    exploration_initial: float = Field(1.0, ge=0, le=1, description="first share of random actions")
    exploration_final: Annotated[float, Tunable(0.01, 0.2, log=True)] = Field(
        0.05, ge=0, le=1, description="last share of random actions"
    )
    exploration_fraction: Annotated[float, Tunable(0.1, 0.7)] = Field(
        0.3, gt=0, le=1, description="share of training over which it falls"
    )
    normalize_reward: bool = Field(
        True, description="divide rewards by their running deviation, so that step sizes mean the same"
    )


class IQLConfig(QConfig):
    """Independent Q-learning."""

    reward: Literal["own", "team"] = Field(
        "own", description="what an agent maximises: its own reward, or the mean over all k agents"
    )


class QMixConfig(QConfig):
    """Monotonic value factorisation."""

    mixing_width: Annotated[int, Tunable(choices=(16, 32, 64))] = Field(
        32, ge=1, le=4096, description="units of the mixing layer"
    )
    hypernet_width: Annotated[int, Tunable(choices=(32, 64, 128))] = Field(
        64, ge=1, le=4096, description="hidden units of the networks that give the mixer's weights"
    )

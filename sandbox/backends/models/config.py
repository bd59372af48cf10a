"""Hyperparameters of methods that look ahead."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable


class SearchConfig(BaseModel):
    """Settings of a search among sequences of continuous actions."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    method: Annotated[Literal["cem", "mppi"], Tunable(choices=("cem", "mppi"))] = Field(
        "mppi", description="cem: refit to the best; mppi: average all, weighted by their returns"
    )
    horizon: Annotated[int, Field(ge=1, le=1_000), Tunable(choices=(8, 16, 32))] = Field(
        16, description="steps that are looked ahead"
    )
    candidates: Annotated[int, Field(ge=2, le=100_000), Tunable(choices=(32, 64, 128))] = Field(
        64, description="sequences that are tried in an iteration"
    )
    iterations: Annotated[int, Field(ge=1, le=100), Tunable(choices=(1, 2, 4))] = Field(
        2, description="rounds of trying and refitting before every action"
    )
    elites: Annotated[float, Field(gt=0, le=1), Tunable(0.05, 0.3)] = Field(
        0.1, description="share of the sequences that cem refits to"
    )
    temperature: Annotated[float, Field(gt=0, le=1_000), Tunable(0.05, 1.0, log=True)] = Field(
        0.2, description="λ of mppi, in standard deviations of the sequences' returns"
    )
    spread: Annotated[float, Field(gt=0, le=10), Tunable(0.1, 1.0, log=True)] = Field(
        0.5, description="first σ of the noise, in half ranges of each action"
    )
    correlation: Annotated[float, Field(ge=0, lt=1), Tunable(choices=(0.0, 0.5, 0.8))] = Field(
        0.5, description="of the noise from one step to the next"
    )
    momentum: Annotated[float, Field(ge=0, lt=1), Tunable(choices=(0.0, 0.1, 0.3))] = Field(
        0.1, description="share of mean and σ that stays when cem refits"
    )
    gamma: Annotated[float, Field(ge=0, le=1), Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        1.0, description="discount factor per step within the horizon"
    )


class PlanningConfig(SearchConfig):
    """Settings of planning with the task's own simulator."""

    scenarios: Annotated[int, Field(ge=1, le=10_000), Tunable(choices=(1, 8, 32))] = Field(
        1, description="futures that a sequence's return is averaged over; 1 where chance plays no part"
    )


class RolloutConfig(BaseModel):
    """Settings of one-step look-ahead over a baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    horizon: Annotated[int, Field(ge=1, le=100_000), Tunable(choices=(8, 16, 32, 64))] = Field(
        32, description="steps: the action that is tried, then the baseline"
    )
    scenarios: Annotated[int, Field(ge=2, le=100_000), Tunable(choices=(16, 64, 256))] = Field(
        64, description="futures, the same for every action, that a return is averaged over"
    )
    gamma: Annotated[float, Field(ge=0, le=1), Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        1.0, description="discount factor per step within the horizon"
    )
    confidence: Annotated[float, Field(ge=0, le=10), Tunable(choices=(0.0, 1.0, 2.0))] = Field(
        1.0, description="standard errors by which an action must be better than the baseline's"
    )
    width: int | None = Field(
        None,
        ge=1,
        le=100_000,
        description="largest distance from the baseline's action; all actions if absent",
    )


Layer = Annotated[int, Field(ge=1, le=8192)]


class ModelConfig(BaseModel):
    """Settings of a learned model."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    members: Annotated[int, Field(ge=1, le=100), Tunable(choices=(3, 5, 7))] = Field(
        5, description="networks of the ensemble"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (200, 200)))] = Field(
        [128, 128], max_length=16, description="hidden layers of each network"
    )
    learning_rate: Annotated[float, Tunable(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0, le=10, description="step size of AdamW"
    )
    weight_decay: Annotated[float, Tunable(1e-6, 1e-3, log=True)] = Field(
        1e-5, ge=0, le=1, description="decoupled decay of the weights"
    )
    batch_size: int = Field(128, ge=1, le=1_000_000, description="steps of an update of a network")
    max_epochs: int = Field(40, ge=1, le=100_000, description="passes over the steps when it is fitted")
    patience: int = Field(
        4, ge=1, le=1_000, description="epochs without a smaller error on held-out steps until it stops"
    )
    holdout: float = Field(0.1, gt=0, lt=1, description="share of the steps that is held out")
    random_steps: Annotated[int, Field(ge=2, le=100_000_000), Tunable(choices=(200, 500, 1000))] = Field(
        400, description="steps with random actions before the first fit"
    )
    steps_per_fit: Annotated[int, Field(ge=1, le=100_000_000), Tunable(choices=(100, 200, 400))] = Field(
        200, description="steps between two fits"
    )


class PetsConfig(ModelConfig, SearchConfig):
    """Settings of PETS."""

    method: Annotated[Literal["cem", "mppi"], Tunable(choices=("cem", "mppi"))] = Field(
        "cem", description="cem: refit to the best; mppi: average all, weighted by their returns"
    )
    iterations: Annotated[int, Field(ge=1, le=100), Tunable(choices=(2, 3, 4))] = Field(
        3, description="rounds of trying and refitting before every action"
    )


class MbpoConfig(ModelConfig):
    """Settings of MBPO."""

    rollouts: Annotated[int, Field(ge=1, le=10_000_000), Tunable(choices=(2_000, 10_000, 40_000))] = Field(
        10_000, description="observations from which the policy plays in the model after each fit"
    )
    rollout_length: Annotated[int, Field(ge=1, le=1_000), Tunable(choices=(1, 3, 5))] = Field(
        1, description="steps of a rollout in the model"
    )
    kept_fits: int = Field(5, ge=1, le=1_000, description="fits whose rollouts are learned from")
    real_share: Annotated[float, Field(ge=0, le=1), Tunable(choices=(0.05, 0.2, 0.5))] = Field(
        0.05, description="share of a batch that was played in the environment, at least one step"
    )
    updates_per_step: Annotated[float, Field(gt=0, le=1_000), Tunable(choices=(1.0, 5.0, 10.0, 20.0))] = (
        Field(10.0, description="updates of actor and critics for every step in the environment")
    )
    batch_of_policy: int = Field(256, ge=2, le=1_000_000, description="steps of an update of the policy")
    policy_learning_rate: Annotated[float, Field(gt=0, le=10), Tunable(1e-4, 3e-3, log=True)] = Field(
        1e-3, description="step size of Adam, of actor, critics and temperature"
    )
    policy_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        [128, 128], max_length=16, description="hidden layers of actor and critics"
    )
    gamma: Annotated[float, Field(ge=0, le=1), Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, description="discount factor per step"
    )
    target_rate: Annotated[float, Field(gt=0, le=1), Tunable(0.001, 0.05, log=True)] = Field(
        0.005, description="share by which the target networks follow, every update"
    )

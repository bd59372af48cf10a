"""Hyperparameters of methods that keep values in tables."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from sandbox.api import Tunable


class PlanningConfig(BaseModel):
    """Settings of value iteration and policy iteration; both stop by themselves."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    tolerance: float = Field(
        1e-9, gt=0, le=1, description="stops when no value changes by more than this share of the largest"
    )


class TabularConfig(BaseModel):
    """Settings of Q-learning and SARSA."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    gamma: Annotated[float, Field(ge=0, le=1), Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        0.99, description="discount factor per step"
    )
    learning_rate: Annotated[float, Field(gt=0, le=1), Tunable(0.05, 1.0, log=True)] = Field(
        1.0, description="step size of the first update of a state and action"
    )
    learning_rate_exponent: Annotated[float, Field(ge=0, le=1), Tunable(choices=(0.0, 0.5, 0.7, 0.9))] = (
        Field(
            0.7,
            description="the n-th update has the step size learning_rate / n^exponent; 0: always the same",
        )
    )
    initial_value: float = Field(
        0.0, ge=-1e9, le=1e9, description="value of what was never tried; high ones make it explore"
    )
    epsilon_start: float = Field(1.0, ge=0, le=1, description="share of random actions at the beginning")
    epsilon_final: Annotated[float, Field(ge=0, le=1), Tunable(0.01, 0.2, log=True)] = Field(
        0.05, description="share of random actions after the exploration fraction"
    )
    exploration_fraction: Annotated[float, Field(gt=0, le=1), Tunable(0.1, 0.8)] = Field(
        0.5, description="part of the training over which the share falls, linearly"
    )
    max_states: int = Field(
        1_000_000, ge=1, le=100_000_000, description="states above which the task is refused as no table"
    )


class DynaConfig(TabularConfig):
    """Settings of Dyna-Q."""

    planning_steps: Annotated[int, Field(ge=0, le=10_000), Tunable(choices=(1, 5, 10, 20, 50))] = Field(
        10, description="updates from the learned model for every step in the environment"
    )

"""Hyperparameters of searches in the weights of a policy."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sandbox.api import Tunable
from sandbox.backends.sb3.config.common import Activation, Config, Layers, Schedule


class ArsConfig(Config):
    """Augmented random search."""

    learning_rate: Annotated[float, Field(gt=0, le=10), Tunable(1e-3, 0.1, log=True)] = Field(
        0.02, description="step size"
    )
    # The linear policy has no layers, and the steps of a random search need no schedule: not searched.
    learning_rate_schedule: Schedule = Field(
        "constant", description="constant, or linear: falls to zero over the training"
    )
    net_arch: Layers | None = Field(
        None, description="units of each hidden layer, of actor and critic alike; SB3's default if absent"
    )
    activation: Activation | None = Field(
        None, description="nonlinearity of the hidden layers; SB3's default if absent"
    )
    policy: Literal["linear", "mlp"] = Field(
        "linear", description="linear as in the paper, or a network with net_arch and activation"
    )
    n_delta: Annotated[int, Field(ge=1, le=10_000), Tunable(choices=(4, 8, 16, 32))] = Field(
        8, description="random directions per iteration, each tried both ways"
    )
    n_top: int | None = Field(None, ge=1, le=10_000, description="directions used; all if absent")
    delta_std: Annotated[float, Field(gt=0, le=10), Tunable(0.01, 0.3, log=True)] = Field(
        0.05, description="size of the directions"
    )
    zero_policy: bool = Field(True, description="start from all-zero weights")
    alive_bonus_offset: float = Field(
        0, description="added to each step's reward, to cancel a survival bonus"
    )
    n_eval_episodes: int = Field(1, ge=1, le=1000, description="episodes per candidate")

    @property
    def linear(self) -> bool:
        """Whether the policy is a single layer."""
        return self.policy == "linear"

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.n_top is not None and self.n_top > self.n_delta:
            raise ValueError(f"n_top ({self.n_top}) must not be larger than n_delta ({self.n_delta})")
        if self.linear and (self.net_arch is not None or self.activation is not None):
            raise ValueError("net_arch and activation need policy=mlp")
        return self

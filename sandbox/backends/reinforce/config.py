"""Hyperparameters of REINFORCE."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sandbox.api import Tunable

Layer = Annotated[int, Field(ge=1, le=8192)]


class ReinforceConfig(BaseModel):
    """The defaults are the estimator without any variance reduction; the switches add it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    episodes_per_update: Annotated[int, Tunable(choices=(8, 16, 32, 64, 128))] = Field(
        16,
        ge=1,
        le=1_000_000,
        description="N, whole episodes behind one gradient step, all agents of a multi-agent task in each",
    )
    reward_to_go: bool = Field(
        False, description="weight an action's score by the rewards after it instead of the whole return"
    )
    baseline: bool = Field(
        False,
        description="subtract a learned state value, and add it where an episode was truncated; "
        "with truncated episodes use gamma < 1, or the values have no finite fixed point",
    )
    constant_baseline: bool = Field(
        False,
        description="subtract the mean weight over the other episodes, which depends on no state",
    )
    gae: bool = Field(
        False,
        description="generalised advantage estimation; needs the baseline and replaces reward_to_go",
    )
    gae_lambda: Annotated[float, Tunable(0.8, 0.995, log=True, complement=True)] = Field(
        0.95, ge=0.0, le=1.0, description="λ of GAE: 1 is Monte Carlo, 0 one step"
    )
    gamma: Annotated[float, Tunable(0.9, 0.999, log=True, complement=True)] = Field(
        1.0, gt=0.0, le=1.0, description="discount a step"
    )
    normalize_advantage: bool = Field(
        False, description="scale an update's weights to mean 0 and standard deviation 1; biased, but robust"
    )
    optimizer: Literal["adam", "sgd"] = Field("adam", description="sgd is gradient ascent to the letter")
    learning_rate: Annotated[float, Tunable(1e-5, 1e-2, log=True)] = Field(
        1e-3, gt=0.0, le=10.0, description="of the policy"
    )
    schedule: Literal["constant", "linear"] = Field("constant", description="linear falls to 0 at the end")
    entropy_coef: Annotated[float, Tunable(1e-6, 0.1, log=True)] = Field(
        0.0, ge=0.0, le=100.0, description="weight of the entropy bonus of every step"
    )
    max_grad_norm: Annotated[float | None, Tunable(0.3, 10.0, log=True)] = Field(
        None, gt=0.0, description="clip the gradient's norm; null does not"
    )
    net_arch: Annotated[list[Layer], Tunable(choices=((64, 64), (128, 128), (256, 256)))] = Field(
        [64, 64], max_length=16, description="hidden layers of the policy; [] makes it linear"
    )
    value_net_arch: list[Layer] | None = Field(
        None, max_length=16, description="hidden layers of the value network; null takes those of the policy"
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
    normalize_observation: Annotated[bool, Tunable(choices=(False, True))] = Field(
        False,
        description="scale observations by their running mean and deviation; "
        "a policy to start from brings its own normaliser",
    )
    value_learning_rate: Annotated[float, Tunable(1e-4, 1e-2, log=True)] = Field(
        1e-3, gt=0.0, le=10.0, description="of the value network (Adam)"
    )
    value_epochs: int = Field(
        10, ge=1, le=1000, description="passes of the value network over an update's data"
    )
    value_batch_size: int = Field(256, ge=1, le=1_000_000, description="samples of one value step")
    stochastic: bool = Field(
        False,
        description="the policy is meant to be stochastic: it samples even where the mode is asked for",
    )

    @model_validator(mode="after")
    def _one_baseline(self) -> ReinforceConfig:
        if self.constant_baseline and self.baseline:
            raise ValueError(
                "a constant baseline and a learned one exclude each other: leave one of them out"
            )
        return self

    @model_validator(mode="after")
    def _values_for_gae(self) -> ReinforceConfig:
        if self.gae and not self.baseline:
            raise ValueError("gae needs a learned value of the states: set baseline to true as well")
        return self

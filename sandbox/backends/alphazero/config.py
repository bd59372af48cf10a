"""Hyperparameters of AlphaZero; defaults were chosen on Connect Four for two cores without a GPU."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class AlphaZeroConfig(BaseModel):
    """Search, network, self-play and learning."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    simulations: int = Field(32, ge=2, le=10_000, description="of a move in self-play")
    play_simulations: int = Field(
        128,
        ge=0,
        le=100_000,
        description="of a move when the trained policy plays; 0 plays by the network alone",
    )
    considered: int = Field(
        16, ge=1, le=1_000, description="m, actions at the root among which simulations are shared out"
    )
    c_visit: float = Field(
        50.0, ge=0.0, le=1_000.0, description="with c_scale: how much values count against priors"
    )
    c_scale: float = Field(
        0.2, gt=0.0, le=100.0, description="(c_visit + most visits) · c_scale · q, q in [0, 1]"
    )
    decisive_moves: bool = Field(
        True, description="know a position as won where the player to move can win at once"
    )
    network: Literal["convolutional", "dense"] = Field("convolutional", description="kind of residual blocks")
    channels: int = Field(64, ge=4, le=1024, description="of the convolutions")
    blocks: int = Field(4, ge=0, le=80, description="residual blocks of two convolutions")
    moves_per_round: int = Field(
        16, ge=1, le=10_000, description="moves that every game makes with the same weights"
    )
    random_openings: float = Field(
        0.25,
        ge=0.0,
        le=1.0,
        description="share of games that begin with random moves, to see more of the game",
    )
    random_moves: int = Field(
        8, ge=0, le=1_000, description="most random moves at the beginning of such a game"
    )
    value_mix: float = Field(
        0.0,
        ge=0.0,
        le=1.0,
        description="weight of the search's value beside the outcome in the value's target; a proven result "
        "counts alone",
    )
    reuse: float = Field(
        4.0, gt=0.0, le=1_000.0, description="times that a position is learned from, on average"
    )
    batch_size: int = Field(512, ge=1, le=1_000_000, description="positions of a gradient step")
    buffer_size: int = Field(
        200_000, ge=1, le=100_000_000, description="latest positions that are learned from"
    )
    symmetries: bool = Field(
        True, description="learn from images of positions that the game cannot tell apart"
    )
    learning_rate: float = Field(
        2e-3, gt=0.0, le=1.0, description="of AdamW; falls to a tenth along a half cosine"
    )
    weight_decay: float = Field(1e-4, ge=0.0, le=1.0, description="of AdamW")
    value_coef: float = Field(1.0, ge=0.0, le=100.0, description="weight of the value's squared error")
    max_grad_norm: float = Field(1.0, gt=0.0, le=1e6, description="the gradient's norm is clipped to it")
    threads: int = Field(
        2, ge=1, le=256, description="threads that search; part of the result, as each has its own batches"
    )

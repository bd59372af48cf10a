"""Terms of the reward, and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import Rewards, RewardTerm
from sandbox.api.types import Array


@dataclass(frozen=True)
class Transition:
    """What a token did to each text.

    Attributes:
        score: After the last token what the reward model gives for the text, 0 before; in standard deviations
            of the pre-trained model's texts, whose mean is 0.
        kl: log π(token) − log π₀(token), π₀ being the pre-trained model. π(token) is what the agent said
            that it drew the token with, and 1 for an agent that says nothing, as if it were certain of it.
    """

    score: Array
    kl: Array


_SCORE = RewardTerm(
    "score",
    weight=1.0,
    description="value of the finished text by the reward model, which was fitted to people's preferences",
    source="Stiennon et al. 2020, arXiv 2009.01325, section 3.4",
)
_KL = RewardTerm(
    "kl",
    unit="nats",
    description="log-ratio of the token's probability to the pre-trained model's, in expectation the KL",
    source="Ziegler et al. 2019, arXiv 1909.08593, eq. 2",
)

REWARDS = Rewards([_SCORE, _KL], presets={"near": {"kl": -0.4}, "loose": {"kl": -0.1}}, default="score")

"""Terms of the reward, and its presets."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.api import Rewards, RewardTerm
from sandbox.api.types import Array


@dataclass(frozen=True)
class Transition:
    """What a denoising step did to each image.

    Attributes:
        goal: After the last step what the goal gives for the finished image, 0 before.
        kl: ½|z|² − d/2, where z is how far the next image lies from the pre-trained model's mean, in
            standard deviations of the step, and d its number of pixels. For a policy that draws with these
            deviations the mean is the step's Kullback-Leibler divergence from the pre-trained model.
        diversity: After the last step the mean distance to the other images of the set, as a share of the
            mean distance between images of the pre-trained model; 0 before, and for images alone.
    """

    goal: Array
    kl: Array
    diversity: Array


_GOAL = RewardTerm(
    "goal",
    weight=1.0,
    description="the goal of the finished image: config.goal",
    source="Black et al. 2023, arXiv 2305.13301, eq. 4",
)
_KL = RewardTerm(
    "kl",
    unit="nats",
    description="log-density ratio of the step against the pre-trained model, in expectation its KL",
    source="Fan et al. 2023, DPOK, arXiv 2305.16381, eq. 9",
)
_DIVERSITY = RewardTerm(
    "diversity",
    description="distance of the finished image to the others of its set, share of the pre-trained model's",
)

REWARDS = Rewards([_GOAL, _KL], presets={"near": {"kl": -0.002}}, default="goal")
SET_REWARDS = Rewards(
    [_GOAL, _KL, _DIVERSITY],
    presets={
        "near": {"kl": -0.002},
        "diverse": {"diversity": 0.5},
        "guarded": {"kl": -0.001, "diversity": 0.5},
    },
    default="goal",
)

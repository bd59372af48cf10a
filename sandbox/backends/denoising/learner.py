"""Rounds of making images with the present weights and learning from what they earned."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch

from sandbox.api import Interaction, RunFailedError, TrainContext, driven
from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Json
from sandbox.backends.denoising.losses import (
    Batch,
    fit_importance,
    fit_regression,
    fit_score,
    gaussian,
)
from sandbox.backends.denoising.model import denoiser_of
from sandbox.backends.denoising.policy import DenoiserPolicy, split
from sandbox.backends.policy_files import read_policy
from sandbox.backends.task_network import take_weights
from sandbox.backends.tensors import load_module, load_optimizer, packed

Fit = Callable[..., dict[str, float]]


class Played(NamedTuple):
    """Steps of n images, each ``(T, n, …)``.

    Attributes:
        images: Before each step.
        steps: Their numbers.
        means: Of the distributions that were drawn from.
        following: What was drawn.
        rewards: What each step earned.
    """

    images: Array
    steps: Array
    means: Array
    following: Array
    rewards: Array


class DenoiserLearner:
    """Fine-tunes the task's pre-trained denoiser; a `sandbox.api.Learner`.

    Args:
        context: Of the training.
        algorithm: Its name.
        fit: Learns from a batch; a function of `sandbox.backends.denoising.losses`.

    Raises:
        MisfitError: If the task has no denoiser, or a policy to start from is another network's.
    """

    def __init__(self, context: TrainContext, algorithm: str, fit: Fit) -> None:
        self._context, self._fit = context, fit
        self._config: Any = context.config
        spaces = context.observation_space, context.action_space
        self._policy = DenoiserPolicy(algorithm, *spaces, self._config.stochastic)
        self._denoiser = denoiser_of(context.models)
        self._reference = copy.deepcopy(self._denoiser)
        self._reference.network.requires_grad_(False)
        self._denoiser.network.requires_grad_(True)
        self._policy.model = self._denoiser
        if context.initial is not None and context.resume is None:
            take_weights(self._denoiser.network, read_policy(context.initial).tensors, context.initial)
        self._optimizer = torch.optim.AdamW(
            self._denoiser.network.parameters(),
            self._config.learning_rate,
            weight_decay=self._config.weight_decay,
        )
        self._policy.reset(0, context.seed)
        self._order = np.random.default_rng([context.seed, 1])
        self._interaction = Interaction(context)
        self._images = 0

    def iterate(self) -> tuple[int, Mapping[str, float]]:
        """Make images, learn from them."""
        rounds = [self._round() for _ in range(self._config.rounds)]
        played = Played(*(np.concatenate(part, axis=1) for part in zip(*rounds, strict=True)))
        self._images += played.images.shape[1]
        batch = self._batch(played)
        figures = {
            "images": float(self._images),
            "mean_return": float(played.rewards.sum(axis=0).mean()),
            "exact_kl": self._divergence(played.means, batch),
        }
        figures |= self._fit(self._denoiser, self._optimizer, batch, self._config, self._order)
        if not np.isfinite(list(figures.values())).all():
            raise RunFailedError(
                f"The loss is no longer a finite number after {self._images} images.",
                "Lower learning_rate.",
            )
        return played.steps.size, figures

    def policy(self) -> DenoiserPolicy:
        """The policy of this moment."""
        return self._policy.snapshot()

    def get_state(self) -> Json:
        """Weights, optimiser, generators, and what the environments showed last."""
        return {
            "network": packed(self._denoiser.network.state_dict()),
            "optimizer": packed(self._optimizer.state_dict()),
            "draws": self._policy.generator.bit_generator.state,
            "order": self._order.bit_generator.state,
            "interaction": self._interaction.get_state(),
            "images": self._images,
        }

    def set_state(self, state: Json) -> None:
        """Go on from a state."""
        load_module(self._denoiser.network, state["network"])
        load_optimizer(self._optimizer, state["optimizer"])
        self._policy.generator.bit_generator.state = state["draws"]
        self._order.bit_generator.state = state["order"]
        self._interaction.set_state(state["interaction"])
        self._images = state["images"]

    def _round(self) -> Played:
        """An image of every row."""
        played = []
        for number in range(self._denoiser.num_steps):
            observation = np.asarray(self._interaction.observation, np.float32)
            image, step = split(self._denoiser, observation)
            if not (step == number).all():
                raise MisfitError("The images of a batch are not at the same step of their denoising.")
            mean, sigma = self._policy.distribution(observation)
            action = self._policy.draw(mean, sigma)
            happened = self._interaction.step(action)
            played.append(Played(image.numpy(), step.numpy(), mean, action, happened.reward))
        return Played(*(np.stack(part) for part in zip(*played, strict=True)))

    def _batch(self, played: Played) -> Batch:
        """Steps and images with their advantages.

        A step's advantage is what its image earns from then on, against the mean over images, in standard
        deviations of what they earn in all. Without rewards on the way it is the same at every step.
        """
        to_go = played.rewards[::-1].cumsum(axis=0)[::-1]
        scale, limit = to_go[0].std() + 1e-8, self._config.max_advantage
        advantages = np.clip((to_go - to_go.mean(axis=1, keepdims=True)) / scale, -limit, limit)
        images, steps, means, following = (_flat(part) for part in played[:4])
        with torch.no_grad():
            reference = self._reference(images, steps)
        return Batch(
            images=images,
            steps=steps,
            following=following,
            log_density=gaussian(following, means, self._denoiser.sigma[steps]),
            reference=reference,
            advantages=torch.from_numpy(advantages.reshape(-1).astype(np.float32)),
            finished=torch.from_numpy(played.following[-1]),
            weights=torch.from_numpy(advantages[0].astype(np.float32)),
        )

    def _divergence(self, means: Array, batch: Batch) -> float:
        """KL from the pre-trained model over an image's steps (nats), exact at the states that were seen."""
        apart = -gaussian(_flat(means), batch.reference, self._denoiser.sigma[batch.steps])
        images, pixels = means.shape[1:]
        return float(apart.sum()) * int(pixels) / int(images)


def _flat(values: Array) -> torch.Tensor:
    """``(T, n, …)`` as ``(T·n, …)``."""
    return torch.from_numpy(np.ascontiguousarray(values.reshape(-1, *values.shape[2:])))


def importance(context: TrainContext) -> DenoiserLearner:
    """The learner of ddpo-is."""
    return DenoiserLearner(context, "ddpo-is", fit_importance)


def score(context: TrainContext) -> DenoiserLearner:
    """The learner of ddpo-sf."""
    return DenoiserLearner(context, "ddpo-sf", fit_score)


def regression(context: TrainContext) -> DenoiserLearner:
    """The learner of rwr."""
    return DenoiserLearner(context, "rwr", fit_regression)


train_importance, train_score, train_regression = driven(importance), driven(score), driven(regression)

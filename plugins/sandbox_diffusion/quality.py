"""How good a set of images is: Fréchet distance, diversity, and what an independent judge says of each.

The judge never takes part in a reward. It learned from digits that the rewarding classifier did not see.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sandbox.api.types import Array
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.digits import load_digits
from sandbox_diffusion.goals import DIGIT_SHAPE, Shape, make_goal, softmax

REFERENCE_IMAGES = 512
"""Images of the pre-trained model that others are compared with, always the same."""

POOLED = 4
"""Side of the grid that images which are no digits are averaged over, for features."""


@dataclass(frozen=True)
class Reference:
    """What sets of images are measured against.

    Attributes:
        distance: Mean distance between two images of the pre-trained model.
        mean: Of the features of good images, shape ``(f,)``.
        covariance: Of the same, shape ``(f, f)``.
    """

    distance: float
    mean: Array
    covariance: Array


@lru_cache(maxsize=8)
def make_reference(config: DenoisingConfig) -> Reference:
    """What the images of a task are measured against.

    Good images are real digits, those of ``config.digit`` alone where that is the goal; where the model
    makes something else, they are the pre-trained model's own.
    """
    from sandbox_diffusion.networks.load import reference

    _, denoiser = reference(config)
    images = pretrained_images(config, REFERENCE_IMAGES, seed=0)
    good = images
    if denoiser.shape == DIGIT_SHAPE:
        digits = load_digits()
        chosen = digits.labels == config.digit if config.goal == "digit" else slice(None)
        good = digits.images[chosen] / 2 + 0.5
    seen = features(good.reshape(len(good), *denoiser.shape))
    return Reference(float(distances(images).mean()), seen.mean(axis=0), np.cov(seen.T))


def pretrained_images(config: DenoisingConfig, count: int, seed: int) -> Array:
    """Images of the pre-trained model, pixels 0 to 1; shape ``(count, d)``."""
    from sandbox_diffusion.networks.load import reference

    means, denoiser = reference(config)
    sigma, rng = denoiser.sigma.numpy(), np.random.default_rng(seed)
    images = rng.standard_normal((count, int(np.prod(denoiser.shape))), np.float32)
    for step in range(denoiser.num_steps):
        mean = means(images, np.full(count, step))
        images = mean + sigma[step] * rng.standard_normal(images.shape, np.float32)
    return pixels(images)


def pixels(images: Array) -> Array:
    """Images of the process, −1 to 1 and somewhat beyond, as pixels from 0 to 1."""
    return np.asarray(np.clip(images / 2 + 0.5, 0.0, 1.0))


def judged(config: DenoisingConfig, images: Array) -> Array:
    """The judge's probability of the digit; for other goals, which need no judge, the goal itself.

    Args:
        config: Says what the goal is.
        images: Shape ``(n, channels, height, width)``, pixels 0 to 1.
    """
    if config.goal != "digit":
        return make_goal(config, _shape(images))(images)
    from sandbox_diffusion.networks.load import judge_classifier, log_odds

    return softmax(log_odds(judge_classifier(), 2 * images.reshape(len(images), -1) - 1))[:, config.digit]


def features(images: Array) -> Array:
    """What Fréchet distances are measured on: the judge's features of digits, else coarse pixels.

    Args:
        images: Shape ``(n, channels, height, width)``, pixels 0 to 1.

    Returns:
        Shape ``(n, f)``.
    """
    if _shape(images) == DIGIT_SHAPE:
        from sandbox_diffusion.networks.load import judge_classifier, log_odds

        return log_odds(judge_classifier(), 2 * images.reshape(len(images), -1) - 1, features=True)
    grey = images.mean(axis=1)
    rows, columns = (np.array_split(np.arange(size), min(POOLED, size)) for size in grey.shape[1:])
    cells = [grey[:, down][:, :, right].mean(axis=(1, 2)) for down in rows for right in columns]
    return np.stack(cells, axis=1)


def frechet(seen: Array, reference: Reference) -> float:
    """Squared Fréchet distance of two sets of features taken as normal (Heusel et al. 2017).

    |m₁ − m₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½). Few images make it larger than it is: compare equal numbers.

    Args:
        seen: Features of a set of images, shape ``(n, f)``.
        reference: What they are compared with.
    """
    covariance = np.cov(seen.T)
    root = _root(reference.covariance)
    between = np.linalg.eigvalsh(root @ covariance @ root)
    shared = np.sqrt(np.maximum(between, 0.0)).sum()
    apart = np.square(seen.mean(axis=0) - reference.mean).sum()
    return float(apart + np.trace(covariance) + np.trace(reference.covariance) - 2 * shared)


def distances(images: Array) -> Array:
    """Mean distance of each image to the others of its set.

    Args:
        images: Shape ``(…, k, d)`` with k ≥ 2.

    Returns:
        Euclidean, in pixels of 0 to 1; shape ``(…, k)``.
    """
    squares = np.square(images).sum(axis=-1)
    products = images @ np.swapaxes(images, -1, -2)
    squared = squares[..., :, None] + squares[..., None, :] - 2 * products
    k = images.shape[-2]
    squared[..., np.arange(k), np.arange(k)] = 0.0
    mean: Array = np.sqrt(np.maximum(squared, 0.0)).sum(axis=-1) / (k - 1)
    return mean


def _root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)


def _shape(images: Array) -> Shape:
    return (images.shape[1], images.shape[2], images.shape[3])

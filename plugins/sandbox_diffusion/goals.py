"""What images are rewarded for: functions of images ``(n, channels, height, width)``, pixels 0 to 1."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np

from sandbox.api import InvalidValueError, MisfitError
from sandbox.api.types import Array
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.user_code import code_of_user, load_function

Goal = Callable[[Array], Array]
Shape = tuple[int, int, int]

DIGIT_SHAPE: Shape = (1, 8, 8)
BLOCK = 8

LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
"""JPEG's table of steps for brightness (ITU-T T.81, table K.1), which is quality 50."""


@lru_cache(maxsize=8)
def make_goal(config: DenoisingConfig, shape: Shape) -> Goal:
    """The goal of a task whose images have a shape.

    Raises:
        MisfitError: If the goal is for other images.
        InvalidValueError: If a user's function is not there; the goal raises it where that function fails.
    """
    if config.goal == "digit":
        require_digits(shape, "the goal digit")
        return lambda images: digit_probability(images, config.digit)
    if config.goal == "compressibility":
        return lambda images: -bits_per_pixel(images)
    if config.goal == "incompressibility":
        return bits_per_pixel
    if config.goal == "brightness":
        return brightness
    return _of_user(config.goal)


def require_digits(shape: Shape, what: str) -> None:
    """Refuse what is for digits where images are none.

    Raises:
        MisfitError: For another shape than (1, 8, 8).
    """
    if shape != DIGIT_SHAPE:
        raise MisfitError(
            f"{what[0].upper()}{what[1:]} is for images of shape {DIGIT_SHAPE}; the model makes {shape}.",
            "Take another: --set config.goal=brightness, compressibility or module:function.",
        )


def digit_probability(images: Array, digit: int) -> Array:
    """Probability of a digit by the classifier that rewards."""
    from sandbox_diffusion.networks.load import log_odds, reward_classifier

    return softmax(log_odds(reward_classifier(), 2 * images.reshape(len(images), -1) - 1))[:, digit]


def brightness(images: Array) -> Array:
    """Mean pixel, 0 (black) to 1."""
    mean: Array = images.reshape(len(images), -1).mean(axis=1)
    return mean


def bits_per_pixel(images: Array) -> Array:
    """Bits of the quantised DCT coefficients a pixel: what JPEG's amplitudes take, without their codes.

    Each channel is cut into blocks of 8 × 8 (the last ones filled up with their border), transformed,
    divided by `LUMINANCE` and rounded; a coefficient q takes ⌈log₂(|q| + 1)⌉ bits.
    """
    count, channels, height, width = images.shape
    down, right = -height % BLOCK, -width % BLOCK
    filled = np.pad(images, ((0, 0), (0, 0), (0, down), (0, right)), mode="edge") * 255.0 - 128.0
    blocks = filled.reshape(count, channels, filled.shape[2] // BLOCK, BLOCK, -1, BLOCK)
    transform = _cosines()
    coefficients = np.einsum("ui,ncaibj,vj->ncabuv", transform, blocks, transform)
    size = np.ceil(np.log2(np.abs(np.rint(coefficients / LUMINANCE)) + 1))
    bits: Array = size.reshape(count, -1).sum(axis=1) / (channels * height * width)
    return bits


@cache
def _cosines() -> Array:
    """The orthonormal DCT-II of 8 samples, shape ``(8, 8)``, frequency first."""
    place = np.arange(BLOCK)
    matrix = np.cos(np.pi * (2 * place + 1) * place[:, None] / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    matrix[0] /= np.sqrt(2)
    return np.asarray(matrix)


def softmax(odds: Array) -> Array:
    """Probabilities from log odds along the last axis."""
    grown = np.exp(odds - odds.max(axis=-1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=-1, keepdims=True))


def _of_user(reference: str) -> Goal:
    """A user's function, whose results are checked."""
    function = load_function(reference, "config.goal")

    def goal(images: Array) -> Array:
        with code_of_user(reference):
            values = np.asarray(function(images), float)
        if values.shape != (len(images),):
            given = f"gives an array of shape {values.shape} for {len(images)} images"
        elif not np.isfinite(values).all():
            given = f"gives {values[~np.isfinite(values)][0]} for an image"
        else:
            return values
        raise InvalidValueError(f"{reference[:80]} {given}.", "It must give one finite number an image.")

    return goal

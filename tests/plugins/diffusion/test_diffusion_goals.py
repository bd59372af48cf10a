"""What images are rewarded for, in numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox.api import InvalidValueError, MisfitError
from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.digits import load_digits
from sandbox_diffusion.goals import bits_per_pixel, brightness, digit_probability, make_goal, softmax

SHAPE = (1, 8, 8)


def thirds(images: np.ndarray) -> np.ndarray:
    """A user's goal: close to a third."""
    return -np.abs(images.mean(axis=(1, 2, 3)) - 1 / 3)


def two_numbers(images: np.ndarray) -> np.ndarray:
    """A user's goal with a fault."""
    return np.zeros((len(images), 2))


def test_brightness_is_the_mean_pixel() -> None:
    images = np.stack([np.zeros(SHAPE), np.full(SHAPE, 0.25), np.ones(SHAPE)])
    assert brightness(images).tolist() == [0.0, 0.25, 1.0]


def test_a_flat_image_takes_the_bits_of_its_mean_alone() -> None:
    # Black is −128 everywhere: a constant coefficient of 8 · (−128) / 16 = −64, of ⌈log₂ 65⌉ = 7 bits.
    black, grey = np.zeros((1, *SHAPE)), np.full((1, *SHAPE), 128 / 255)
    assert bits_per_pixel(black) == pytest.approx(7 / 64)
    assert bits_per_pixel(grey) == pytest.approx(0.0)
    assert bits_per_pixel(np.repeat(black, 3, axis=1)) == pytest.approx(7 / 64)


def test_a_cosine_takes_the_bits_of_one_coefficient() -> None:
    # 40 · cos(π (2 i + 1) / 16) along columns: coefficient (0, 1) = 40 · √(8 · 4) ≈ 226.3, over 11 is 20.6,
    # rounded 21: ⌈log₂ 22⌉ = 5 bits.
    wave = 40 * np.cos(np.pi * (2 * np.arange(8) + 1) / 16)
    image = np.broadcast_to((wave + 128) / 255, (1, *SHAPE))
    assert bits_per_pixel(image) == pytest.approx(5 / 64)


def test_blocks_are_transformed_as_by_scipy() -> None:
    from scipy.fft import dctn

    from sandbox_diffusion.goals import LUMINANCE

    image = np.random.default_rng(0).random((1, 1, 16, 8))
    sizes = [
        np.ceil(np.log2(np.abs(np.rint(dctn(block, norm="ortho") / LUMINANCE)) + 1)).sum()
        for block in (255 * image[0, 0, :8] - 128, 255 * image[0, 0, 8:] - 128)
    ]
    assert bits_per_pixel(image)[0] == pytest.approx(sum(sizes) / 128)


def test_blocks_that_are_not_full_are_filled_up() -> None:
    assert bits_per_pixel(np.zeros((1, 1, 5, 9))) == pytest.approx(2 * 7 / 45)


def test_the_rewarding_classifier_knows_digits() -> None:
    digits = load_digits()
    chosen = np.arange(0, 400)
    images = (digits.images[chosen] / 2 + 0.5).reshape(-1, *SHAPE)
    eights = digits.labels[chosen] == 8
    given = digit_probability(images, 8)
    assert given[eights].mean() > 0.85
    assert given[~eights].mean() < 0.03


def test_probabilities_of_equal_odds_are_equal() -> None:
    odds = np.array([[1000.0, 1000.0], [0.0, np.log(3.0)]])
    assert softmax(odds) == pytest.approx(np.array([[0.5, 0.5], [0.25, 0.75]]))


def test_a_users_function_is_a_goal() -> None:
    goal = make_goal(DenoisingConfig(goal=f"{__name__}:thirds"), SHAPE)
    assert goal(np.full((2, *SHAPE), 1 / 3)).tolist() == [0.0, 0.0]


def test_a_users_function_that_gives_something_else_is_refused() -> None:
    goal = make_goal(DenoisingConfig(goal=f"{__name__}:two_numbers"), SHAPE)
    with pytest.raises(InvalidValueError, match=r"shape \(3, 2\) for 3 images"):
        goal(np.zeros((3, *SHAPE)))


def test_a_function_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="not there"):
        make_goal(DenoisingConfig(goal=f"{__name__}:nobody"), SHAPE)


def test_an_unknown_goal_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="brightness"):
        DenoisingConfig(goal="beauty")


def test_digits_are_no_goal_for_other_images() -> None:
    with pytest.raises(MisfitError, match=r"\(3, 16, 16\)"):
        make_goal(DenoisingConfig(), (3, 16, 16))

"""Fréchet distance, diversity and the judge."""

from __future__ import annotations

import numpy as np
import pytest

from sandbox_diffusion.config import DenoisingConfig
from sandbox_diffusion.digits import load_digits
from sandbox_diffusion.networks.load import judge_classifier, log_odds, reward_classifier
from sandbox_diffusion.quality import (
    Reference,
    distances,
    features,
    frechet,
    judged,
    make_reference,
    pixels,
    pretrained_images,
)

CONFIG = DenoisingConfig()


def test_mean_distances_of_three_points() -> None:
    # A right triangle with sides 3, 4 and 5.
    points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert distances(points) == pytest.approx([3.5, 4.0, 4.5])
    assert distances(np.stack([points, points])).shape == (2, 3)


def test_equal_images_are_no_distance_apart() -> None:
    assert distances(np.full((4, 64), 0.7)) == pytest.approx(np.zeros(4), abs=1e-6)


def test_the_frechet_distance_of_moved_features_is_the_square_of_the_way() -> None:
    seen = np.random.default_rng(0).standard_normal((200, 3)) * [1.0, 2.0, 3.0]
    reference = Reference(1.0, seen.mean(axis=0), np.cov(seen.T))
    assert frechet(seen, reference) == pytest.approx(0.0, abs=1e-9)
    assert frechet(seen + np.array([3.0, 4.0, 0.0]), reference) == pytest.approx(25.0)


def test_the_frechet_distance_of_scaled_features_is_that_of_normal_distributions() -> None:
    # Equal means: Σ (sᵢ − tᵢ)² for independent features with deviations s and t.
    rng = np.random.default_rng(0)
    seen = rng.standard_normal((500, 2))
    seen = (seen - seen.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(seen.T)).T)
    reference = Reference(1.0, np.zeros(2), np.eye(2))
    assert frechet(seen * [2.0, 4.0], reference) == pytest.approx(1.0 + 9.0)


def test_the_judge_is_right_where_the_rewarding_classifier_learned_and_the_other_way_round() -> None:
    digits = load_digits()
    judge = log_odds(judge_classifier(), digits.images[::2]).argmax(axis=1)
    reward = log_odds(reward_classifier(), digits.images[1::2]).argmax(axis=1)
    assert (judge == digits.labels[::2]).mean() > 0.98
    assert 0.93 < (reward == digits.labels[1::2]).mean() < 0.98


def test_the_pretrained_model_is_its_own_measure() -> None:
    images = pretrained_images(CONFIG, 128, seed=1)
    assert images.min() >= 0.0
    assert images.max() <= 1.0
    assert distances(images).mean() / make_reference(CONFIG).distance == pytest.approx(1.0, abs=0.05)


def test_real_eights_are_nearer_to_real_eights_than_what_the_pretrained_model_draws() -> None:
    digits = load_digits()
    eights = pixels(digits.images[digits.labels == 8]).reshape(-1, 1, 8, 8)
    drawn = pretrained_images(CONFIG, len(eights), seed=1).reshape(-1, 1, 8, 8)
    reference = make_reference(CONFIG)
    assert frechet(features(eights), reference) == pytest.approx(0.0, abs=1e-6)
    assert frechet(features(drawn), reference) > 50.0
    assert judged(CONFIG, eights).mean() > 0.9


def test_other_goals_are_judged_by_themselves() -> None:
    images = np.full((2, 1, 8, 8), 0.25)
    assert judged(DenoisingConfig(goal="brightness"), images).tolist() == [0.25, 0.25]


def test_features_of_other_images_are_coarse_pixels() -> None:
    assert features(np.ones((5, 3, 6, 7))).tolist() == np.ones((5, 16)).tolist()


def test_images_smaller_than_the_grid_have_a_feature_for_every_pixel() -> None:
    images = np.arange(12.0).reshape(2, 1, 2, 3)
    assert features(images).tolist() == images.reshape(2, 6).tolist()

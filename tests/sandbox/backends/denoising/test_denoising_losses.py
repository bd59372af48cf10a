"""Losses and their gradients, on a denoiser of one weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sandbox.backends.denoising.config import ImportanceConfig, RegressionConfig, ScoreConfig
from sandbox.backends.denoising.losses import Batch, fit_importance, fit_regression, fit_score, gaussian


class OneWeight(nn.Module):
    """Mean of the next image: the weight, in every pixel; σ = 2; the noise that it sees is the weight."""

    num_steps = 2

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.network.weight)
        self.sigma = torch.tensor([2.0, 2.0])
        self.signal = torch.tensor([0.5, 0.9])

    def forward(self, image: Tensor, step: Tensor) -> Tensor:
        ones: Tensor = self.network(torch.ones(len(image), 1))
        return ones.expand_as(image)

    noise = forward


def batch(following: list[list[float]], advantages: list[float], reference: float = 0.0) -> Batch:
    """Steps that were drawn around 0."""
    after = torch.tensor(following)
    zeros = torch.zeros_like(after)
    steps = torch.zeros(len(after), dtype=torch.long)
    density = gaussian(after, zeros, torch.full((len(after),), 2.0))
    earned = torch.tensor(advantages)
    return Batch(zeros, steps, after, density, zeros + reference, earned, after, earned)


def gradient(fit: Any, of: Batch, config: Any) -> float:
    """Gradient of the first step with respect to the weight."""
    denoiser = OneWeight()
    optimizer = torch.optim.SGD(denoiser.parameters(), 1.0)
    fit(denoiser, optimizer, of, config, np.random.default_rng(0))
    return -float(denoiser.network.weight.detach())


def test_densities_are_means_over_pixels() -> None:
    # −½ ((1/2)² + (3/2)²) / 2
    given = gaussian(torch.tensor([[1.0, 3.0]]), torch.zeros(1, 2), torch.tensor([2.0]))
    assert given.tolist() == pytest.approx([-0.625])


def test_the_score_functions_gradient_by_hand() -> None:
    # −A · mean((x − w)/σ²), averaged over steps: −(2 · (1 + 3)/2/4 + (−1) · (−2 + 0)/2/4) / 2
    played = batch([[1.0, 3.0], [-2.0, 0.0]], [2.0, -1.0])
    assert gradient(fit_score, played, ScoreConfig(max_grad_norm=1e6)) == pytest.approx(-0.625)
    pieces = ScoreConfig(max_grad_norm=1e6, batch_size=1)
    assert gradient(fit_score, played, pieces) == pytest.approx(-0.625)


def test_at_the_weights_that_drew_the_batch_importance_has_the_same_gradient() -> None:
    played = batch([[1.0, 3.0], [-2.0, 0.0]], [2.0, -1.0])
    config = ImportanceConfig(epochs=1, batch_size=2, max_grad_norm=1e6)
    assert gradient(fit_importance, played, config) == pytest.approx(-0.625)


def test_the_divergence_pulls_back_to_the_pretrained_model() -> None:
    # β (w − μ)/σ² = 8 · (0 − 1)/4; no advantage.
    played = batch([[1.0, 3.0]], [0.0], reference=1.0)
    assert gradient(fit_score, played, ScoreConfig(kl_coef=8.0, max_grad_norm=1e6)) == pytest.approx(-2.0)
    config = ImportanceConfig(kl_coef=8.0, epochs=1, max_grad_norm=1e6)
    assert gradient(fit_importance, played, config) == pytest.approx(-2.0)


def test_steps_that_have_left_the_clipping_range_have_no_gradient() -> None:
    played = batch([[1.0, 1.0]], [1.0])
    denoiser = OneWeight()
    optimizer = torch.optim.SGD(denoiser.parameters(), 1e-3)
    config = ImportanceConfig(epochs=50, clip_range=1e-4, max_grad_norm=1e6)
    figures = fit_importance(denoiser, optimizer, played, config, np.random.default_rng(0))
    # The log-density grows by about w/4 until its ratio is 1.0001.
    assert float(denoiser.network.weight.detach()) == pytest.approx(4e-4, rel=0.7)
    assert figures["clip_fraction"] > 0.9


def test_regression_weighs_images_by_what_they_earned() -> None:
    played = batch([[0.0, 0.0], [0.0, 0.0]], [0.0, np.log(3.0)])
    denoiser = OneWeight()
    optimizer = torch.optim.SGD(denoiser.parameters(), 0.0)
    config = RegressionConfig(temperature=1.0, epochs=1)
    figures = fit_regression(denoiser, optimizer, played, config, np.random.default_rng(0))
    # Weights 1/2 and 3/2: (Σ w)² / Σ w² = 4 / 2.5.
    assert figures["effective_images"] == pytest.approx(1.6)
    # The model sees no noise where all is noise of variance 1.
    assert 0.1 < figures["loss"] < 3.0

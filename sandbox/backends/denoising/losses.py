"""The three ways to learn from a batch of images and their rewards.

With advantages A of the images, log-densities of a step as means over its d pixels (as the authors' code
has them), and θ' the weights that drew the batch:

    ddpo-sf   −E[A log p_θ(xₜ₊₁ | xₜ)]                                  one step a batch
    ddpo-is   −E[min(ρ A, clip(ρ, 1 ± c) A)],  ρ = p_θ / p_θ'             several steps a batch
              both + β KL(p_θ(· | xₜ) ‖ p(· | xₜ)), p being the pre-trained model
    rwr       E[w |ε − ε_θ(√ᾱ x + √(1−ᾱ) ε, t)|²],  w ∝ exp(A / τ)          several steps a batch

Sources: Black et al. (2023), arXiv 2305.13301, sections 4.2 and 4.3; Peters & Schaal (2007)
for the weights; Fan et al. (2023), arXiv 2305.16381, eq. 9 for the KL.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sandbox.backends.denoising.config import DenoisingConfig, ImportanceConfig, RegressionConfig, ScoreConfig
from sandbox.backends.denoising.model import Denoiser


@dataclass(frozen=True)
class Batch:
    """What was played with the same weights: n images of T steps each, M = T·n steps in all.

    Attributes:
        images: Before each step, shape ``(M, d)``.
        steps: Number of each step, shape ``(M,)``.
        following: After each step, shape ``(M, d)``.
        log_density: Of each step when it was drawn, shape ``(M,)``; see `gaussian`.
        reference: Mean of each step by the pre-trained model, shape ``(M, d)``.
        advantages: Of each step, shape ``(M,)``.
        finished: The images, shape ``(n, d)``.
        weights: Advantage of each image as a whole, shape ``(n,)``.
    """

    images: Tensor
    steps: Tensor
    following: Tensor
    log_density: Tensor
    reference: Tensor
    advantages: Tensor
    finished: Tensor
    weights: Tensor


def gaussian(x: Tensor, mean: Tensor, sigma: Tensor) -> Tensor:
    """−½ (x − mean)²/σ², mean over pixels; shapes ``(M, d)``, ``(M, d)`` and ``(M,)``."""
    return -0.5 * ((x - mean) / sigma[:, None]).square().mean(dim=1)


def density_and_divergence(denoiser: Denoiser, batch: Batch, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Of some steps: log p(next image | image), and KL from the pre-trained model; shapes ``(m,)``.

    Both are means over pixels. Two normal distributions of the same deviation σ are ½ (μ − μ')²/σ² apart.
    """
    steps = batch.steps[rows]
    mean, sigma = denoiser(batch.images[rows], steps), denoiser.sigma[steps]
    return gaussian(batch.following[rows], mean, sigma), -gaussian(batch.reference[rows], mean, sigma)


def fit_score(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: ScoreConfig,
    rng: np.random.Generator,
) -> dict[str, float]:
    """One step along the likelihood-ratio gradient of the whole batch."""
    optimizer.zero_grad()
    total = 0.0
    for rows in torch.split(torch.arange(len(batch.steps)), config.batch_size):
        density, divergence = density_and_divergence(denoiser, batch, rows)
        loss = (config.kl_coef * divergence - batch.advantages[rows] * density).sum() / len(batch.steps)
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    norm = _step(denoiser.network, optimizer, config)
    return {"loss": total, "grad_norm": norm}


def fit_importance(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: ImportanceConfig,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Several clipped steps, as PPO takes them."""
    clip, clipped, losses, norms = config.clip_range, [], [], []
    for _ in range(config.epochs):
        for rows in shuffled(len(batch.steps), config.batch_size, rng):
            density, divergence = density_and_divergence(denoiser, batch, rows)
            ratio = (density - batch.log_density[rows]).exp()
            advantage = batch.advantages[rows]
            loss = -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()
            loss = loss + config.kl_coef * divergence.mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norms.append(_step(denoiser.network, optimizer, config))
            losses.append(loss.item())
            clipped.append(((ratio - 1).abs() > clip).float().mean().item())
    return {
        "loss": float(np.mean(losses)),
        "grad_norm": float(np.mean(norms)),
        "clip_fraction": float(np.mean(clipped)),
    }


def fit_regression(
    denoiser: Denoiser,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    config: RegressionConfig,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Several steps of the denoising loss on the finished images, weighted by what they earned."""
    weights = torch.softmax(batch.weights / config.temperature, 0) * len(batch.weights)
    losses, norms = [], []
    for _ in range(config.epochs):
        for rows in shuffled(len(weights), config.batch_size, rng):
            clean = batch.finished[rows]
            step = torch.from_numpy(rng.integers(denoiser.num_steps, size=len(rows)))
            noise = torch.from_numpy(rng.standard_normal(tuple(clean.shape), np.float32))
            kept = denoiser.signal[step][:, None]
            seen = denoiser.noise(kept.sqrt() * clean + (1 - kept).sqrt() * noise, step)
            loss = (weights[rows] * (seen - noise).square().mean(dim=1)).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norms.append(_step(denoiser.network, optimizer, config))
            losses.append(loss.item())
    effective = float(weights.sum().square() / weights.square().sum())
    return {
        "loss": float(np.mean(losses)),
        "grad_norm": float(np.mean(norms)),
        "effective_images": effective,
    }


def shuffled(count: int, size: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
    """Rows 0 to ``count`` − 1 in random order, in groups of ``size``."""
    order: NDArray[np.int64] = rng.permutation(count)
    return torch.split(torch.from_numpy(order), size)


def _step(network: nn.Module, optimizer: torch.optim.Optimizer, config: DenoisingConfig) -> float:
    """A step of the optimiser with the clipped gradient; the norm before clipping."""
    norm = float(nn.utils.clip_grad_norm_(network.parameters(), config.max_grad_norm))
    optimizer.step()
    return norm

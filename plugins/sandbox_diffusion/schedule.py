"""The noise levels that a denoising process visits, and how it goes from one to the next.

DDIM's update (Song et al. 2021, arXiv 2010.02502, eq. 12 and 16) for levels ᾱₜ > ᾱₛ, s the noisier one:

    x̂₀ = (xₛ − √(1−ᾱₛ) ε) / √ᾱₛ
    σ  = η √((1−ᾱₜ)/(1−ᾱₛ)) √(1 − ᾱₛ/ᾱₜ)
    xₜ ~ N(√ᾱₜ x̂₀ + √(1−ᾱₜ−σ²) ε, σ²)

η = 1 is the ancestral sampling of DDPM. σ is kept above a floor, so that every step has a density.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sandbox.api.types import Array


@dataclass(frozen=True)
class Schedule:
    """A denoising process of T steps, the noisiest level first.

    Attributes:
        timesteps: Number of each level among those that the model was trained on, shape ``(T,)``.
        signal: ᾱ of each level and, at the end, 1 for the clean image; shape ``(T + 1,)``.
        drift: Deviation that DDIM's mean is computed with, shape ``(T,)``.
        sigma: Deviation of the noise that a step adds, at least the floor; shape ``(T,)``.
    """

    timesteps: Array
    signal: Array
    drift: Array
    sigma: Array

    @property
    def num_steps(self) -> int:
        """T."""
        return len(self.timesteps)


def linear_signal(levels: int = 1000, first: float = 1e-4, last: float = 2e-2) -> Array:
    """ᾱ of DDPM's linear schedule (Ho et al. 2020, section 4), shape ``(levels,)``."""
    product: Array = np.cumprod(1.0 - np.linspace(first, last, levels))
    return product


def make_schedule(signal: Array, steps: int, eta: float, floor: float) -> Schedule:
    """A process of some evenly spaced levels.

    Args:
        signal: ᾱ of all levels that the model was trained on, falling; shape ``(N,)``.
        steps: T, at most N.
        eta: η of DDIM: 1 adds as much noise as DDPM, 0 none but the floor's.
        floor: Least deviation of a step.
    """
    levels = len(signal)
    timesteps = np.linspace(levels - 1, 0, steps).round().astype(np.int64)
    visited = np.append(signal[timesteps], 1.0)
    now, then = visited[:-1], visited[1:]
    drift = eta * np.sqrt((1 - then) / (1 - now)) * np.sqrt(np.maximum(1 - now / then, 0.0))
    return Schedule(timesteps, visited, drift, np.maximum(drift, floor))

"""Search for the best sequence of continuous actions: the cross-entropy method, and MPPI.

Both draw N sequences u = μ + σ ε around a mean μ, with σ in half ranges of each action and noise that is
correlated in time, and clip them to the bounds. From their returns R,

    CEM:   μ, σ ← mean and deviation of the best sequences          (Rubinstein 1999; Chua et al. 2018)
    MPPI:  μ ← Σ wᵢ uᵢ,  wᵢ ∝ exp((Rᵢ - max R) / (λ · std R))        (Williams et al. 2017)

The last mean, moved by a step, is where the next search begins (warm start) and one of its sequences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api.errors import MisfitError
from sandbox.backends.models.config import SearchConfig

Floats = NDArray[np.float64]

Evaluate = Callable[[Floats], Floats]
"""From sequences ``(rows, N, horizon, k)`` to their returns ``(rows, N)``."""

MIN_SPREAD = 0.02
"""σ of CEM stays above this, in half ranges: it has to find its way back when the world has moved."""


class TrajectorySearch:
    """Plans for a batch of rows, one search a row.

    Args:
        space: Of the actions; bounded.
        config: How it searches.
        name: Of the algorithm, for the message.

    Raises:
        MisfitError: If an action has no bounds: they are the scale of the noise.
    """

    def __init__(self, space: gym.spaces.Box, config: SearchConfig, name: str) -> None:
        if not space.is_bounded():
            raise MisfitError(
                f"{name} draws actions within their range, and those of {space} have none.",
                "Bound the task's actions, or take ppo or sac.",
            )
        self.space, self.config = space, config
        self._low, self._high = (bound.astype(np.float64).ravel() for bound in (space.low, space.high))
        self._middle, self._half = (self._high + self._low) / 2, (self._high - self._low) / 2
        self.reset(0, np.random.default_rng(0))

    def reset(self, rows: int, rng: np.random.Generator) -> None:
        """Forget all plans.

        Attributes that are set: ``plans``, the means that the next search begins with, in the actions' units,
        shape ``(rows, horizon, k)``.
        """
        self.plans: Floats = np.tile(self._middle, (rows, self.config.horizon, 1))
        self._rng = rng

    def forget(self, rows: NDArray[np.bool_]) -> None:
        """Forget the plans of rows whose episode has ended."""
        self.plans[rows] = self._middle

    def plan(self, evaluate: Evaluate) -> NDArray[Any]:
        """Search from the last plans, and take the first action of each.

        Args:
            evaluate: Gives the returns of sequences.

        Returns:
            Actions, shape ``(rows, *action_shape)``.
        """
        mean, spread = self.plans, np.full_like(self.plans, self.config.spread) * self._half
        for _ in range(self.config.iterations):
            sequences = self._draw(mean, spread)
            mean, spread = self._refit(sequences, evaluate(sequences), mean, spread)
        self.plans = np.concatenate([mean[:, 1:], mean[:, -1:]], axis=1)
        actions = mean[:, 0].reshape(len(mean), *self.space.shape).astype(self.space.dtype)
        inside: NDArray[Any] = np.clip(actions, self.space.low, self.space.high)
        return inside

    def _draw(self, mean: Floats, spread: Floats) -> Floats:
        """Sequences, shape ``(rows, N, horizon, k)``; the first of a row is its mean."""
        rho, (rows, horizon, size) = self.config.correlation, mean.shape
        noise = self._rng.standard_normal((rows, self.config.candidates, horizon, size))
        for step in range(1, horizon):
            noise[:, :, step] = rho * noise[:, :, step - 1] + np.sqrt(1 - rho**2) * noise[:, :, step]
        noise[:, 0] = 0.0
        return np.clip(mean[:, None] + spread[:, None] * noise, self._low, self._high)

    def _refit(
        self, sequences: Floats, returns: Floats, mean: Floats, spread: Floats
    ) -> tuple[Floats, Floats]:
        """Mean and σ of the next iteration."""
        returns = np.where(np.isfinite(returns), returns, -np.inf)
        if self.config.method == "mppi":
            weights = mppi_weights(returns, self.config.temperature)
            return np.einsum("rn,rnhk->rhk", weights, sequences), spread
        number = max(2, round(self.config.elites * self.config.candidates))
        order = np.argsort(-returns, axis=1, kind="stable")[:, :number]
        elites = np.take_along_axis(sequences, order[:, :, None, None], axis=1)
        keep = self.config.momentum
        mean = keep * mean + (1 - keep) * elites.mean(axis=1)
        spread = keep * spread + (1 - keep) * elites.std(axis=1)
        return mean, np.maximum(spread, MIN_SPREAD * self._half)


def mppi_weights(returns: Floats, temperature: float) -> Floats:
    """Weights of sequences by their returns, ``(rows, N)``, with sum 1 in every row; -inf weighs nothing."""
    finite = np.isfinite(returns)
    best = np.where(finite, returns, -np.inf).max(axis=1, keepdims=True)
    best = np.where(np.isfinite(best), best, 0.0)
    behind = np.where(finite, returns - best, 0.0)
    deviation = np.sqrt((behind**2).mean(axis=1) - behind.mean(axis=1) ** 2 + 1e-18)[:, None]
    weights = np.where(finite, np.exp(behind / (temperature * deviation)), 0.0)
    weights[~finite.any(axis=1)] = 1.0
    normalised: Floats = weights / weights.sum(axis=1, keepdims=True)
    return normalised

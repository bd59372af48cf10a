"""Action distributions π(·|s), one for each kind of action space.

A network gives a row of numbers for every observation; a `Distribution` reads them as parameters.
Drawing works on NumPy arrays with NumPy's generator; probabilities work on tensors, for the gradient.
Draws are kept in raw form, shape ``(n, k)``, and converted to actions when the environment is stepped.
"""

from __future__ import annotations

import math
from typing import Protocol

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Space

FORBIDDEN = -1e8
"""Logit of a masked action: its probability is exactly zero in single precision."""

MAX_WIDTH = 1e6
"""Bounds further apart than this are not taken as a scale."""


class Distribution(Protocol):
    """A family of distributions over an action space.

    Attributes:
        size: Parameters that the network gives for every row.
        gaussian: Whether the second half of the parameters are log standard deviations.
    """

    size: int
    gaussian: bool

    def draw(self, params: Array, mask: NDArray[np.bool_] | None, rng: np.random.Generator | None) -> Array:
        """Raw draws, shape ``(n, k)``; the mode where there is no generator."""
        ...

    def action(self, raw: Array) -> Array:
        """Actions within the space, shape ``(n, *action_shape)``."""
        ...

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """log π of raw draws, shape ``(n,)``."""
        ...

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Entropy in nats, shape ``(n,)``."""
        ...


class Categorical:
    """Independent categorical choices: a single one for Discrete, several for MultiDiscrete.

    A mask has an entry for every value of a choice, those of a MultiDiscrete space side by side.
    """

    gaussian = False

    def __init__(self, space: gym.spaces.Discrete[np.int64] | gym.spaces.MultiDiscrete[np.int64]) -> None:
        self.space = space
        sizes = [space.n] if isinstance(space, gym.spaces.Discrete) else space.nvec.ravel()
        self.sizes = [int(n) for n in sizes]
        self.size = sum(self.sizes)
        self._shape: tuple[int, ...] = space.shape or ()
        self._cuts = np.cumsum(self.sizes)[:-1]

    def draw(self, params: Array, mask: NDArray[np.bool_] | None, rng: np.random.Generator | None) -> Array:
        """By the Gumbel-max trick: argmax of logits plus Gumbel noise is a draw from their softmax."""
        logits: Array = params if mask is None else np.where(mask, params, FORBIDDEN)
        if rng is not None:
            logits = logits + rng.gumbel(size=logits.shape)
        if len(self.sizes) == 1:
            best: Array = logits.argmax(1, keepdims=True)
            return best
        return np.stack([part.argmax(1) for part in np.split(logits, self._cuts, axis=1)], axis=1)

    def action(self, raw: Array) -> Array:
        """Choices, counted from the space's start."""
        shaped: Array = raw.reshape(len(raw), *self._shape) + self.space.start
        return shaped.astype(self.space.dtype, copy=False)

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """Sum over choices of the log softmax."""
        chosen = raw.long()
        parts = self._log_softmax(params, mask)
        logs = [part.gather(1, chosen[:, i : i + 1]) for i, part in enumerate(parts)]
        return torch.cat(logs, 1).sum(1)

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Sum over choices of -Σ p log p; a masked action adds nothing."""
        return torch.stack([-(part.exp() * part).sum(1) for part in self._log_softmax(params, mask)]).sum(0)

    def _log_softmax(self, params: Tensor, mask: Tensor | None) -> list[Tensor]:
        logits = params if mask is None else params.masked_fill(~mask, FORBIDDEN)
        return [functional.log_softmax(part, 1) for part in torch.split(logits, self.sizes, 1)]


class Bernoulli:
    """Independent binary choices: MultiBinary."""

    gaussian = False

    def __init__(self, space: gym.spaces.MultiBinary) -> None:
        self.space = space
        self.size = math.prod(space.shape)

    def draw(self, params: Array, mask: NDArray[np.bool_] | None, rng: np.random.Generator | None) -> Array:
        """1 where the logit exceeds logistic noise, or zero for the mode."""
        threshold = 0.0 if rng is None else rng.logistic(size=params.shape)
        return (params > threshold).astype(np.int8)

    def action(self, raw: Array) -> Array:
        """Zeros and ones."""
        return raw.reshape(len(raw), *self.space.shape).astype(self.space.dtype, copy=False)

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """Sum of log σ(logit) over ones and log σ(-logit) over zeros."""
        return -functional.binary_cross_entropy_with_logits(
            params, raw.to(params.dtype), reduction="none"
        ).sum(1)

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Sum of the binary entropies."""
        return functional.binary_cross_entropy_with_logits(params, params.sigmoid(), reduction="none").sum(1)


class Gaussian:
    """Continuous actions with a standard deviation that does not depend on the state: Box.

    Raw draws are in half widths from the middle of the range where an action is bounded on both
    sides (by no more than `MAX_WIDTH`), in the action's units otherwise. Actions are clipped to the
    bounds. The log probability is that of the raw draw: clipping belongs to the environment.

    Attributes:
        middle: Middle of the range of each action, shape ``(k,)``; 0 where it is not scaled.
        half_width: Half of its width, shape ``(k,)``; 1 where it is not scaled.
        is_scaled: Whether every action is.
    """

    gaussian = True

    def __init__(self, space: gym.spaces.Box) -> None:
        self.space = space
        self.size = 2 * math.prod(space.shape)
        low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
        scaled = space.bounded_below.ravel() & space.bounded_above.ravel()
        scaled[scaled] = high[scaled] - low[scaled] <= MAX_WIDTH
        self.middle, self.half_width = np.zeros(len(low)), np.ones(len(low))
        self.middle[scaled] = (high[scaled] + low[scaled]) / 2
        self.half_width[scaled] = (high[scaled] - low[scaled]) / 2
        self._low, self._high = low, high
        self.is_scaled = bool(scaled.all())

    def draw(self, params: Array, mask: NDArray[np.bool_] | None, rng: np.random.Generator | None) -> Array:
        """Mean plus noise."""
        mean, log_std = np.split(params, 2, axis=1)
        return mean if rng is None else mean + np.exp(log_std) * rng.standard_normal(mean.shape)

    def action(self, raw: Array) -> Array:
        """Scaled to the range and clipped to it; rounded where the space holds integers."""
        scaled = np.clip(self.middle + self.half_width * raw, self._low, self._high)
        if self.space.dtype.kind in "iu":
            scaled = np.rint(scaled)
        shaped = scaled.reshape(len(raw), *self.space.shape).astype(self.space.dtype)
        # Rounding to single precision may have left the range.
        inside: Array = np.clip(shaped, self.space.low, self.space.high)
        return inside

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """Sum over dimensions of the normal log density."""
        mean, log_std = params.chunk(2, 1)
        standardised = (raw - mean) / log_std.exp()
        return (-0.5 * standardised**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(1)

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Σ log σ + ½ log 2πe."""
        return (params.chunk(2, 1)[1] + 0.5 * math.log(2 * math.pi * math.e)).sum(1)


def distribution_for(space: Space) -> Distribution:
    """The distribution over an action space.

    Raises:
        MisfitError: For a space without a distribution.
    """
    if isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete):
        return Categorical(space)
    if isinstance(space, gym.spaces.MultiBinary):
        return Bernoulli(space)
    if isinstance(space, gym.spaces.Box):
        return Gaussian(space)
    raise MisfitError(
        f"There is no distribution for actions of type {type(space).__name__}.",
        "It takes Discrete, MultiDiscrete, MultiBinary and Box.",
    )

"""Action distributions π(·|s), one for each kind of action space.

A network gives a row of numbers for every observation; a `Distribution` reads them as parameters.
Drawing works on NumPy arrays with a generator of its own; probabilities work on tensors, for the
gradient. Draws are kept in raw form, shape ``(n, k)``, and turned into actions at the last moment.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from sandbox.api.errors import MisfitError

FORBIDDEN = -1e8
"""Logit of a masked action: its probability is exactly zero in single precision."""

WIDEST = 1e6
"""Bounds further apart than this are not taken as a scale."""


class Distribution(Protocol):
    """What the policy needs to know of its action space.

    Attributes:
        size: Parameters that the network gives for every row.
        gaussian: Whether the second half of the parameters are log standard deviations.
    """

    size: int
    gaussian: bool

    def draw(
        self, params: NDArray[Any], mask: NDArray[np.bool_] | None, rng: np.random.Generator | None
    ) -> NDArray[Any]:
        """Raw draws, shape ``(n, k)``; the mode where there is no generator."""
        ...

    def action(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Actions within the space, shape ``(n, *action_shape)``."""
        ...

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """log π of raw draws, shape ``(n,)``."""
        ...

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Entropy in nats, shape ``(n,)``."""
        ...


class Categorical:
    """Independent choices: Discrete is one, MultiDiscrete several.

    A mask has one entry for every choice, those of a MultiDiscrete space side by side.
    """

    gaussian = False

    def __init__(self, space: gym.spaces.Discrete[Any] | gym.spaces.MultiDiscrete[Any]) -> None:
        self.space = space
        sizes = [space.n] if isinstance(space, gym.spaces.Discrete) else space.nvec.ravel()
        self.sizes = [int(n) for n in sizes]
        self.size = sum(self.sizes)
        self._shape: tuple[int, ...] = space.shape or ()
        self._cuts = np.cumsum(self.sizes)[:-1]

    def draw(
        self, params: NDArray[Any], mask: NDArray[np.bool_] | None, rng: np.random.Generator | None
    ) -> NDArray[Any]:
        """By the Gumbel-max trick: argmax of logits plus Gumbel noise is a draw from their softmax."""
        logits: NDArray[Any] = params if mask is None else np.where(mask, params, FORBIDDEN)
        if rng is not None:
            logits = logits + rng.gumbel(size=logits.shape)
        if len(self.sizes) == 1:
            best: NDArray[Any] = logits.argmax(1, keepdims=True)
            return best
        return np.stack([part.argmax(1) for part in np.split(logits, self._cuts, axis=1)], axis=1)

    def action(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Choices, counted from the space's start."""
        shaped: NDArray[Any] = raw.reshape(len(raw), *self._shape) + self.space.start
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
    """Independent yes-or-no choices: MultiBinary."""

    gaussian = False

    def __init__(self, space: gym.spaces.MultiBinary) -> None:
        self.space = space
        self.size = math.prod(space.shape)

    def draw(
        self, params: NDArray[Any], mask: NDArray[np.bool_] | None, rng: np.random.Generator | None
    ) -> NDArray[Any]:
        """Yes where the logit exceeds logistic noise, or zero."""
        threshold = 0.0 if rng is None else rng.logistic(size=params.shape)
        return (params > threshold).astype(np.int8)

    def action(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Zeros and ones."""
        return raw.reshape(len(raw), *self.space.shape).astype(self.space.dtype, copy=False)

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """Sum of log σ(logit) over yes and log σ(-logit) over no."""
        return -functional.binary_cross_entropy_with_logits(
            params, raw.to(params.dtype), reduction="none"
        ).sum(1)

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Sum of the binary entropies."""
        return functional.binary_cross_entropy_with_logits(params, params.sigmoid(), reduction="none").sum(1)


class Gaussian:
    """Continuous actions with a standard deviation that does not depend on the state: Box.

    Raw draws are in half widths from the middle of the range where an action is bounded on both
    sides (by no more than `WIDEST`), in the action's own units otherwise. Actions are clipped to the
    bounds. The log probability is that of the raw draw: clipping belongs to the environment.
    """

    gaussian = True

    def __init__(self, space: gym.spaces.Box) -> None:
        self.space = space
        self.size = 2 * math.prod(space.shape)
        low, high = space.low.astype(np.float64).ravel(), space.high.astype(np.float64).ravel()
        scaled = space.bounded_below.ravel() & space.bounded_above.ravel()
        scaled[scaled] = high[scaled] - low[scaled] <= WIDEST
        self._middle, self._half = np.zeros(len(low)), np.ones(len(low))
        self._middle[scaled] = (high[scaled] + low[scaled]) / 2
        self._half[scaled] = (high[scaled] - low[scaled]) / 2
        self._low, self._high = low, high

    def draw(
        self, params: NDArray[Any], mask: NDArray[np.bool_] | None, rng: np.random.Generator | None
    ) -> NDArray[Any]:
        """Mean plus noise."""
        mean, log_std = np.split(params, 2, axis=1)
        return mean if rng is None else mean + np.exp(log_std) * rng.standard_normal(mean.shape)

    def action(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Scaled to the range and clipped to it; rounded where the space holds integers."""
        scaled = np.clip(self._middle + self._half * raw, self._low, self._high)
        if self.space.dtype.kind in "iu":
            scaled = np.rint(scaled)
        shaped = scaled.reshape(len(raw), *self.space.shape).astype(self.space.dtype)
        # Rounding to single precision may have left the range.
        inside: NDArray[Any] = np.clip(shaped, self.space.low, self.space.high)
        return inside

    def log_prob(self, params: Tensor, raw: Tensor, mask: Tensor | None) -> Tensor:
        """Sum over dimensions of the normal log density."""
        mean, log_std = params.chunk(2, 1)
        standardised = (raw - mean) / log_std.exp()
        return (-0.5 * standardised**2 - log_std - 0.5 * math.log(2 * math.pi)).sum(1)

    def entropy(self, params: Tensor, mask: Tensor | None) -> Tensor:
        """Σ log σ + ½ log 2πe."""
        return (params.chunk(2, 1)[1] + 0.5 * math.log(2 * math.pi * math.e)).sum(1)


def distribution_for(space: gym.Space[Any]) -> Distribution:
    """The distribution over an action space.

    Raises:
        MisfitError: For a space that none is made for.
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

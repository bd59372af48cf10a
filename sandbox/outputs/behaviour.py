"""Behaviours of stated quality: an agent that acts at random in a share of the steps, with probabilities."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sandbox.api.errors import InvalidValueError
from sandbox.api.masks import random_allowed
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Bools, Element, Space

Quality = Literal["random", "medium", "expert", "mixed"]
QUALITIES: tuple[Quality, ...] = ("random", "medium", "expert", "mixed")

NOISE = 0.1
"""Deviation of the noise on an agent's continuous actions, in half widths of their range."""

PILOTS = 5
"""Episodes of each trial in the search for the share of a medium quality."""

ROUNDS = 6
"""Bisections of that search."""


class Exploring:
    """Plays an agent's action, or with probability ``share`` a random allowed one.

    Continuous actions of the agent get truncated normal noise where anything is explored, so that a
    density exists.

    Args:
        policy: The agent.
        space: Of its actions, one row.
        share: Probability of a random action.
        deterministic: Whether the agent's own action is certain: only then are probabilities known.

    Attributes:
        probability: Of the action that was taken last, of each row (a density for continuous actions); None
            where it is not known.
    """

    def __init__(self, policy: Policy, space: Space, share: float, deterministic: bool) -> None:
        self._policy, self._space, self.share = policy, space, share
        self._known = (deterministic or share >= 1) and _has_probability(space, share)
        self.probability: NDArray[np.float64] | None = None
        self.reset(1)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Begin an episode."""
        self._policy.reset(num_envs, seed)
        self._rng = np.random.default_rng(None if seed is None else [seed, 1])

    def act(self, observation: Element, mask: Bools | None = None, deterministic: bool = True) -> Array:
        """See `sandbox.api.Policy.act`."""
        action = np.array(self._policy.act(observation, mask, deterministic))
        if self.share > 0:
            at_random = self._rng.random(len(action)) < self.share
            drawn = self._drawn(len(action), mask)
            noisy = self._noisy(action)
            shape = (-1, *[1] * (action.ndim - 1))
            taken = np.where(at_random.reshape(shape), drawn, noisy).astype(action.dtype)
        else:
            taken = action
        self.probability = self._probability(taken, action, mask) if self._known else None
        return taken

    def save(self, directory: Path) -> None:
        """Not saved.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError

    def _drawn(self, count: int, mask: Bools | None) -> Array:
        if isinstance(self._space, gym.spaces.Box) and self._space.is_bounded():
            return self._rng.uniform(self._space.low, self._space.high, (count, *self._space.shape))
        if mask is not None:
            return np.stack([np.asarray(random_allowed(self._space, row, self._rng)) for row in mask])
        self._space.seed(int(self._rng.integers(2**31)))
        return np.stack([np.asarray(self._space.sample()) for _ in range(count)])

    def _noisy(self, action: Array) -> Array:
        if not (isinstance(self._space, gym.spaces.Box) and self._known):
            return action
        low, high, width = self._limits(action)
        return np.asarray(
            stats.truncnorm.rvs(low, high, loc=action, scale=width, size=action.shape, random_state=self._rng)
        )

    def _limits(self, action: Array) -> tuple[Array, Array, Array]:
        """Bounds in deviations from an action, and the deviation."""
        assert isinstance(self._space, gym.spaces.Box)
        width = NOISE * (self._space.high - self._space.low).astype(np.float64) / 2
        return (self._space.low - action) / width, (self._space.high - action) / width, width

    def _probability(self, taken: Array, action: Array, mask: Bools | None) -> NDArray[np.float64]:
        rows = len(taken)
        if isinstance(self._space, gym.spaces.Box):
            volume = float(np.prod(self._space.high.astype(np.float64) - self._space.low))
            low, high, width = self._limits(action)
            near = stats.truncnorm.pdf(taken, low, high, loc=action, scale=width).reshape(rows, -1).prod(1)
            return np.asarray(self.share / volume + (1 - self.share) * near, np.float64)
        same = (taken == action).reshape(rows, -1).all(1)
        return self.share / _choices(self._space, rows, mask) + (1 - self.share) * same


def _has_probability(space: Space, share: float) -> bool:
    """An exact continuous action has no density, and one without bounds no uniform one."""
    if not isinstance(space, gym.spaces.Box):
        return isinstance(space, gym.spaces.Discrete | gym.spaces.MultiDiscrete | gym.spaces.MultiBinary)
    return share > 0 and space.is_bounded() and space.dtype.kind == "f"


def _choices(space: Space, rows: int, mask: Bools | None) -> NDArray[np.float64]:
    """How many actions are allowed."""
    if isinstance(space, gym.spaces.MultiBinary):
        sizes = [2] * int(np.prod(space.shape))
    else:
        sizes = [int(space.n)] if isinstance(space, gym.spaces.Discrete) else space.nvec.ravel().tolist()
    if mask is None or mask.shape[1] != sum(sizes):
        return np.full(rows, float(np.prod(np.asarray(sizes, np.float64))))
    parts = np.split(mask, np.cumsum(sizes)[:-1], axis=1)
    return np.prod([part.sum(1) for part in parts], axis=0).astype(np.float64)


def shares_of(
    quality: Quality, episodes: int, seed: int, mean_return: Callable[[float], float]
) -> tuple[NDArray[np.float64], dict[str, object]]:
    """Share of random actions in every episode, and what is noted of the quality.

    ``random`` plays at random, ``expert`` the agent alone. ``medium`` is the share with which the agent earns
    half way from random to its own return, found by bisection; ``mixed`` takes the three in turn, in random
    order.

    Args:
        quality: What is wanted.
        episodes: How many.
        seed: Of the order.
        mean_return: Of trial episodes with a share.

    Raises:
        InvalidValueError: If the agent earns nothing more than random play.
    """
    if quality == "random":
        return np.ones(episodes), {"quality": quality, "explore": 1.0, "score": 0.0}
    if quality == "expert":
        return np.zeros(episodes), {"quality": quality, "explore": 0.0, "score": 1.0}
    worst, best = mean_return(1.0), mean_return(0.0)
    if best <= worst:
        raise InvalidValueError(
            f"The agent earns {best:g} a trial episode and random play {worst:g}: there is no half way.",
            "Record it with --explore SHARE.",
        )
    low, high, score = 0.0, 1.0, 0.0
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        score = (mean_return(middle) - worst) / (best - worst)
        low, high = (middle, high) if score > 0.5 else (low, middle)
    noted: dict[str, object] = {"quality": quality, "explore": middle, "score": score}
    if quality == "medium":
        return np.full(episodes, middle), noted
    shares = np.resize([1.0, middle, 0.0], episodes)
    np.random.default_rng(seed).shuffle(shares)
    return shares, noted | {"explore": sorted(set(shares.tolist())), "score": None}

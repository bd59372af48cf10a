"""The classical ways to explore.

A score is a function ``(core, rng) -> (num_envs, K)``; an agent pulls the arm with the largest, ties broken
at random. The agents that `Memory` is the base of remember more than the core's totals.

All of an agent's chance comes from a generator of its own that no environment shares: an agent seeded like
its episode would see the luck of its next pull.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox_bandits.core import Bandit, Contextual, Gaussian

Array = NDArray[Any]
Score = Callable[[Any, np.random.Generator], Array]

EPSILON = 0.1
STEP_SIZE = 0.1

# The best of a grid on tuning seeds of bandits/contextual and bandits/restaurants.
LINUCB_WIDTH = 0.5
DISCOUNT, DISCOUNTED_WIDTH = 0.99, 0.25
WINDOW, WINDOW_WIDTH = 400, 0.25
RECENT_EPSILON, RECENT_STEP_SIZE = 0.05, 0.2

STREAM = 7
"""Added to the seed of an episode for the agent's own generator."""


def mean(core: Bandit, rng: np.random.Generator) -> Array:
    """Mean payment of each arm (at the context, where there is one); infinite before its first pull."""
    plain = core.sums / np.maximum(core.pulls, 1)
    believed = core.beliefs()[0] if isinstance(core, Contextual) else plain
    return np.where(core.pulls > 0, believed, np.inf)


def ucb1(core: Bandit, rng: np.random.Generator) -> Array:
    """Mean + √(2 ln t / n), in standard deviations of a payment where that is known: Auer et al. 2002."""
    return _upper(core.pulls, core.sums, core.config.noise if isinstance(core, Gaussian) else 1.0)


def thompson_beta(core: Bandit, rng: np.random.Generator) -> Array:
    """A draw from Beta(1 + payments, 1 + blanks) of each arm: Thompson 1933."""
    return rng.beta(1 + core.sums, 1 + core.pulls - core.sums)


def thompson_normal(core: Gaussian, rng: np.random.Generator) -> Array:
    """A draw from the posterior of each mean, with the task's noise, and its spread as the prior."""
    config = core.config
    precision = core.pulls / config.noise**2 + 1 / config.spread**2
    believed = (core.sums / config.noise**2 + config.centre / config.spread**2) / precision
    return believed + _normal(core, rng) / np.sqrt(precision)


def linucb(core: Contextual, rng: np.random.Generator) -> Array:
    """Ridge regression + α √(xᵀA⁻¹x): Li et al. 2010."""
    believed, unsure = core.beliefs()
    return believed + LINUCB_WIDTH * core.config.noise * unsure


def thompson_linear(core: Contextual, rng: np.random.Generator) -> Array:
    """A draw from N(ridge regression, noise² xᵀA⁻¹x) of each arm: Agrawal & Goyal 2013."""
    believed, unsure = core.beliefs()
    return believed + core.config.noise * unsure * _normal(core, rng)


def best(core: Bandit, rng: np.random.Generator) -> Array:
    """The true means."""
    return core.means


def _normal(core: Bandit, rng: np.random.Generator) -> Array:
    return rng.standard_normal(core.pulls.shape)


class Scored:
    """Pulls the arm with the largest score, or with probability ε any.

    Args:
        env: Single or vectorised.
        score: Of the arms.
        epsilon: ε.
    """

    def __init__(self, env: Any, score: Score | None = None, epsilon: float = 0.0) -> None:
        self.core: Any = env.core
        self.epsilon = epsilon
        self._given = score
        self.reset(len(self.core.rows))

    def score(self, core: Any, rng: np.random.Generator) -> Array:
        """Of every arm, shape ``(num_envs, K)``."""
        raise NotImplementedError

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Episodes begin."""
        self.rng = np.random.default_rng(None if seed is None else [seed, STREAM])

    def act(self, observation: Array) -> Array:
        """An arm for every row."""
        scores = (self._given or self.score)(self.core, self.rng)
        tied = scores == scores.max(axis=1, keepdims=True)
        if self.epsilon:
            tied |= (self.rng.random(len(tied)) < self.epsilon)[:, None]
        arms: Array = np.where(tied, self.rng.random(tied.shape), -1.0).argmax(axis=1)
        return arms


class Memory(Scored):
    """Learns from every pull before it chooses the next arm; cannot be asked in the middle of an episode."""

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """Forget everything."""
        super().reset(num_envs, seed)
        self.pulls, self.sums = np.zeros((2, num_envs, self.core.config.arms))

    def act(self, observation: Array) -> Array:
        """Learn, then choose."""
        if self.core.steps.any():
            self.learn(self.core.rows, self.core.last_arm, self.core.last_paid)
        return super().act(observation)

    def learn(self, rows: Array, arm: Array, paid: Array) -> None:
        """Take in one pull of every row."""
        raise NotImplementedError


class Gradient(Memory):
    """Draws arms from softmax(H), H ← H + α (R - baseline) (1[arm] - π): Sutton & Barto 2018, section 2.8.

    Args:
        env: Single or vectorised.
        baseline: Whether the mean payment so far is subtracted; else nothing is.
    """

    def __init__(self, env: Any, baseline: bool = True) -> None:
        self.baseline = baseline
        super().__init__(env)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """No arm is preferred."""
        super().reset(num_envs, seed)
        self.preference = np.zeros_like(self.sums)

    def score(self, core: Any, rng: np.random.Generator) -> Array:
        """H with Gumbel noise, whose largest entry is a draw from the softmax."""
        noisy: Array = self.preference + rng.gumbel(size=self.preference.shape)
        return noisy

    def learn(self, rows: Array, arm: Array, paid: Array) -> None:
        """One step of stochastic gradient ascent on the expected payment."""
        chances = np.exp(self.preference - self.preference.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        # As in the book the mean includes the payment at hand.
        subtracted = self.core.sums.sum(axis=1) / self.core.steps if self.baseline else 0.0
        better = STEP_SIZE * (paid - subtracted)
        self.preference -= better[:, None] * chances
        self.preference[rows, arm] += better


class Recent(Memory):
    """ε-greedy with a constant step size, Q ← Q + α (R - Q): Sutton & Barto 2018, section 2.5."""

    def score(self, core: Any, rng: np.random.Generator) -> Array:
        """Q, and infinity before the first pull."""
        return np.where(self.pulls > 0, self.sums, np.inf)

    def learn(self, rows: Array, arm: Array, paid: Array) -> None:
        """A payment counts the less, the longer ago it was."""
        step = np.where(self.pulls[rows, arm] > 0, RECENT_STEP_SIZE, 1.0)
        self.sums[rows, arm] += step * (paid - self.sums[rows, arm])
        self.pulls[rows, arm] += 1


class Discounted(Memory):
    """UCB1 of totals that fade by γ with every pull, its width scaled by ξ: Garivier & Moulines 2011.

    Args:
        env: Single or vectorised.
        discount: γ.
        width: ξ.
    """

    def __init__(self, env: Any, discount: float = DISCOUNT, width: float = DISCOUNTED_WIDTH) -> None:
        self.discount, self.width = discount, width
        super().__init__(env)

    def score(self, core: Any, rng: np.random.Generator) -> Array:
        """Upper bounds from what is remembered."""
        return _upper(self.pulls, self.sums, self.width * core.config.noise)

    def learn(self, rows: Array, arm: Array, paid: Array) -> None:
        """Fade, then add."""
        self.pulls *= self.discount
        self.sums *= self.discount
        self.pulls[rows, arm] += 1
        self.sums[rows, arm] += paid


class Window(Memory):
    """UCB1 of the last τ pulls, its width scaled by ξ: Garivier & Moulines 2011.

    Args:
        env: Single or vectorised.
        length: τ.
        width: ξ.
    """

    def __init__(self, env: Any, length: int = WINDOW, width: float = WINDOW_WIDTH) -> None:
        self.length, self.width = length, width
        super().__init__(env)

    def reset(self, num_envs: int, seed: int | None = None) -> None:
        """An empty window."""
        super().reset(num_envs, seed)
        self.time = 0
        self.arms = np.zeros((self.length, num_envs), np.int64)
        self.payments = np.zeros((self.length, num_envs))

    def score(self, core: Any, rng: np.random.Generator) -> Array:
        """Upper bounds from the window."""
        return _upper(self.pulls, self.sums, self.width * core.config.noise)

    def learn(self, rows: Array, arm: Array, paid: Array) -> None:
        """The oldest pull leaves the window, the last one enters it."""
        place = self.time % self.length
        if self.time >= self.length:
            self.pulls[rows, self.arms[place]] -= 1
            self.sums[rows, self.arms[place]] -= self.payments[place]
        self.arms[place], self.payments[place] = arm, paid
        self.pulls[rows, arm] += 1
        self.sums[rows, arm] += paid
        self.time += 1


def _upper(pulls: Array, sums: Array, width: float) -> Array:
    """Mean + width √(2 ln t / n), with t pulls in all; infinite for arms that are not remembered."""
    total, known = np.maximum(pulls.sum(axis=1, keepdims=True), 1), np.maximum(pulls, 1e-9)
    return np.where(pulls > 1e-9, sums / known + width * np.sqrt(2 * np.log(total) / known), np.inf)


greedy = partial(Scored, score=mean)
epsilon_greedy = partial(Scored, score=mean, epsilon=EPSILON)
upper_bound = partial(Scored, score=ucb1)
beta_sampling = partial(Scored, score=thompson_beta)
normal_sampling = partial(Scored, score=thompson_normal)
linear_upper_bound = partial(Scored, score=linucb)
linear_sampling = partial(Scored, score=thompson_linear)
oracle = partial(Scored, score=best)
gradient_bandit = Gradient
gradient_without_baseline = partial(Gradient, baseline=False)
constant_step = partial(Recent, epsilon=RECENT_EPSILON)

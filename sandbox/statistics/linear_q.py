"""Values that are linear in random features, solved by least squares from logged steps.

    θ solves  Σ φ(s, a) (φ(s, a) - γ φ(s', π(s')))ᵀ θ = Σ φ(s, a) r

(LSTD-Q: Lagoudakis & Parr 2003, section 5.2; the fixed point of fitted Q evaluation with linear
functions.) Sums are kept by blocks of episodes, so that a bootstrap over episodes only adds blocks and
solves again (Hao et al. 2021, arXiv 2102.03607).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Reals: TypeAlias = NDArray[np.float64]
Whole: TypeAlias = NDArray[np.int64]
Masks: TypeAlias = NDArray[np.bool_]

RIDGE = 1e-2
"""Weight of the prior, as a share of the mean of the diagonal."""

BOUND = 5.0
"""Inputs further than this many deviations from the mean are held there."""


@dataclass(frozen=True, eq=False)
class Steps:
    """Logged steps as the solver takes them.

    Attributes:
        seen: Flattened observations, shape ``(N, d)``.
        following: The same after the step.
        action: Choices from 0 on, int64 of shape ``(N,)``; or flattened continuous actions, ``(N, k)``.
        reward: Shape ``(N,)``.
        goes_on: 0 where the process ended with the step, shape ``(N,)``.
        episode: Number of each step's episode, from 0 on and never falling, shape ``(N,)``.
        count: Choices that there are; 0 for continuous actions.
        mask: Allowed choices at ``seen``, shape ``(N, count)``, or None.
        next_mask: At ``following``, or None.
    """

    seen: Reals
    following: Reals
    action: NDArray[np.generic]
    reward: Reals
    goes_on: Reals
    episode: Whole
    count: int
    mask: Masks | None = None
    next_mask: Masks | None = None

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def first(self) -> Whole:
        """The first step of every episode."""
        return np.flatnonzero(np.diff(self.episode, prepend=-1)).astype(np.int64)

    @property
    def last(self) -> Whole:
        """The last step of every episode."""
        return np.append(self.first[1:], len(self)).astype(np.int64) - 1


class FeatureMap(Protocol):
    """Features of observations and of observations with actions.

    Attributes:
        count: Choices that there are; 0 for continuous actions.
        size: Features of an observation.
    """

    count: int
    size: int

    def of_seen(self, seen: Reals) -> Reals:
        """Shape ``(n, size)``."""
        ...

    def of_pairs(self, seen: Reals, action: NDArray[np.generic]) -> Reals:
        """Shape ``(n, D)``; for choices D is ``count · size``."""
        ...


class Features:
    """Random features of observations and actions, scaled by what was logged.

    An observation's are 1, the scaled numbers z, their squares, and tanh(W z + b) with random W and b
    (Rahimi & Recht 2008 for random features). With discrete actions each has weights of its own;
    continuous actions are further inputs.

    Args:
        steps: Whose mean and deviation scale the inputs.
        number: Of random features.
        seed: Draws them.
    """

    def __init__(self, steps: Steps, number: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.count = steps.count
        self._mean, self._deviation = _scale(steps.seen)
        inputs = steps.seen.shape[1]
        self._of_seen = _layer(rng, inputs, number)
        self.size = 1 + 2 * inputs + number
        if not self.count:
            action = _as_rows(steps.action)
            self._action_mean, self._action_deviation = _scale(action)
            together = inputs + action.shape[1]
            self._of_pair = _layer(rng, together, number)

    def of_seen(self, seen: Reals) -> Reals:
        """Features of observations, shape ``(n, size)``."""
        z = np.clip((seen - self._mean) / self._deviation, -BOUND, BOUND)
        weights, shift = self._of_seen
        return np.concatenate([np.ones((len(z), 1)), z, z**2, np.tanh(z @ weights + shift)], 1)

    def of_pairs(self, seen: Reals, action: NDArray[np.generic]) -> Reals:
        """Features of observations with actions, shape ``(n, pairs)``."""
        if self.count:
            return by_choice(self.of_seen(seen), action, self.count)
        z = np.clip((seen - self._mean) / self._deviation, -BOUND, BOUND)
        torque = (_as_rows(action) - self._action_mean) / self._action_deviation
        inputs = np.concatenate([z, np.clip(torque, -BOUND, BOUND)], 1)
        rows, columns = np.triu_indices(inputs.shape[1])
        products = inputs[:, rows] * inputs[:, columns]
        weights, shift = self._of_pair
        return np.concatenate([np.ones((len(z), 1)), inputs, products, np.tanh(inputs @ weights + shift)], 1)


def by_choice(values: Reals, action: NDArray[np.generic], count: int) -> Reals:
    """Features of observations at the place of the choice that was made, zeros at the others."""
    table = np.zeros((len(values), count, values.shape[1]))
    table[np.arange(len(values)), np.asarray(action, np.int64)] = values
    return table.reshape(len(values), -1)


def _layer(rng: np.random.Generator, inputs: int, number: int) -> tuple[Reals, Reals]:
    weights = rng.standard_normal((inputs, number)) * (1.5 / np.sqrt(inputs))
    return weights, rng.uniform(-2, 2, number)


def _scale(values: Reals) -> tuple[Reals, Reals]:
    deviation = values.std(0)
    return values.mean(0), np.where(deviation > 1e-9, deviation, 1.0)


def _as_rows(action: NDArray[np.generic]) -> Reals:
    return np.asarray(action, np.float64).reshape(len(action), -1)


@dataclass(frozen=True, eq=False)
class System:
    """Sums of a linear system by blocks of episodes.

    Attributes:
        left: Shape ``(blocks, D, D)``.
        right: Shape ``(blocks, D)``.
        gram: Mean of the diagonal of Σ φ φᵀ of a block.
    """

    left: Reals
    right: Reals
    gram: float

    def solve(self, weight: Reals, prior: Reals, ridge: float = RIDGE) -> Reals:
        """θ of a weighted sum of the blocks; directions without data stay at the prior."""
        left = np.tensordot(weight, self.left, 1)
        missing = weight @ self.right - left @ prior
        left[np.diag_indices_from(left)] += ridge * self.gram * weight.sum() + 1e-12
        solution: Reals = prior + np.linalg.solve(left, missing)
        return solution


def system(now: Reals, then: Reals, steps: Steps, gamma: float, blocks: Whole) -> System:
    """Sums over blocks.

    Args:
        now: Features before each step, shape ``(N, D)``.
        then: Features after it, of the action that the policy would take.
        steps: The steps.
        gamma: Discount factor.
        blocks: Block of every step, from 0 on and never falling.
    """
    change = now - gamma * steps.goes_on[:, None] * then
    cuts = np.flatnonzero(np.diff(blocks)) + 1
    parts = list(zip(np.split(now, cuts), np.split(change, cuts), np.split(steps.reward, cuts), strict=True))
    left = np.stack([phi.T @ delta for phi, delta, _ in parts])
    right = np.stack([phi.T @ reward for phi, _, reward in parts])
    return System(left, right, float((now**2).sum() / now.shape[1] / len(parts)))


def block_of(steps: Steps, blocks: int) -> Whole:
    """Block of every step: whole episodes, as evenly as they can be shared out."""
    episodes = int(steps.episode[-1]) + 1
    return np.asarray(steps.episode * min(blocks, episodes) // episodes, np.int64)


def state_values(features: FeatureMap, steps: Steps, gamma: float) -> Reals:
    """θ of the behaviour's values V(s), by least squares (LSTD; Bradtke & Barto 1996)."""
    now, then = features.of_seen(steps.seen), features.of_seen(steps.following)
    sums = system(now, then, steps, gamma, np.zeros(len(steps), np.int64))
    # A pull to 0 would be multiplied by 1/(1 - γ), and values of 0 look good where rewards are costs.
    return sums.solve(np.ones(1), np.zeros(features.size), ridge=1e-6)


def without_preference(features: FeatureMap, steps: Steps, values: Reals) -> Reals:
    """θ of Q(s, a) = V(s) for every action: the prior, by which no action is better than another."""
    if features.count:
        return np.tile(values, features.count)
    target = features.of_seen(steps.seen) @ values
    pairs = features.of_pairs(steps.seen, steps.action)
    square = pairs.T @ pairs
    square[np.diag_indices_from(square)] += 1e-6 * np.trace(square) / len(square)
    return np.asarray(np.linalg.solve(square, pairs.T @ target), np.float64)


Choose: TypeAlias = Callable[[Reals, Masks | None], NDArray[np.generic]]
"""Actions of a policy, in the form of `Steps.action`, for rows of flattened observations and their masks."""


def greedy(features: FeatureMap, theta: Reals) -> Choose:
    """The discrete policy that takes the action of the largest value."""

    def choose(seen: Reals, mask: Masks | None) -> Whole:
        values = features.of_seen(seen) @ theta.reshape(features.count, features.size).T
        if mask is not None:
            values = np.where(mask, values, -np.inf)
        best: Whole = values.argmax(1).astype(np.int64)
        return best

    return choose

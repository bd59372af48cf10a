"""Bandits as arrays: a row is an episode of T pulls, an episode is one draw of K arms.

All that is random in an episode is drawn when it begins, so that every agent meets the same arms, the
same luck at the same pull and, where there are any, the same contexts and changes of cooks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api import ObservationField, Rewards, RewardTerm, batched
from sandbox_bandits.config import (
    BanditConfig,
    BernoulliConfig,
    ContextualConfig,
    GaussianConfig,
    RestaurantsConfig,
)

Array = NDArray[Any]

LIMIT = 10.0
"""Observed payments are clipped to ± this."""


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of every row.

    Attributes:
        paid: What the arm paid.
        regret: Mean of the best arm less the mean of the arm that was pulled, unknown to the agent.
        best: Whether it was the best arm.
    """

    paid: Array
    regret: Array
    best: Array


REWARDS = Rewards(
    [
        RewardTerm("paid", weight=1.0, description="what the arm paid"),
        RewardTerm("regret", description="best mean less the mean of the pulled arm"),
        RewardTerm("best", description="1 if the best arm was pulled"),
    ],
    presets={"regret": {"paid": 0.0, "regret": -1.0}},
    default="paid",
)


class Bandit:
    """What the four have in common; see `sandbox.api.BatchedCore`.

    - Observation: what is believed of each arm, ``(K,)``; how unsure that is, ``(K,)``, from 1 (nothing is
      known) towards 0; share of the pulls that are over. Bandits may show more after that.
    - Action: the arm.
    - The last pull terminates: nothing is left to be earned, and the share tells when it comes.

    Attributes:
        means: Expected payment of every arm at the next pull, ``(num_envs, K)``; agents do not see it.
        pulls, sums: How often each arm was pulled and what it paid in all, ``(num_envs, K)``.
        steps: Pulls so far, ``(num_envs,)``.
        last_arm, last_paid: The last pull, ``(num_envs,)``.
    """

    believes = (
        "mean payment so far",
        f"of what the arm has paid, 0 before its first pull; at most {LIMIT:g}",
    )
    unsure = "1/√(1 + pulls of the arm): 1 if nothing is known, towards 0 with many pulls"
    more = 0
    """Numbers that an observation ends with."""
    low = -LIMIT
    """Least payment that is observed."""

    def __init__(self, config: BanditConfig, num_envs: int) -> None:
        self.config = config
        shape = (num_envs, config.arms)
        self.rows = np.arange(num_envs)
        self.means, self.pulls, self.sums = np.zeros((3, *shape))
        self.luck = np.zeros((num_envs, config.horizon))
        self.steps, self.last_arm = np.zeros((2, num_envs), np.int64)
        self.last_paid, self.regret, self.best = np.zeros((3, num_envs))
        low = [self.low] * config.arms + [0.0] * (config.arms + 1) + [-1.0] * self.more
        high = [-self.low or 1.0] * config.arms + [1.0] * (config.arms + 1 + self.more)
        self.observation_space = gym.spaces.Box(np.array(low, np.float32), np.array(high, np.float32))
        self.action_space = gym.spaces.Discrete(config.arms)

    def fields(self) -> list[ObservationField]:
        """What the numbers of an observation are."""
        arms = tuple(f"arm {arm + 1}" for arm in range(self.config.arms))
        return [
            ObservationField(self.believes[0], "payment", self.believes[1], arms),
            ObservationField("how unsure that is", "1", self.unsure, arms),
            ObservationField("pulls that are over", "episode", "share of the episode's pulls, 0 to 1"),
        ]

    def begin(self, row: int, rng: np.random.Generator) -> None:
        for totals in (self.pulls, self.sums, self.steps, self.regret, self.best):
            totals[row] = 0
        self.deal(row, rng)

    def step(self, actions: Array) -> Pull:
        pulled = (self.rows, actions)
        gap = self.means.max(axis=1) - self.means[pulled]
        paid = self.pay(self.means[pulled], self.luck[self.rows, self.steps])
        self.last_arm, self.last_paid = actions.copy(), paid
        self.pulls[pulled] += 1
        self.sums[pulled] += paid
        self.steps = self.steps + 1
        best = (gap == 0).astype(np.float64)
        self.regret, self.best = self.regret + gap, self.best + best
        self.go_on()
        return Pull(paid, gap, best)

    def observe(self) -> Array:
        believed, unsure = self.beliefs()
        over = self.steps[:, None] / self.config.horizon
        return np.concatenate([np.clip(believed, self.low, LIMIT), unsure, over], axis=1, dtype=np.float32)

    def ends(self) -> tuple[Any, Any]:
        return self.steps >= self.config.horizon, False

    def metrics(self, row: int) -> dict[str, float]:
        steps = self.steps[row]
        return {
            "regret": float(self.regret[row]),
            "best_arm": float(100 * self.best[row] / steps),
            "reward": float(self.sums[row].sum() / steps),
        }

    def beliefs(self) -> tuple[Array, Array]:
        """What is believed of each arm, 0 before the first pull, and how unsure that is: 1/√(1 + pulls)."""
        return self.sums / np.maximum(self.pulls, 1), 1 / np.sqrt(1 + self.pulls)

    def deal(self, row: int, rng: np.random.Generator) -> None:
        """Draw the arms and the luck of an episode."""
        raise NotImplementedError

    def redraw(self, row: int, rng: np.random.Generator) -> None:
        """Draw the luck of all coming pulls again; the arms stay what they are."""
        coming = self.luck[row, self.steps[row] :]
        coming[:] = self.draw_luck(len(coming), rng)

    def draw_luck(self, pulls: int, rng: np.random.Generator) -> Array:
        """The luck of some pulls."""
        raise NotImplementedError

    def pay(self, mean: Array, luck: Array) -> Array:
        """What arms of some means pay with some luck."""
        raise NotImplementedError

    def go_on(self) -> None:
        """Whatever changes between two pulls."""


class Bernoulli(Bandit):
    """Arm a pays 1 with probability means[a], else nothing."""

    config: BernoulliConfig
    low = 0.0

    def deal(self, row: int, rng: np.random.Generator) -> None:
        means, arms = self.config.means, self.config.arms
        self.means[row] = rng.random(arms) if means is None else rng.permutation(means)
        self.luck[row] = self.draw_luck(self.config.horizon, rng)

    def draw_luck(self, pulls: int, rng: np.random.Generator) -> Array:
        return rng.random(pulls)

    def pay(self, mean: Array, luck: Array) -> Array:
        return (luck < mean).astype(np.float64)


class Gaussian(Bandit):
    """Arm a pays N(means[a], noise²); the means are N(centre, spread²)."""

    config: GaussianConfig

    def deal(self, row: int, rng: np.random.Generator) -> None:
        self.means[row] = rng.normal(self.config.centre, self.config.spread, self.config.arms)
        self.luck[row] = self.draw_luck(self.config.horizon, rng)

    def draw_luck(self, pulls: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal(pulls)

    def pay(self, mean: Array, luck: Array) -> Array:
        return mean + self.config.noise * luck


class Restaurants(Gaussian):
    """Like `Gaussian`, but every evening each restaurant may get a new cook, whose mean is drawn afresh.

    What is believed of a restaurant is its last payment, how unsure that is 1 - 1/√(1 + evenings since).
    """

    config: RestaurantsConfig
    believes = ("last payment", f"of the restaurant, 0 before the first visit; at most {LIMIT:g}")
    unsure = "1 − 1/√(1 + evenings since the last visit): 1 if it was never visited"

    def __init__(self, config: RestaurantsConfig, num_envs: int) -> None:
        super().__init__(config, num_envs)
        self.qualities = np.zeros((num_envs, config.horizon, config.arms))
        self.lately, self.visited = np.zeros((2, num_envs, config.arms))

    def deal(self, row: int, rng: np.random.Generator) -> None:
        super().deal(row, rng)
        self._hire(self.qualities[row], self.means[row], rng)
        self.lately[row], self.visited[row] = 0, -np.inf

    def redraw(self, row: int, rng: np.random.Generator) -> None:
        """Draw the luck and the cooks of all coming evenings again; tonight's cooks stay."""
        super().redraw(row, rng)
        evening = min(int(self.steps[row]), self.config.horizon - 1)
        self._hire(self.qualities[row, evening:], self.means[row], rng)

    def _hire(self, qualities: Array, tonight: Array, rng: np.random.Generator) -> None:
        """Draw who cooks on evenings of which the first is tonight, in place."""
        new = rng.random(qualities.shape) < self.config.change
        cooks = rng.normal(self.config.centre, self.config.spread, qualities.shape)
        cooks[0] = tonight
        since = np.maximum.accumulate(np.where(new, np.arange(len(new))[:, None], 0))
        qualities[:] = np.take_along_axis(cooks, since, axis=0)

    def go_on(self) -> None:
        self.lately[self.rows, self.last_arm] = self.last_paid
        self.visited[self.rows, self.last_arm] = self.steps
        self.means = self.qualities[self.rows, np.minimum(self.steps, self.config.horizon - 1)]

    def beliefs(self) -> tuple[Array, Array]:
        return self.lately, 1 - 1 / np.sqrt(1 + self.steps[:, None] - self.visited)


class Contextual(Gaussian):
    """Arm a pays N(θₐ·x, noise²); x is seen before the pull. θₐ is N(centre, spread²), x is of length 1.

    What is believed of an arm is the ridge regression of what it paid, at x; how unsure that is √(xᵀA⁻¹x),
    A = I + Σ x xᵀ over its pulls. The context ends the observation.
    """

    config: ContextualConfig
    believes = (
        "expected payment",
        f"ridge regression of what the arm paid, at the present context; at most {LIMIT:g}",
    )
    unsure = "√(xᵀA⁻¹x) at the present context x: 1 if nothing is known, towards 0 with many pulls"

    def __init__(self, config: ContextualConfig, num_envs: int) -> None:
        self.more = config.features
        super().__init__(config, num_envs)
        shape = (num_envs, config.arms, config.features)
        self.weights, self.moments = np.zeros((2, *shape))
        self.inverse = np.zeros((*shape, config.features))
        self.contexts = np.zeros((num_envs, config.horizon, config.features))
        self.context = np.zeros((num_envs, config.features))

    def deal(self, row: int, rng: np.random.Generator) -> None:
        super().deal(row, rng)
        self.weights[row] = rng.normal(self.config.centre, self.config.spread, self.weights[row].shape)
        self._draw_contexts(self.contexts[row], rng)
        self.moments[row], self.inverse[row] = 0, np.eye(self.config.features)
        self.context[row] = self.contexts[row, 0]
        self.means[row] = self.weights[row] @ self.context[row]

    def redraw(self, row: int, rng: np.random.Generator) -> None:
        """Draw the luck of all coming pulls and the contexts after the present one again."""
        super().redraw(row, rng)
        self._draw_contexts(self.contexts[row, self.steps[row] + 1 :], rng)

    @staticmethod
    def _draw_contexts(contexts: Array, rng: np.random.Generator) -> None:
        """Directions of length 1, in place."""
        directions = rng.standard_normal(contexts.shape)
        contexts[:] = directions / np.linalg.norm(directions, axis=1, keepdims=True)

    def go_on(self) -> None:
        pulled, x = (self.rows, self.last_arm), self.context
        gain = np.einsum("rij,rj->ri", self.inverse[pulled], x)
        scale = 1 + np.einsum("ri,ri->r", gain, x)
        self.inverse[pulled] -= gain[:, :, None] * gain[:, None] / scale[:, None, None]  # Sherman-Morrison
        self.moments[pulled] += self.last_paid[:, None] * x
        self.context = self.contexts[self.rows, np.minimum(self.steps, self.config.horizon - 1)]
        self.means = np.einsum("rad,rd->ra", self.weights, self.context)

    def beliefs(self) -> tuple[Array, Array]:
        along = np.einsum("raij,rj->rai", self.inverse, self.context)
        believed = np.einsum("rai,rai->ra", along, self.moments)
        return believed, np.sqrt(np.einsum("rai,ri->ra", along, self.context))

    def fields(self) -> list[ObservationField]:
        """What the numbers of an observation are."""
        features = tuple(f"feature {place + 1}" for place in range(self.config.features))
        meaning = "direction of length 1 that is drawn before each pull, −1 to 1"
        return [*super().fields(), ObservationField("context", "1", meaning, features)]

    def observe(self) -> Array:
        return np.concatenate([super().observe(), self.context], axis=1, dtype=np.float32)


def observation_fields(env: Any) -> list[ObservationField]:
    """What the numbers of an observation are."""
    core: Bandit = env.core
    return core.fields()


bernoulli, bernoulli_vec = batched(Bernoulli)
gaussian, gaussian_vec = batched(Gaussian)
contextual, contextual_vec = batched(Contextual)
restaurants, restaurants_vec = batched(Restaurants)

"""A bandit is a Markov decision process in what is known of it (Bellman 1956).

With chances drawn from 0 to 1, all alike likely, an arm that paid s times in n pulls pays next with
probability (1 + s) / (2 + n): Laplace's rule of succession. So the counts are all that matters of the
past, and how much exploration is worth its price can be computed.
"""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api import FiniteModel, InvalidValueError, RewardSpec
from sandbox_bandits.config import BernoulliConfig

MAX_STATES = 200_000

Counts = NDArray[np.int64]


def finite_model(config: BernoulliConfig, reward: RewardSpec) -> FiniteModel:
    """The counts of successes and failures of every arm as states, those with T pulls terminal.

    Raises:
        InvalidValueError: If the means are given, the reward is not what the arms pay, or there are too
            many states.
    """
    arms, horizon = config.arms, config.horizon
    if config.means is not None:
        raise InvalidValueError(
            "Given means make no process of counts: what is best would be known beforehand.",
            "Draw them with config.means=null.",
        )
    if any(weight for name, weight in reward.weights.items() if name != "paid"):
        raise InvalidValueError("The finite model knows what arms pay, and no other term of the reward.")
    states = comb(horizon + 2 * arms, 2 * arms)
    if states > MAX_STATES:
        raise InvalidValueError(
            f"{arms} arms and {horizon} pulls have {states:,} states; at most {MAX_STATES:,} are allowed.",
            "Lower config.arms or config.horizon; two arms may have 40 pulls, three 17.",
        )
    counts = all_counts(2 * arms, horizon)
    powers = (horizon + 1) ** np.arange(2 * arms)
    order = np.argsort(counts @ powers)
    codes = (counts @ powers)[order]

    def index(wanted: Counts) -> Counts:
        found: Counts = order[np.minimum(np.searchsorted(codes, wanted @ powers), len(codes) - 1)]
        return found

    successes, failures = counts[:, :arms], counts[:, arms:]
    chances = (1 + successes) / (2 + successes + failures)
    terminal = counts.sum(axis=1) == horizon
    following = counts[:, None, None] + _one_more(arms)
    return FiniteModel(
        successors=np.where(terminal[:, None, None], np.arange(states)[:, None, None], index(following)),
        probabilities=np.stack([chances, 1 - chances], axis=2),
        rewards=reward.weights["paid"] * chances,
        initial=(counts.sum(axis=1) == 0).astype(np.float64),
        actions=np.arange(arms),
        state_index=lambda seen: index(counts_of(seen, arms)),
        observe=lambda rows: observed(counts[rows], horizon),
        terminal=terminal,
    )


def all_counts(entries: int, total: int) -> Counts:
    """All rows of whole numbers from 0 that sum to at most ``total``, those with small sums first."""
    rows = np.zeros((1, 0), np.int64)
    for _ in range(entries):
        left = total - rows.sum(axis=1)
        repeats = np.repeat(np.arange(len(rows)), left + 1)
        last = np.concatenate([np.arange(count + 1) for count in left.tolist()])
        rows = np.column_stack([rows[repeats], last])
    return rows[np.argsort(rows.sum(axis=1), kind="stable")]


def observed(counts: Counts, horizon: int) -> Any:
    """What `sandbox_bandits.core.Bernoulli` shows of these counts."""
    arms = counts.shape[1] // 2
    pulls = counts[:, :arms] + counts[:, arms:]
    believed, unsure = counts[:, :arms] / np.maximum(pulls, 1), 1 / np.sqrt(1 + pulls)
    over = pulls.sum(axis=1, keepdims=True) / horizon
    return np.concatenate([believed, unsure, over], axis=1, dtype=np.float32)


def counts_of(observation: Any, arms: int) -> Counts:
    """The counts behind observations."""
    seen = np.asarray(observation, np.float64)
    pulls = np.rint(seen[:, arms : 2 * arms] ** -2.0 - 1).astype(np.int64)
    successes = np.rint(seen[:, :arms] * pulls).astype(np.int64)
    return np.concatenate([successes, pulls - successes], axis=1)


def _one_more(arms: int) -> Counts:
    """What a success and a failure of each arm add to the counts, shape ``(K, 2, 2 K)``."""
    more = np.zeros((arms, 2, 2 * arms), np.int64)
    for arm in range(arms):
        more[arm, 0, arm] = more[arm, 1, arms + arm] = 1
    return more

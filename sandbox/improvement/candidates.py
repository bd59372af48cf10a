"""Logs as the estimators take them, and what policies would have done in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from sandbox.api.data import Dataset, take_rows
from sandbox.api.errors import MisfitError
from sandbox.api.policy import Policy
from sandbox.api.types import Array, Space
from sandbox.datasets.places import LINES
from sandbox.improvement.checks import columns
from sandbox.improvement.estimators import Decisions
from sandbox.statistics.linear_q import Steps

ROWS = 4096
"""Observations that a policy is asked about at a time."""


def steps_of(dataset: Dataset, action_space: Space) -> Steps:
    """A log as the estimators take it.

    Raises:
        MisfitError: For actions that are neither choices nor numbers.
    """
    steps = dataset.batch(slice(None))
    count = 0
    action: Array = np.asarray(steps.action)
    if isinstance(action_space, gym.spaces.Discrete):
        count, action = int(action_space.n), action.reshape(-1) - int(action_space.start)
    elif not isinstance(action_space, gym.spaces.Box):
        raise MisfitError(
            f"Policies over {type(action_space).__name__} actions are not evaluated from logs.",
            "Discrete and Box actions are.",
        )
    seen, following = (
        np.stack([values for _, values in columns(dataset, rows)], 1)
        for rows in (steps.observation, steps.next_observation)
    )
    return Steps(
        seen=seen,
        following=following,
        action=action,
        reward=steps.reward,
        goes_on=(~steps.terminated).astype(np.float64),
        episode=dataset.episode_of,
        count=count,
        mask=steps.mask,
        next_mask=steps.next_mask,
    )


def decisions_of(policy: Policy, dataset: Dataset, action_space: Space) -> Decisions:
    """What a policy does at every logged step and after it, at its mode."""
    steps = dataset.batch(slice(None))
    start = int(getattr(action_space, "start", 0)) if isinstance(action_space, gym.spaces.Discrete) else 0
    now, then = (
        _acts(policy, observation, mask) - start
        for observation, mask in ((steps.observation, steps.mask), (steps.next_observation, steps.next_mask))
    )
    return Decisions(now, then)


def _acts(policy: Policy, observations: Any, mask: NDArray[np.bool_] | None) -> Any:
    rows = len(next(iter(observations.values())) if isinstance(observations, dict) else observations)
    parts = []
    for start in range(0, rows, ROWS):
        chosen = slice(start, start + ROWS)
        batch = take_rows(observations, chosen)
        policy.reset(len(range(rows)[chosen]), seed=0)
        parts.append(np.asarray(policy.act(batch, None if mask is None else mask[chosen])))
    return np.concatenate(parts)


def split(dataset: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    """Two halves of a log by whole episodes, at random: one to learn from, one to judge by."""
    order = np.random.default_rng(seed).permutation(dataset.num_episodes)
    half = dataset.num_episodes // 2
    return episodes_of(dataset, np.sort(order[:half])), episodes_of(dataset, np.sort(order[half:]))


def episodes_of(dataset: Dataset, chosen: Sequence[int] | NDArray[np.int64]) -> Dataset:
    """Some episodes of a log, in the order asked for."""
    steps = np.concatenate([dataset.starts[e] + np.arange(dataset.lengths[e]) for e in chosen])
    seen = np.concatenate([dataset.starts[e] + e + np.arange(dataset.lengths[e] + 1) for e in chosen])
    return replace(
        dataset,
        observations=take_rows(dataset.observations, seen),
        actions=dataset.actions[steps],
        rewards=dataset.rewards[steps],
        terminated=dataset.terminated[steps],
        truncated=dataset.truncated[steps],
        lengths=dataset.lengths[np.asarray(chosen)],
        masks=None if dataset.masks is None else dataset.masks[seen],
        probabilities=None if dataset.probabilities is None else dataset.probabilities[steps],
        facts={name: fact for name, fact in dataset.facts.items() if name != LINES},
    )

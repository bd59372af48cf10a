"""What was logged: steps of a batch, and whole datasets of episodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[np.generic]
Observations: TypeAlias = Array | dict[str, Array]
"""A batch of observations: shape ``(rows, *observation_shape)``, a dict of such arrays for a Dict space."""


def take_rows(observations: Observations, rows: Array | slice) -> Observations:
    """Some rows of a batch of observations, in the order asked for."""
    if isinstance(observations, dict):
        return {key: cast("Array", take_rows(part, rows)) for key, part in observations.items()}
    chosen: Array = observations[rows]
    return chosen


@dataclass(frozen=True, slots=True, eq=False)
class Transitions:
    """A batch of n steps, each from what was seen to what was seen next.

    Attributes:
        observation: What the action was chosen by, n rows.
        action: Shape ``(n, *action_shape)``.
        reward: Shape ``(n,)``.
        terminated: Whether the process itself ended with this step, shape ``(n,)``: then nothing follows.
        truncated: Whether a limit cut the episode off after this step, shape ``(n,)``: then the value of
            ``next_observation`` still counts.
        next_observation: What was seen after the step, n rows; at the end of an episode its true last
            observation, never the first one of the next.
        mask: Actions that were allowed, shape ``(n, m)``, or None; see docs/reference/layouts.md for m.
        next_mask: Actions that are allowed next, or None.
        probability: How likely the behaviour was to take this action, shape ``(n,)``, or None.
    """

    observation: Observations
    action: Array
    reward: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    next_observation: Observations
    mask: NDArray[np.bool_] | None = None
    next_mask: NDArray[np.bool_] | None = None
    probability: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.reward)


@dataclass(frozen=True, eq=False)
class Dataset:
    """E logged episodes with N steps in all, one episode after the other.

    An episode of T steps has T + 1 observations, so there are N + E of them. The core has checked
    before training that a dataset fits the task's spaces and that every number is finite.

    Attributes:
        observations: N + E rows.
        actions: Shape ``(N, *action_shape)``, as the task takes them.
        rewards: Shape ``(N,)``.
        terminated: Shape ``(N,)``; see `Transitions`.
        truncated: Shape ``(N,)``; an episode whose log simply stops is truncated there.
        lengths: Steps of every episode, shape ``(E,)``, each at least 1.
        masks: Allowed actions beside every observation, shape ``(N + E, m)``, or None.
        probabilities: How likely the behaviour was to take each action, shape ``(N,)``, or None.
        path: Where it was read.
        digest: SHA-256 of the files it was read from.
        facts: What its maker wrote down, such as ``agent`` and ``scenario_hash``.
    """

    observations: Observations
    actions: Array
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    lengths: NDArray[np.int64]
    masks: NDArray[np.bool_] | None = None
    probabilities: NDArray[np.float64] | None = None
    path: Path = Path()
    digest: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        """N, the number of steps."""
        return len(self.rewards)

    @property
    def num_episodes(self) -> int:
        """E."""
        return len(self.lengths)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """First step of every episode, shape ``(E,)``."""
        return np.concatenate(([0], np.cumsum(self.lengths)[:-1])).astype(np.int64)

    @cached_property
    def episode_of(self) -> NDArray[np.int64]:
        """Episode that each step belongs to, shape ``(N,)``."""
        return np.repeat(np.arange(self.num_episodes), self.lengths)

    @cached_property
    def returns(self) -> NDArray[np.float64]:
        """Undiscounted return of every episode, shape ``(E,)``."""
        return np.bincount(self.episode_of, self.rewards, self.num_episodes).astype(np.float64)

    def batch(self, steps: Array | slice) -> Transitions:
        """The steps with these numbers (0 to N - 1), in this order; copies, unless a slice is asked for."""
        rows: NDArray[np.int64]
        rows = (
            np.arange(*steps.indices(len(self))) if isinstance(steps, slice) else np.asarray(steps, np.int64)
        )
        seen: NDArray[np.int64] = rows + self.episode_of[rows]
        return Transitions(
            observation=take_rows(self.observations, seen),
            action=self.actions[steps],
            reward=self.rewards[steps],
            terminated=self.terminated[steps],
            truncated=self.truncated[steps],
            next_observation=take_rows(self.observations, seen + 1),
            mask=None if self.masks is None else self.masks[seen],
            next_mask=None if self.masks is None else self.masks[seen + 1],
            probability=None if self.probabilities is None else self.probabilities[steps],
        )

    def episode(self, number: int) -> Transitions:
        """The steps of an episode, in their order."""
        first = int(self.starts[number])
        return self.batch(slice(first, first + int(self.lengths[number])))

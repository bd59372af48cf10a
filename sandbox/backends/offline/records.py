"""Recorded steps as the networks take them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from sandbox.api.data import Dataset
from sandbox.api.errors import MisfitError
from sandbox.api.types import Array, Space
from sandbox.backends.actors.distributions import Distribution, Gaussian
from sandbox.backends.actors.labels import raw_actions
from sandbox.backends.actors.observations import flatten
from sandbox.backends.actors.policy import ActorPolicy

MAX_ACTION = 1.0
"""Recorded actions of a bounded space are held within its bounds, in half widths from the middle: software
that rounds leaves values just outside, where a squashed policy has no likelihood."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Steps of an update.

    Attributes:
        seen: Inputs of the networks, shape ``(n, size)``.
        following: The same after the step.
        action: Choices from 0 on, int64 of shape ``(n, 1)``; or actions in half widths from the middle of
            their range, float32 of shape ``(n, k)``.
        reward: In units of `Records.unit`, shape ``(n,)``.
        goes_on: 0 where the process ended with the step, shape ``(n,)``; a limit does not end it.
        mask: Actions that were allowed, shape ``(n, m)``, or None.
        next_mask: Actions that are allowed next, or None.
    """

    seen: torch.Tensor
    following: torch.Tensor
    action: torch.Tensor
    reward: torch.Tensor
    goes_on: torch.Tensor
    mask: torch.Tensor | None
    next_mask: torch.Tensor | None

    def __len__(self) -> int:
        return len(self.reward)


class Records:
    """All recorded steps.

    Args:
        dataset: What was recorded.
        policy: The one that learns; gives the layout of observations and actions.
        fit_normaliser: Whether its normaliser takes the mean and deviation of the recorded observations.
        normalize_reward: Whether rewards are divided by the deviation of the recorded ones.

    Attributes:
        unit: What rewards are divided by.
    """

    def __init__(
        self, dataset: Dataset, policy: ActorPolicy, fit_normaliser: bool, normalize_reward: bool
    ) -> None:
        steps = dataset.batch(slice(None))
        self._policy = policy
        space = policy.observation_space
        self._rows, self._following = (
            flatten(space, steps.observation),
            flatten(space, steps.next_observation),
        )
        if policy.normaliser is not None and fit_normaliser:
            policy.normaliser.update(self._rows)
        deviation = float(steps.reward.std()) if normalize_reward else 1.0
        self.unit = deviation if deviation > 0 else 1.0
        self._action = torch.from_numpy(recorded_actions(policy.distribution, steps.action))
        self._reward = torch.from_numpy((steps.reward / self.unit).astype(np.float32))
        self._goes_on = torch.from_numpy((~steps.terminated).astype(np.float32))
        self._mask, self._next_mask = (
            None if mask is None else torch.from_numpy(np.ascontiguousarray(mask))
            for mask in (steps.mask, steps.next_mask)
        )

    def __len__(self) -> int:
        return len(self._rows)

    def batch(self, chosen: NDArray[np.int64]) -> Batch:
        """The steps with these numbers."""
        places, policy = torch.from_numpy(chosen), self._policy
        return Batch(
            policy.inputs(self._rows[chosen]),
            policy.inputs(self._following[chosen]),
            self._action[places],
            self._reward[places],
            self._goes_on[places],
            None if self._mask is None else self._mask[places],
            None if self._next_mask is None else self._next_mask[places],
        )


def recorded_actions(distribution: Distribution, actions: Array) -> Array:
    """Recorded actions as `Batch.action` holds them."""
    raw = raw_actions(distribution, actions)
    inside = isinstance(distribution, Gaussian) and distribution.is_scaled
    return np.clip(raw, -MAX_ACTION, MAX_ACTION) if inside else raw


def require_bounded(name: str, space: Space) -> None:
    """Refuse continuous actions without bounds.

    Raises:
        MisfitError: Names the algorithm.
    """
    if isinstance(space, spaces.Box) and not space.is_bounded():
        raise MisfitError(
            f"{name} looks for its actions between bounds, and an action of this task has none.",
            "bc and iql take such actions.",
        )

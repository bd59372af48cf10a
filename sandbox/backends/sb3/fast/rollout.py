"""The transitions of a rollout in the order in which they were collected."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sandbox.api.types import Array, Space
from sandbox.backends.sb3.fast.arrays import Samples


class Rollout:
    """What SB3 keeps in its rollout buffer, as arrays of shape ``(steps, rows, …)``.

    The arguments are those that SB3 makes a rollout buffer with.

    Attributes:
        features: ``(steps, rows, F)``.
        actions: ``(steps, rows, P)``.
        masks: ``(steps, rows, O)``, or ``(steps, rows, 0)``.
        rewards, values, log_probs, advantages, returns: ``(steps, rows)``.
        starts: ``(steps + 1, rows)``, 1 where an episode began with the observation of that step.
    """

    def __init__(
        self,
        steps: int,
        observation_space: Space,
        action_space: Space,
        device: object = "cpu",
        gae_lambda: float = 1,
        gamma: float = 0.99,
        n_envs: int = 1,
    ) -> None:
        del observation_space, action_space, device
        self.steps, self.rows = steps, n_envs
        self.gae_lambda, self.gamma = gae_lambda, gamma

    def allocate(self, features: int, parts: int, mask: int, kind: np.dtype[np.floating]) -> None:
        """Make the arrays, for F = ``features``, P = ``parts`` and masks of size ``mask``."""
        shape = (self.steps, self.rows)
        self.features = np.zeros((*shape, features), kind)
        self.actions = np.zeros((*shape, parts), kind)
        self.masks = np.ones((*shape, mask), np.bool_)
        self.rewards, self.values, self.log_probs = (np.zeros(shape, kind) for _ in range(3))
        self.advantages, self.returns = np.zeros(shape, kind), np.zeros(shape, kind)
        self.starts = np.zeros((self.steps + 1, self.rows), kind)
        # Where each transition of SB3's buffer stands in this one.
        self._places = np.arange(self.steps * self.rows).reshape(shape).T.ravel()

    def samples(self) -> Samples:
        """All transitions, step by step."""
        count = self.steps * self.rows
        return Samples(
            *(
                part.reshape(count, *part.shape[2:])
                for part in (
                    self.features, self.actions, self.masks, self.log_probs, self.values, self.advantages,
                    self.returns,
                )
            )
        )  # fmt: skip

    def order(self) -> NDArray[np.int64]:
        """A random order of the transitions: the one that SB3 draws, whose buffer goes row by row."""
        drawn: Array = np.random.permutation(self.steps * self.rows)
        order: NDArray[np.int64] = self._places[drawn]
        return order

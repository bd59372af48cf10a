"""The environments of a training with what they showed last, stepped as transitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sandbox.api.algorithm import TrainContext
from sandbox.api.data import Array, Observations, Transitions
from sandbox.api.types import Element, Json

Flags = NDArray[np.bool_]

_CARRIED = ("action_mask", "active", "expert_action")


class Interaction:
    """Plays the environments of a `TrainContext` and hands out transitions.

    Where an episode ends, ``next_observation`` is its true last observation, not the first one of the
    next. What is carried from one step to the next is part of a state, so that a stopped training goes
    on where it was.

    Args:
        context: Of the training.
        num_envs: Environments; ``context.num_envs`` if absent.

    Attributes:
        envs: The vector environment; whoever made the context closes it.
        observation: What is seen now.
        info: What came with it, such as ``action_mask`` and ``expert_action``.
    """

    def __init__(self, context: TrainContext, num_envs: int | None = None) -> None:
        self._context = context
        self.envs = context.make_envs(context.num_envs if num_envs is None else num_envs)
        self.observation: Element = None
        self.info: Json = {}
        # Restored environments are in the middle of their episodes and must not be reset.
        if not self.resumed:
            self.restart()

    @property
    def resumed(self) -> bool:
        """Whether the environments were restored in the middle of their episodes."""
        resume = self._context.resume
        return resume is not None and resume.environments

    @property
    def rows(self) -> int:
        """Rows of the batch: an environment each, or an agent each."""
        return self.envs.num_envs

    @property
    def mask(self) -> Flags | None:
        """Actions that are allowed now, or None."""
        mask = self.info.get("action_mask")
        return None if mask is None else np.asarray(mask, np.bool_)

    @property
    def active(self) -> Flags:
        """Rows whose agent takes part in the coming step."""
        active = self.info.get("active")
        return np.ones(self.rows, np.bool_) if active is None else np.asarray(active, np.bool_)

    def restart(self) -> None:
        """Begin new episodes in all environments; those that run are given up."""
        self.observation, self.info = self.envs.reset()

    def step(self, actions: Array) -> Transitions:
        """Step all rows with these actions.

        Returns:
            What happened, one entry a row, those of absent agents included: see `active`, before the step.
        """
        before, mask = _copied(self.observation), self.mask
        observation, reward, terminated, truncated, info = self.envs.step(actions)
        done = np.asarray(terminated, np.bool_) | np.asarray(truncated, np.bool_)
        following = _copied(observation)
        for row in np.flatnonzero(done).tolist():
            _put(following, row, info["final_obs"][row])
        self.observation, self.info = observation, info
        return Transitions(
            observation=before,
            action=np.array(actions),
            reward=np.array(reward, np.float64),
            terminated=np.array(terminated, np.bool_),
            truncated=np.array(truncated, np.bool_),
            next_observation=following,
            mask=mask,
            next_mask=self.mask,
        )

    def get_state(self) -> Json:
        """What is carried from one step to the next, as plain data."""
        info = {name: np.array(self.info[name]) for name in _CARRIED if name in self.info}
        return {"observation": _copied(self.observation), "info": info}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, where the environments are as they were then."""
        if self.resumed:
            self.observation, self.info = state["observation"], dict(state["info"])


def _copied(observation: Element) -> Observations:
    if isinstance(observation, dict):
        return {key: np.array(part) for key, part in observation.items()}
    copy: Array = np.array(observation)
    return copy


def _put(observation: Observations, row: int, value: Any) -> None:
    if isinstance(observation, dict):
        for key, part in observation.items():
            part[row] = value[key]
    else:
        observation[row] = value

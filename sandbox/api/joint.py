"""The environments of a parallel task with the agents apart: steps with an axis of agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.api.algorithm import TrainContext
from sandbox.api.errors import PluginError
from sandbox.api.interaction import Interaction
from sandbox.api.types import Array, Bools, Floats, Json


@dataclass(frozen=True, slots=True, eq=False)
class JointStep:
    """One step of n environments with k agents each.

    Attributes:
        observation: What the actions were chosen by, shape ``(n, k, *observation_shape)``, padded; zero for
            an agent that is absent.
        action: Shape ``(n, k, *action_shape)``; those of absent agents mean nothing.
        reward: Shape ``(n, k)``; 0 for an agent that is absent.
        reward_terms: Unweighted reward terms, each ``(n, k)``.
        present: Who took part in the step, shape ``(n, k)``.
        terminated: Whose part ended by itself in this step, shape ``(n, k)``: nothing follows for the agent.
        truncated: Whose part was cut off by a limit, shape ``(n, k)``: ``next_observation`` has a value.
        over: Environments whose episode ended with this step, shape ``(n,)``.
        next_observation: What was seen after the step, shape ``(n, k, *observation_shape)``: the true last
            observation of an agent whose part ended, never the first one of the next episode.
        mask: Actions that were allowed, shape ``(n, k, m)``, padding excluded, or None for Boxes.
        next_mask: Actions that are allowed next. After an agent's last step nothing is known of it: all its
            own actions then.
    """

    observation: Array
    action: Array
    reward: Floats
    reward_terms: Mapping[str, Floats]
    present: Bools
    terminated: Bools
    truncated: Bools
    over: Bools
    next_observation: Array
    mask: Bools | None
    next_mask: Bools | None


class JointInteraction:
    """Plays the environments of a `TrainContext` with the agents apart; otherwise as `Interaction`.

    For algorithms whose `Capabilities.agents` has ``"joint"``.

    Args:
        context: Of the training.
        num_envs: Environments; ``context.num_envs`` if absent.

    Attributes:
        agents: Who plays.
        rows: The same environments as rows of independent agents.
        num_envs: n, environments.

    Raises:
        PluginError: If the context has no agents.
    """

    def __init__(self, context: TrainContext, num_envs: int | None = None) -> None:
        if context.agents is None:
            raise PluginError(
                "This training has no agents to tell apart.",
                "Let the algorithm's Capabilities have agents=frozenset({'joint'}).",
            )
        self.agents = context.agents
        self.num_envs = context.num_envs if num_envs is None else num_envs
        self.rows = Interaction(context, self.num_envs)
        self._available = self.agents.available(context.action_space)

    @property
    def observation(self) -> Array:
        """What every agent sees now, shape ``(n, k, *observation_shape)``."""
        return self._apart(self.rows.observation)

    @property
    def present(self) -> Bools:
        """Who takes part in the coming step, shape ``(n, k)``."""
        return self._apart(self.rows.active)

    @property
    def mask(self) -> Bools | None:
        """Actions that are allowed now, shape ``(n, k, m)``, padding excluded; None for Boxes."""
        if self._available is None:
            return None
        if self.rows.mask is None:
            return np.broadcast_to(self._available, (self.num_envs, *self._available.shape)).copy()
        allowed: Bools = self._apart(self.rows.mask) & self._available
        return allowed

    def restart(self) -> None:
        """Begin new episodes everywhere; those that run are given up."""
        self.rows.restart()

    def step(self, actions: Array) -> JointStep:
        """Step all environments with actions of shape ``(n, k, *action_shape)``."""
        before, present, mask = np.array(self.observation), self.present, self.mask
        step = self.rows.step(actions.reshape(self.num_envs * len(self.agents), *actions.shape[2:]))
        ended = self._apart(step.terminated | step.truncated)
        terms = self.rows.info.get("reward_terms", {})
        return JointStep(
            observation=before,
            action=actions,
            reward=self._apart(step.reward),
            reward_terms={
                name: self._apart(np.asarray(values, np.float64))
                for name, values in terms.items()
                if not name.startswith("_")
            },
            present=present,
            terminated=self._apart(step.terminated) & present,
            truncated=self._apart(step.truncated) & present,
            over=np.asarray(ended.all(axis=1), np.bool_),
            next_observation=self._apart(np.asarray(step.next_observation)),
            mask=mask,
            next_mask=self._next_mask(ended),
        )

    def get_state(self) -> Json:
        """What is carried from one step to the next; see `Interaction.get_state`."""
        return self.rows.get_state()

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave."""
        self.rows.set_state(state)

    def _next_mask(self, ended: Bools) -> Bools | None:
        allowed = self.mask
        if allowed is None or self._available is None:
            return None
        return np.where(ended[:, :, None], self._available, allowed)

    def _apart(self, rows: Array) -> Array:
        return np.reshape(rows, (self.num_envs, len(self.agents), *np.shape(rows)[1:]))

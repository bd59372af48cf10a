"""The rows of a core with several agents: who is there, and what those who are see, earn and may do."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces

from sandbox.api.batch.padding import padded, spaces_by_agent, unseen
from sandbox.api.batch.rows import Rows, any_true, constant
from sandbox.api.batch.types import Array, Core, Flags, Info, Space
from sandbox.api.masks import mask_size, only_first
from sandbox.api.reward import RewardSpec


class AgentRows(Rows):
    """As `Rows`, with an axis of agents; keeps ``core.active``.

    Args:
        core: See `sandbox.api.ParallelCore`.
        num_envs: Its rows.
        reward: The reward of an agent.

    Attributes:
        agents: Their names.
        row_observation_space, row_action_space: Padded spaces of one agent.
        observation_spaces, action_spaces: Of each agent, by name.
    """

    def __init__(self, core: Core, num_envs: int, reward: RewardSpec) -> None:
        super().__init__(core, num_envs, reward)
        self.agents = list(core.agents)
        self.shape = (num_envs, len(self.agents))
        self._common = bool(getattr(core, "common_reward", False))
        self.value_shape = (num_envs,) if self._common else self.shape
        self._whole: Array | None = None
        self.all_agents = constant(True, self.shape)
        """``acted`` and ``active`` while nobody has left: most steps of most tasks, and the fast ones."""
        self.nobody = constant(False, self.shape)
        self._nothing_over = constant(False, (num_envs,))
        self._full = False
        self.observation_spaces = spaces_by_agent(core.observation_space, self.agents)
        self.action_spaces = spaces_by_agent(core.action_space, self.agents)
        self.row_observation_space: Space = padded(self.observation_spaces)
        self.row_action_space: Space = padded(self.action_spaces)
        self._padding = self._mask_padding()
        self.active: Flags = np.zeros(self.shape, np.bool_)
        self.acted: Flags = self.active
        self._observed: Flags = self.active
        core.active = self.active

    def begin(self, rows: Array) -> None:
        """Start the next episodes of some rows, all agents present."""
        self._set_active(rows)
        super().begin(rows)

    def step(self, actions: Array) -> tuple[Array, dict[str, Array]]:
        """Step all rows; agents that have left earn nothing."""
        self.acted = self.all_agents if self._full else self.active.copy()
        total, terms = super().step(actions)
        if self._common:
            self._whole = total
            total, terms = self._shares(total), {name: self._shares(value) for name, value in terms.items()}
        if not self._full:
            total = np.where(self.acted, total, 0.0)
            terms = {name: np.where(self.acted, values, 0.0) for name, values in terms.items()}
        return total, terms

    def joint_reward(self, total: Array) -> Array:
        """The reward of each row: the sum of its agents', and that of the whole system to the last bit."""
        reward: Array = total.sum(axis=1) if self._whole is None else self._whole
        return reward

    def _shares(self, values: Array) -> Array:
        """Equal shares of what concerns the whole system, shape ``(num_envs, k)``."""
        shares = np.empty(self.shape)
        shares[:] = (values / len(self.agents))[:, None]
        return shares

    def ends(self) -> tuple[Flags, Flags]:
        """Whose part has terminated or been truncated in this step; from now on they have left."""
        terminated, truncated = super().ends()
        self._observed = self.acted
        if terminated is self.nobody:
            return terminated, truncated
        terminated &= self.acted
        truncated &= np.logical_and(self.acted, ~terminated)
        self.active &= ~(terminated | truncated)
        self._full = not any_true(~self.active)
        return terminated, truncated

    def replay(self, actions: Array) -> Flags:
        """As `Rows.replay`; an episode is over when nobody is left."""
        self.acted = self.active.copy()
        self.core.step(actions)
        self.ends()
        return self.over()

    def over(self) -> Flags:
        """Rows that everybody has left, shape ``(num_envs,)``."""
        if self._full:
            return self._nothing_over
        over: Flags = np.logical_not(self.active.any(axis=1))
        return over

    def restore_active(self, active: Array) -> None:
        """Go back to who was there."""
        self.active[:] = active
        self._full = not any_true(~self.active)
        self._observed = self.all_agents if self._full else self.active.copy()

    def observe(self) -> Array:
        """What agents see; for those who had left before the step `padding.unseen`, mostly zeros."""
        observation: Array = np.asarray(self.core.observe(), self.row_observation_space.dtype)
        if self._observed is not self.all_agents:
            observation = observation.copy()  # what the core gave may be its own
            observation[~self._observed] = unseen(self.row_observation_space)
        return observation

    def present(self) -> Info:
        """Infos of the present: who is there, masks, and whatever the core gives."""
        info = super().present()
        info["active"] = self.all_agents if self._full else self.active.copy()
        info["_active"] = self.everyone
        mask = info.get("action_mask")
        if mask is None and self._padding is not None:
            mask = np.broadcast_to(self._padding, (self.num_envs, *self._padding.shape)).copy()
        if mask is not None:
            if self._padding is not None:
                mask &= self._padding
            mask[~self.active] = only_first(self.row_action_space)
            info["action_mask"], info["_action_mask"] = mask, self.everyone
        return info

    def _set_active(self, rows: Array) -> None:
        self.active[rows] = True
        self._full = not any_true(~self.active)
        if self._full:
            self._observed = self.all_agents
        else:
            self._observed = self._observed.copy()
            self._observed[rows] = True

    def _mask_padding(self) -> Flags | None:
        """True for actions that an agent has, ``(k, n)``; None where all have the same."""
        discrete = isinstance(self.row_action_space, spaces.Discrete)
        counts = [mask_size(space) for space in self.action_spaces.values()] if discrete else []
        if len(set(counts)) <= 1:
            return None
        return np.arange(max(counts)) < np.array(counts)[:, None]

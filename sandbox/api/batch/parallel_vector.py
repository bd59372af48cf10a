"""All rows of a core with several agents as a vector environment of whole episodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sandbox.api.batch.actions import ActionReader
from sandbox.api.batch.agents import AgentRows
from sandbox.api.batch.core import keeps_precision
from sandbox.api.batch.rows import any_true, copied_rows, with_presence
from sandbox.api.batch.state import Restore, keeper_of, upgraded
from sandbox.api.batch.types import Array, Config, Core, Flags, Info
from sandbox.api.batch.vector import Seeds, seed_rows
from sandbox.api.reward import RewardSpec
from sandbox.api.types import Element, VectorEnvironment


class BatchedParallelVectorEnv(VectorEnvironment):
    """A core of ``num_envs`` rows with k agents each; row r with seed s plays the single one's episodes.

    The form is that of `sandbox.api.Task.make_vec` for parallel tasks: observations ``(num_envs, k, …)``,
    the sum of the agents' rewards as reward, and in every info ``active``, ``acted``, ``agent_rewards``,
    ``agent_terminated``, ``agent_truncated``, ``reward_terms`` and, where there are masks, ``action_mask``,
    each ``(num_envs, k, …)``. See docs/reference/layouts.md.

    Attributes:
        core: The core; what baselines read.
        config: The task's parameters.
        reward: The task's reward.
        agents: Names of the k agents.
        row_observation_space, row_action_space: Padded spaces of one agent.
    """

    metadata: Info = {"render_modes": [], "autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(
        self,
        core: Core,
        config: Config,
        reward: RewardSpec,
        num_envs: int,
        restore: Restore = "state",
    ) -> None:
        self.core = core
        self.config, self.reward, self.num_envs, self.render_mode = config, reward, num_envs, None
        self._rows = rows = AgentRows(self.core, num_envs, reward)
        self.agents = rows.agents
        self.row_observation_space, self.row_action_space = rows.row_observation_space, rows.row_action_space
        self.single_observation_space = batch_space(self.row_observation_space, len(self.agents))
        self.single_action_space = batch_space(self.row_action_space, len(self.agents))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._keeper = keeper_of(rows, restore)
        self._read = ActionReader(self.row_action_space, rows.shape, keeps_precision(core))

    def reset(self, *, seed: Seeds = None, options: Info | None = None) -> tuple[Array, Info]:
        """Begin an episode in every row, or in those of ``options["reset_mask"]``; seeds are one a row."""
        seed_rows(self.core.rngs, seed)
        mask = (options or {}).get("reset_mask")
        self._begin(np.arange(self.num_envs) if mask is None else np.flatnonzero(mask))
        return self._rows.observe(), self._rows.present()

    def step(self, actions: Element) -> tuple[Array, Array, Flags, Flags, Info]:
        """One step of all rows and agents; rows whose last agent has left are reset."""
        rows = self._rows
        read = self._read(actions)
        self._keeper.stepped(read)
        total, terms = rows.step(read)
        agent_terminated, agent_truncated = rows.ends()
        observation, everyone = rows.observe(), rows.everyone
        outcome: Info = {
            "agent_rewards": total,
            "agent_terminated": agent_terminated,
            "agent_truncated": agent_truncated,
            "acted": rows.acted,
            "reward_terms": with_presence({name: x.copy() for name, x in terms.items()}, everyone),
        }
        outcome = with_presence(outcome, everyone)
        present = rows.present()
        reward, done = rows.joint_reward(total), rows.over()
        truncated: Flags = np.logical_and(done, agent_truncated.any(axis=1))
        if not any_true(done):
            return observation, reward, done, truncated, present | outcome
        ended = np.flatnonzero(done)
        final_obs = copied_rows(observation, ended, self.num_envs)
        final_info = present | outcome
        final_info |= {"metrics": with_presence(rows.metrics(ended), done), "_metrics": done}
        self._begin(ended)
        observation = rows.observe()
        info = rows.present() | outcome
        info |= {"final_obs": final_obs, "_final_obs": done, "final_info": final_info, "_final_info": done}
        return observation, reward, done & ~truncated, truncated, info

    def get_state(self) -> Info:
        """All that the future depends on, the generators included, as plain data."""
        generators = [rng.bit_generator.state for rng in self.core.rngs]
        return {"core": self._keeper.get(), "generators": generators, "active": self._rows.active.copy()}

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on from what `get_state` gave, bit by bit."""
        state = upgraded(self.core, state)
        self._keeper.set(state["core"])
        for rng, saved in zip(self.core.rngs, state["generators"], strict=True):
            rng.bit_generator.state = saved
        self._rows.restore_active(state["active"])

    def close_extras(self, **kwargs: Any) -> None:
        """Free what the core holds."""
        if hasattr(self.core, "close"):
            self.core.close()

    def _begin(self, rows: Array) -> None:
        self._keeper.began(rows)
        self._rows.begin(rows)
